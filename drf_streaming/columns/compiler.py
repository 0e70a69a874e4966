"""Serializer and queryset to a plan."""

from contextlib import suppress
from typing import Any, cast

from django.db.models import QuerySet
from rest_framework.fields import SerializerMethodField
from rest_framework.relations import ManyRelatedField, RelatedField
from rest_framework.serializers import ListSerializer, Serializer

from drf_streaming.columns import models
from drf_streaming.columns.fields import Field, is_own
from drf_streaming.columns.level import Level
from drf_streaming.columns.models import AnyModel, Declined, Path
from drf_streaming.columns.plan import Collect, Entry, Join, Plan, Read, Source
from drf_streaming.columns.reads import item, read, related
from drf_streaming.columns.related import Related
from drf_streaming.columns.relations import Relations


def compile_plan(serializer: Any, queryset: QuerySet[Any], relations: Relations) -> Plan:
    """Find out where the values of a serializer's fields come from.

    Errors: Declined for a serializer that does not represent objects field by field.
    """
    models.check_attributes(queryset.model)
    annotations = queryset.query.annotation_select
    level = Level(queryset, relations, queryset.model, annotations=annotations)
    return _Compiler(level, serializer, ()).plan()


def check_serializer(serializer: object) -> None:
    """Decline a serializer that does not represent objects field by field, as DRF's does."""
    name = type(serializer).__name__
    if not isinstance(serializer, Serializer):
        raise Declined(f"{name} is no Serializer with fields")
    if not is_own(serializer, "to_representation"):
        raise Declined(
            f"{name} overrides to_representation()",
            "Move what it does into fields, which can then be read from columns one by one.",
        )
    if type(serializer)._readable_fields is not Serializer._readable_fields:
        raise Declined(f"{name} overrides _readable_fields")
    if all(field.write_only for field in serializer.fields.values()):
        raise Declined(f"{name} has no readable fields")


class _Compiler:
    """One serializer: that of the rows, or one that is nested."""

    def __init__(self, level: Level, serializer: Any, above: tuple[type, ...]) -> None:
        check_serializer(serializer)
        if type(serializer) in above:
            raise Declined(f"{type(serializer).__name__} contains itself")
        self._level = level
        self._serializer = serializer
        self._above = (*above, type(serializer))

    def plan(self) -> Plan:
        fields = [field for field in self._serializer.fields.values() if not field.write_only]
        return Plan(self._level.model, tuple(map(self._entry, fields)))

    def _entry(self, field: Field) -> Entry:
        name = str(field.field_name)
        try:
            return Entry(name, field, self._source(field))
        except Declined as declined:
            self._level.meet(_attributes(field))
            return Entry(name, field, None, str(declined), declined.advice)

    def _source(self, field: Field) -> Source:
        if isinstance(field, ListSerializer | ManyRelatedField):
            return self._collect(field)
        if isinstance(field, SerializerMethodField):
            raise Declined(
                "a method of the serializer computes it",
                "Annotate the queryset with it, and use a field of its type in place of it.",
            )
        if not is_own(field, "to_representation", "get_attribute"):
            raise Declined(f"{type(field).__name__} overrides methods of DRF")
        if isinstance(field, Serializer):
            return self._join(field)
        if isinstance(field, RelatedField):
            return related(self._level, field)
        if not field.source_attrs or type(field).get_attribute is not Field.get_attribute:
            raise Declined(f"{type(field).__name__} is made of the whole object")
        return read(self._level, field)

    def _join(self, field: Serializer[Any]) -> Join:
        path = tuple(field.source_attrs)
        model = self._level.model
        if not path:
            return Join(None, model, (), False, _pure(self._nested((), model, field)))
        try:
            if len(path) > 1:
                raise Declined("its source is a path of attributes")
            key = self._level.relation(model, path)
        except Declined:
            self._meet_nested(field, path)
            raise
        plan = _pure(self._nested(path, key.related_model, field))
        return Join(path[0], key.related_model, (key.attname,), key.null, plan)

    def _collect(self, field: Any) -> Collect:
        child = field.child if isinstance(field, ListSerializer) else field.child_relation
        path = tuple(field.source_attrs)
        try:
            found = self._related_objects(field, child)
        except Declined:
            if isinstance(child, Serializer):
                self._meet_nested(child, path)
            raise
        self._level.meet(_attributes(field))
        each: Plan | Read
        if isinstance(child, Serializer):
            each = _pure(self._nested(path, found.model, child, many=True))
        else:
            each = item(cast("RelatedField[Any, Any, Any]", child), found.model)
        return Collect(path[0], found, (models.column(self._level.model, "pk"),), each)

    def _related_objects(self, field: Any, child: Any) -> Related:
        for each in (field, child):
            if not is_own(each, "to_representation", "get_attribute"):
                raise Declined(f"{type(each).__name__} overrides methods of DRF")
        if len(field.source_attrs) != 1:
            raise Declined("its source is no relation of the object itself")
        (name,) = field.source_attrs
        level = self._level
        path = (*level.path, name)
        found = Related(level.model, name, level.relations.given(path))
        level.relations.add_given(path, found.queryset)
        return found

    def _nested(self, path: Path, model: AnyModel, serializer: Any, *, many: bool = False) -> Plan:
        level = self._level.inside(path, model, many=many)
        return _Compiler(level, serializer, self._above).plan()

    def _meet_nested(self, serializer: Any, path: Path) -> None:
        """Let what a nested serializer shows be fetched with its objects."""
        model = self._level.meet(path)
        if model is not None:
            with suppress(Declined):
                self._nested(path, model, serializer)


def _attributes(field: Any) -> list[str]:
    """Return the attributes that a field may follow from object to object."""
    slug = getattr(getattr(field, "child_relation", field), "slug_field", "")
    return [*field.source_attrs, *(str(slug).split("__") if slug else ())]


def _pure(plan: Plan) -> Plan:
    """Decline a nested object that some field has to see: all of its row is then made at once."""
    for entry in plan.entries:
        if entry.source is None:
            raise Declined(f"{entry.name} in it: {entry.reason}", entry.advice)
    return plan
