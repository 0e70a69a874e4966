"""What one field makes of one object, as in DRF; what is the same for each row is done once."""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from msgspec import UNSET
from rest_framework.fields import (
    SerializerMethodField,
    SkipField,
    get_attribute,
    is_simple_callable,
)
from rest_framework.relations import PKOnlyObject

from drf_streaming.columns.fields import Field, is_own
from drf_streaming.columns.models import AnyModel, static

Cell = Callable[[Any], Any]


def cell(field: Field, model: AnyModel) -> Cell:
    """Return what a serializer does to fill one key of the item of an object."""
    if not is_own(field, "get_attribute"):
        return _represented(field, field.get_attribute)
    if isinstance(field, SerializerMethodField) and is_own(field, "to_representation"):
        method: Cell = getattr(field.parent, str(field.method_name))
        return method if field.source_attrs == [] else _represented(field, field.get_attribute)
    if len(field.source_attrs) == 1:
        return _represented(field, _attribute(model, field.source_attrs[0], field.get_attribute))
    return _represented(field, field.get_attribute)


def _represented(field: Field, attribute_of: Cell) -> Cell:
    to_representation = field.to_representation

    def represented(row: Any) -> Any:
        try:
            attribute = attribute_of(row)
        except SkipField:
            return UNSET
        found = attribute.pk if isinstance(attribute, PKOnlyObject) else attribute
        return None if found is None else to_representation(attribute)

    return represented


def _attribute(model: AnyModel, name: str, attribute_of: Cell) -> Cell:
    """Return what gets an attribute; a method's signature is looked at once, not for each row."""
    function = static(model, name)
    if not isinstance(function, FunctionType):
        return attribute_of
    if not is_simple_callable(MethodType(function, object())):
        return attribute_of

    def called(row: Any) -> Any:
        method = getattr(row, name)
        if getattr(method, "__func__", None) is not function:
            return attribute_of(row)
        try:
            return method()
        except (AttributeError, KeyError) as error:
            failure = error

        def fail() -> None:
            raise failure

        # DRF has an error of its own for these.
        return get_attribute({name: fail}, [name])

    return called
