"""Fields that are one column: of the rows, or at the end of foreign keys."""

from typing import Any

from rest_framework.fields import empty
from rest_framework.relations import (
    HyperlinkedIdentityField,
    HyperlinkedRelatedField,
    PrimaryKeyRelatedField,
    RelatedField,
    SlugRelatedField,
)

from drf_streaming.columns import models
from drf_streaming.columns.converters import AS_THEY_ARE, Converter, calling, displaying
from drf_streaming.columns.fields import Field, converter, is_own
from drf_streaming.columns.level import Level
from drf_streaming.columns.links import is_plain, links
from drf_streaming.columns.models import AnyModel, Declined, Path
from drf_streaming.columns.plan import Read


def read(level: Level, field: Field) -> Read:
    """Return the column of a field that is no relation."""
    *before, last = field.source_attrs
    model, nullable = level.follow(before)
    annotations = () if before else level.annotations
    convert = converter(field)
    if (shown := models.displayed(model, last)) is not None:
        convert = displaying(convert, shown)
        last = shown.attname
    column = models.column(model, last, annotations, joined=level.joined or bool(before))
    if models.has_own_values(model, column):
        convert = calling(convert)
    return Read((*before, column), convert, nullable and _absent(field, nullable))


def _absent(field: Field, key: Path) -> Path | None:
    """Return the key that is null where an item lacks a field; None if the field is then null."""
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
    return None if field.allow_null else key


def related(level: Level, field: RelatedField[Any, Any, Any]) -> Read:
    """Return the column of a relation to one object that is no object in the item."""
    if isinstance(field, HyperlinkedIdentityField) and is_plain(field):
        return Read((models.column(level.model, "pk"),), links(field))
    if isinstance(field, PrimaryKeyRelatedField):
        return _key(level, field, _of_key(field))
    if isinstance(field, HyperlinkedRelatedField) and is_plain(field):
        return _key(level, field, links(field))
    if isinstance(field, SlugRelatedField):
        return _slug(level, field)
    raise Declined(f"{type(field).__name__} has to see the related object")


def item(child: RelatedField[Any, Any, Any], model: AnyModel) -> Read:
    """Return the column of the objects of a list that are no objects in the item."""
    if isinstance(child, PrimaryKeyRelatedField):
        return Read((models.column(model, "pk"),), _of_key(child))
    if isinstance(child, HyperlinkedRelatedField) and is_plain(child):
        return Read((models.column(model, "pk"),), links(child))
    if isinstance(child, SlugRelatedField):
        return Read((models.column(model, str(child.slug_field)),), AS_THEY_ARE)
    raise Declined(f"{type(child).__name__} has to see the related object")


def _key(level: Level, field: RelatedField[Any, Any, Any], convert: Converter) -> Read:
    if not is_own(field, "use_pk_only_optimization"):
        raise Declined(f"{type(field).__name__} overrides methods of DRF")
    *before, last = field.source_attrs
    model, nullable = level.follow(before)
    if nullable:
        raise Declined("a related object on the way may be missing")
    return Read((*before, models.key_column(model, last)), convert)


def _slug(level: Level, field: SlugRelatedField[Any]) -> Read:
    *before, last = [*field.source_attrs, *str(field.slug_field).split("__")]
    model, nullable = level.follow(before)
    if nullable and len(before) > 1:
        raise Declined("a related object on the way may be missing")
    if not is_own(field, "use_pk_only_optimization") or field.use_pk_only_optimization():
        raise Declined(f"{type(field).__name__} overrides methods of DRF")
    return Read((*before, models.column(model, last, joined=True)), AS_THEY_ARE)


def _of_key(field: PrimaryKeyRelatedField[Any]) -> Converter:
    return AS_THEY_ARE if field.pk_field is None else converter(field.pk_field)
