"""The objects of a relation to many: one query for the rows of a chunk."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Manager, QuerySet
from django.db.models.fields.related_descriptors import (
    ManyToManyDescriptor,
    ReverseManyToOneDescriptor,
)
from django.db.models.manager import BaseManager

from drf_streaming.columns.models import AnyModel, Declined, check_queryset, static

# Some databases take so many parameters in a query.
KEYS = 900
Rows = list[tuple[Any, ...]]


class Related:
    """The objects of a many-to-many field or of a reverse foreign key, for many rows at once."""

    def __init__(self, model: AnyModel, name: str, prefetched: QuerySet[Any] | None) -> None:
        found: Any = static(model, name)
        if type(found) is ManyToManyDescriptor:
            self.model, self._lookup, target = _many_to_many(found)
            self._key = self._lookup
        elif type(found) is ReverseManyToOneDescriptor:
            field = found.field
            self.model, self._lookup, self._key = field.model, field.name, field.attname
            target = field.foreign_related_fields[0]
        else:
            raise Declined(f"{model.__name__}.{name} is no relation to many objects")
        if not _is_key(model, target):
            raise Declined(f"{name} refers to something else than the primary key")
        self.queryset = self._objects(prefetched, name)

    def _objects(self, prefetched: QuerySet[Any] | None, name: str) -> QuerySet[Any]:
        manager = self.model._default_manager
        if prefetched is None and _has_its_own_mind(manager):
            raise Declined(f"the manager of {self.model.__name__} may give each object others")
        found: QuerySet[Any] = manager.get_queryset() if prefetched is None else prefetched
        check_queryset(found)
        query = found.query
        # A join that is there already could be taken for the one that finds the keys.
        if query.is_sliced or query.distinct or query.annotations or len(query.alias_map) > 1:
            raise Declined(f"the queryset of {name} joins, slices or annotates")
        return found

    def rows(self, keys: list[Any], names: Sequence[str], using: str) -> Rows:
        """Return the rows that are related to any of these keys: first the key, then the names."""
        objects = self.queryset if self.queryset._db else self.queryset.using(using)  # type: ignore[attr-defined]
        selected = [*dict.fromkeys([self._key, *names])]
        found: Rows = []
        for start in range(0, len(keys), KEYS):
            wanted = objects.filter(**{f"{self._lookup}__in": keys[start : start + KEYS]})
            found += wanted.values_list(*selected)
        if self._key in names:
            places = [selected.index(name) for name in (self._key, *names)]
            found = [tuple(row[place] for place in places) for row in found]
        return found


def _many_to_many(found: Any) -> tuple[AnyModel, str, Any]:
    """Return the model of the objects, what they call the others, and the field of those."""
    field = found.field
    names = field.m2m_field_name(), field.m2m_reverse_field_name()
    through = field.remote_field.through._meta
    source, other = (through.get_field(name).target_field for name in names)
    if found.reverse:
        source, other = other, source
    if not other.primary_key:
        raise Declined(f"{field.name} refers to something else than primary keys")
    if found.reverse:
        return field.model, field.name, source
    return field.related_model, field.related_query_name(), source


def _has_its_own_mind(manager: "Manager[Any]") -> bool:
    """Tell whether the manager of a relation may differ from the default one that it copies."""
    owner = type(manager)
    code = owner.get_queryset.__code__
    return (
        owner.__init__ is not BaseManager.__init__
        or owner.all is not BaseManager.all
        # The manager of a relation knows the object that it is the relation of.
        or "instance" in (*code.co_names, *code.co_consts)
    )


def _is_key(model: AnyModel, target: Any) -> bool:
    """Tell whether the primary key of a model is this field, perhaps that of a parent."""
    key: Any = model._meta.pk
    while key is not target:
        if key.remote_field is None or not key.remote_field.parent_link:
            return False
        key = key.target_field
    return True
