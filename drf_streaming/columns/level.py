"""Where the objects of one serializer are: the rows themselves, or at the end of relations."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from drf_streaming.columns import models
from drf_streaming.columns.models import AnyModel, Declined, Path
from drf_streaming.columns.relations import Relations


@dataclass(frozen=True, slots=True)
class Level:
    """The objects that a serializer is for, at the end of a path of relations."""

    queryset: QuerySet[Any]
    relations: Relations
    model: AnyModel
    path: Path = ()
    annotations: Container[str] = ()
    joined: bool = False

    def inside(self, path: Path, model: AnyModel, *, many: bool = False) -> "Level":
        """Return the level of the objects of a relation, or, with no path, of these again."""
        return Level(
            self.queryset,
            self.relations,
            model,
            (*self.path, *path),
            () if path else self.annotations,
            not many and (self.joined or bool(path)),
        )

    def relation(self, model: AnyModel, attributes: Path) -> Any:
        """Return the foreign key that is the last of these, if a join finds its objects."""
        path = (*self.path, *attributes)
        if self.relations.given(path) is not None:
            raise Declined(f"the project prefetches {path[-1]} with a queryset of its own")
        found = models.relation(self.queryset, model, attributes[-1])
        self.relations.meet(path, join=models.is_joinable(found.related_model))
        return found

    def follow(self, attributes: Sequence[str]) -> tuple[AnyModel, Path | None]:
        """Return the model at the end of these relations, and the last key if it may be null."""
        model = self.model
        nullable, key_path = False, None
        for place in range(len(attributes)):
            key = self.relation(model, tuple(attributes[: place + 1]))
            nullable = nullable or key.null
            key_path = (*attributes[:place], key.attname)
            model = key.related_model
        return model, key_path if nullable else None

    def meet(self, attributes: Sequence[str]) -> AnyModel | None:
        """Let objects be fetched with those that a field sees, and return what the last are of."""
        model: AnyModel = self.model
        for place, name in enumerate(attributes):
            found = models.prefetchable(model, name)
            if found is None:
                return None
            try:
                self.relation(model, tuple(attributes[: place + 1]))
            except Declined:
                self.relations.meet((*self.path, *attributes[: place + 1]))
            model = found
        return model
