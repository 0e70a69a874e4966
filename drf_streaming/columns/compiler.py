"""Serializer and queryset to a plan."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db.models import QuerySet
from rest_framework.fields import SerializerMethodField, empty
from rest_framework.relations import (
    HyperlinkedIdentityField,
    HyperlinkedRelatedField,
    ManyRelatedField,
    PrimaryKeyRelatedField,
    RelatedField,
    SlugRelatedField,
)
from rest_framework.serializers import ListSerializer, Serializer

from drf_streaming.columns import models
from drf_streaming.columns.cells import cell
from drf_streaming.columns.fields import (
    AS_THEY_ARE,
    Converter,
    Field,
    calling,
    converter,
    displaying,
    is_own,
)
from drf_streaming.columns.links import is_plain, links
from drf_streaming.columns.models import AnyModel, Declined, Related
from drf_streaming.columns.plan import Collect, Entry, Join, Path, Plan, Read, Source


class Compiler:
    """Find out where the values of a serializer's fields come from.

    Shape: `joins` and `prefetches` are the relations that it met, by which objects can be
        fetched together with those that they belong to.
    """

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self._queryset = queryset
        self._prefetched = models.prefetched_querysets(queryset)
        self.joins: set[str] = set()
        self.prefetches: set[str] = set()

    def plan(self, serializer: Any) -> Plan:
        """Return the plan of the objects of the queryset.

        Errors: Declined for a serializer that does not represent objects field by field.
        """
        models.check_attributes(self._queryset.model)
        annotations = self._queryset.query.annotation_select
        return _Level(self, self._queryset, (), (), annotations).plan(serializer)

    def with_related(self) -> QuerySet[Any]:
        """Return the queryset with the relations that the plan met, lest each row asks for them."""
        queryset = self._queryset
        query = queryset.query
        if (
            query.select_related is True
            or query.deferred_loading[0]
            or query.distinct
            or query.group_by
            or query.select_for_update
        ):
            self.prefetches |= self.joins
        elif self.joins:
            queryset = queryset.select_related(*sorted(self.joins))
        present = {
            getattr(lookup, "prefetch_to", lookup)
            for lookup in queryset._prefetch_related_lookups  # type: ignore[attr-defined]
        }
        return queryset.prefetch_related(*sorted(self.prefetches - present))

    def meet(self, path: Path, *, join: bool = False) -> None:
        """Remember a relation that some field reads."""
        # What belongs to objects that are prefetched is prefetched too.
        before = "__".join(path[:-1])
        join = join and (not before or before in self.joins)
        (self.joins if join else self.prefetches).add("__".join(path))

    def add_prefetched(self, path: Path, queryset: QuerySet[Any]) -> None:
        """Remember what the queryset of a relation prefetches itself."""
        for inner, found in models.prefetched_querysets(queryset).items():
            self._prefetched.setdefault("__".join((*path, inner)), found)

    def prefetched(self, path: Path) -> QuerySet[Any] | None:
        """Return the queryset that the project wants for a relation."""
        return self._prefetched.get("__".join(path))


def check_serializer(serializer: object) -> None:
    """Decline a serializer that does not represent objects field by field, as DRF's does."""
    name = type(serializer).__name__
    if not isinstance(serializer, Serializer):
        raise Declined(f"{name} is no Serializer with fields")
    if not is_own(serializer, "to_representation"):
        raise Declined(
            f"{name} has a to_representation() of its own",
            "Move what it does into fields, which can then be read from columns one by one.",
        )
    if type(serializer)._readable_fields is not Serializer._readable_fields:
        raise Declined(f"{name} has _readable_fields of its own")
    if all(field.write_only for field in serializer.fields.values()):
        raise Declined(f"{name} has no readable fields")


class _Level:
    """One serializer: that of the rows, or one that is nested."""

    def __init__(
        self,
        compiler: Compiler,
        queryset: QuerySet[Any],
        path: Path,
        above: tuple[type, ...],
        annotations: Any = (),
        *,
        joined: bool = False,
    ) -> None:
        self._compiler = compiler
        self._queryset = queryset
        self._path = path
        self._above = above
        self._annotations = annotations
        self._joined = joined

    def plan(self, serializer: Any, model: AnyModel | None = None) -> Plan:
        check_serializer(serializer)
        if type(serializer) in self._above:
            raise Declined(f"{type(serializer).__name__} contains itself")
        self._above = (*self._above, type(serializer))
        self._model: AnyModel = model or self._queryset.model
        fields = [field for field in serializer.fields.values() if not field.write_only]
        return Plan(self._model, tuple(self._entry(field) for field in fields))

    def _entry(self, field: Field) -> Entry:
        name = str(field.field_name)
        try:
            source = self._source(field)
        except Declined as declined:
            self._meet(_attributes(field))
            return Entry(
                name, field, None, cell(field, self._model), str(declined), declined.advice
            )
        return Entry(name, field, source, cell(field, self._model))

    def _source(self, field: Field) -> Source:
        if isinstance(field, ListSerializer | ManyRelatedField):
            return self._collect(field)
        if isinstance(field, SerializerMethodField):
            raise Declined(
                "a method of the serializer computes it",
                "Annotate the queryset with it, and use a field of its type in place of it.",
            )
        if not is_own(field, "to_representation", "get_attribute"):
            raise Declined(f"{type(field).__name__} has methods of its own")
        if isinstance(field, Serializer):
            return self._join(field)
        if isinstance(field, RelatedField):
            return self._related(field)
        if not field.source_attrs or type(field).get_attribute is not Field.get_attribute:
            raise Declined(f"{type(field).__name__} is made of the whole object")
        return self._read(field)

    def _related(self, field: RelatedField[Any, Any, Any]) -> Read:
        if isinstance(field, HyperlinkedIdentityField) and is_plain(field):
            return Read((models.column(self._model, "pk"),), links(field))
        if isinstance(field, PrimaryKeyRelatedField):
            return self._key(field, _of_key(field))
        if isinstance(field, HyperlinkedRelatedField) and is_plain(field):
            return self._key(field, links(field))
        if isinstance(field, SlugRelatedField):
            return self._slug(field)
        raise Declined(f"{type(field).__name__} has to see the related object")

    def _read(self, field: Field) -> Read:
        *before, last = field.source_attrs
        model, nullable = self._follow(before)
        annotations = () if before else self._annotations
        convert = converter(field)
        if (shown := models.displayed(model, last)) is not None:
            convert = displaying(convert, shown)
            last = shown.attname
        column = models.column(model, last, annotations, joined=self._joined or bool(before))
        if models.has_own_values(model, column):
            convert = calling(convert)
        absent = None
        if nullable:
            if field.default is not empty:
                raise Declined(
                    "it has a default where the related object is missing",
                    "Use allow_null=True in its place, if null does as well.",
                )
            if field.required and not field.allow_null:
                raise Declined(
                    "it fails where the related object is missing",
                    "Say what then is to be: allow_null=True for null, read_only=True for no key.",
                )
            absent = None if field.allow_null else nullable
        return Read((*before, column), convert, absent)

    def _key(self, field: RelatedField[Any, Any, Any], convert: Converter) -> Read:
        if not is_own(field, "use_pk_only_optimization"):
            raise Declined(f"{type(field).__name__} has methods of its own")
        *before, last = field.source_attrs
        model, nullable = self._follow(before)
        if nullable:
            raise Declined("a related object on the way may be missing")
        return Read((*before, models.key_column(model, last)), convert)

    def _slug(self, field: SlugRelatedField[Any]) -> Read:
        *before, last = [*field.source_attrs, *str(field.slug_field).split("__")]
        model, nullable = self._follow(before)
        if nullable and len(before) > 1:
            raise Declined("a related object on the way may be missing")
        if not is_own(field, "use_pk_only_optimization") or field.use_pk_only_optimization():
            raise Declined(f"{type(field).__name__} has methods of its own")
        return Read((*before, models.column(model, last, joined=True)), AS_THEY_ARE)

    def _join(self, field: Serializer[Any]) -> Join:
        path = tuple(field.source_attrs)
        if not path:
            plan = self._nested(()).plan(field, self._model)
            return Join(None, self._model, (), False, _pure(plan))
        try:
            if len(path) > 1:
                raise Declined("its source is a path of attributes")
            key = self._relation(self._model, path)
        except Declined:
            self._meet_nested(field, path)
            raise
        plan = _pure(self._nested(path).plan(field, key.related_model))
        return Join(path[0], key.related_model, (key.attname,), key.null, plan)

    def _meet_nested(self, field: Any, path: Path) -> None:
        """Let what a nested serializer shows be fetched with its objects."""
        model = self._meet(path)
        if model is not None:
            with suppress(Declined):
                self._nested(path).plan(field, model)

    def _collect(self, field: Any) -> Collect:
        child = field.child if isinstance(field, ListSerializer) else field.child_relation
        path = tuple(field.source_attrs)
        try:
            related = self._related_objects(field, child)
        except Declined:
            if isinstance(child, Serializer):
                self._meet_nested(child, path)
            raise
        self._meet(_attributes(field))
        item: Plan | Read
        if isinstance(child, Serializer):
            item = _pure(self._nested(path, many=True).plan(child, related.model))
        else:
            item = _item(child, related.model)
        return Collect(path[0], related, (models.column(self._model, "pk"),), item)

    def _related_objects(self, field: Any, child: Any) -> Related:
        for each in (field, child):
            if not is_own(each, "to_representation", "get_attribute"):
                raise Declined(f"{type(each).__name__} has methods of its own")
        if len(field.source_attrs) != 1:
            raise Declined("its source is no relation of the object itself")
        (name,) = field.source_attrs
        path = (*self._path, name)
        related = Related(self._model, name, self._compiler.prefetched(path))
        self._compiler.add_prefetched(path, related.queryset)
        return related

    def _nested(self, path: Path, *, many: bool = False) -> "_Level":
        return _Level(
            self._compiler,
            self._queryset,
            (*self._path, *path),
            self._above,
            () if path else self._annotations,
            joined=not many and (self._joined or bool(path)),
        )

    def _meet(self, attributes: Sequence[str]) -> AnyModel | None:
        """Let objects be fetched with those that a field sees, and return what the last are of."""
        model: AnyModel | None = self._model
        for place, name in enumerate(attributes):
            found = None if model is None else models.prefetchable(model, name)
            if found is None or model is None:
                return None
            try:
                self._relation(model, tuple(attributes[: place + 1]))
            except Declined:
                self._compiler.meet((*self._path, *attributes[: place + 1]))
            model = found
        return model

    def _follow(self, attributes: Sequence[str]) -> tuple[AnyModel, Path | None]:
        """Return the model at the end of these relations, and the last key if it may be null."""
        model: AnyModel = self._model
        nullable, key_path = False, None
        for place in range(len(attributes)):
            key = self._relation(model, tuple(attributes[: place + 1]))
            nullable = nullable or key.null
            key_path = (*attributes[:place], key.attname)
            model = key.related_model
        return model, key_path if nullable else None

    def _relation(self, model: AnyModel, attributes: Path) -> Any:
        path = (*self._path, *attributes)
        if self._compiler.prefetched(path) is not None:
            raise Declined(f"the project prefetches {path[-1]} with a queryset of its own")
        found = models.relation(self._queryset, model, attributes[-1])
        self._compiler.meet(path, join=models.is_joinable(found.related_model))
        return found


def _attributes(field: Any) -> list[str]:
    """Return the attributes that a field may follow from object to object."""
    slug = getattr(getattr(field, "child_relation", field), "slug_field", "")
    return [*field.source_attrs, *(str(slug).split("__") if slug else ())]


def _item(child: Any, model: AnyModel) -> Read:
    """Return the one column of the objects of a list that are no objects in the items."""
    if isinstance(child, PrimaryKeyRelatedField):
        return Read((models.column(model, "pk"),), _of_key(child))
    if isinstance(child, HyperlinkedRelatedField) and is_plain(child):
        return Read((models.column(model, "pk"),), links(child))
    if isinstance(child, SlugRelatedField):
        return Read((models.column(model, str(child.slug_field)),), AS_THEY_ARE)
    raise Declined(f"{type(child).__name__} has to see the related object")


def _of_key(field: PrimaryKeyRelatedField[Any]) -> Converter:
    return AS_THEY_ARE if field.pk_field is None else converter(field.pk_field)


def _pure(plan: Plan) -> Plan:
    """Decline a nested object that some field has to see: all of its row is then made at once."""
    for entry in plan.entries:
        if entry.source is None:
            raise Declined(f"{entry.name} in it: {entry.reason}", entry.advice)
    return plan
