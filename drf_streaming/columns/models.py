"""Which attributes of a model's objects are columns, and of which querysets."""

from collections.abc import Container, Mapping
from functools import partialmethod
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import Manager, Model, QuerySet
from django.db.models.fields.related_descriptors import (
    ForeignKeyDeferredAttribute,
    ForwardManyToOneDescriptor,
    ForwardOneToOneDescriptor,
    ManyToManyDescriptor,
    ReverseManyToOneDescriptor,
    ReverseOneToOneDescriptor,
)
from django.db.models.query import ModelIterable
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

AnyModel = type[Model]
Path = tuple[str, ...]
_QUERYSET_METHODS = ("iterator", "_iterator", "__iter__", "_fetch_all", "values_list", "_values")
_MODEL_METHODS = ("__init__", "__getattribute__", "__setattr__", "__new__")


class Declined(Exception):
    """Say why something cannot be read from columns, and what would change that."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


def check_objects(queryset: QuerySet[Any]) -> None:
    """Decline a queryset whose rows may be something else than objects of its model."""
    if queryset._iterable_class is not ModelIterable:
        raise Declined(
            "the rows are values(), or not objects of the model for another reason",
            "Give the serializer the queryset without values(): a stream reads only the columns "
            "that its fields need.",
        )
    if queryset.query.combinator:
        raise Declined(
            "the rows are those of several querysets together",
            "Say with filter() and Q what union() says, where that is possible.",
        )


def check_queryset(queryset: QuerySet[Any]) -> None:
    """Decline a queryset whose objects may hold something else than their columns."""
    check_objects(queryset)
    query = queryset.query
    for name in _QUERYSET_METHODS:
        if getattr(type(queryset), name) is not getattr(QuerySet, name):
            raise Declined(f"{type(queryset).__name__} overrides {name}()")
    if query.deferred_loading != (frozenset(), True):
        raise Declined(
            "the queryset has defer() or only()",
            "Leave them out: a stream reads only the columns that its fields need.",
        )
    if query.extra:
        raise Declined("the queryset has extra()", "Use annotate() in its place.")
    if query.select_for_update:
        raise Declined("the queryset has select_for_update()")
    if query.distinct and (query.distinct_fields or query.annotations):
        raise Declined("the queryset is distinct() by more than its columns")
    check_model(queryset.model)


def check_model(model: AnyModel) -> None:
    """Decline a model whose objects may hold something else than their columns."""
    for name in _MODEL_METHODS:
        if getattr(model, name) is not getattr(Model, name):
            raise Declined(f"{model.__name__} overrides {name}()")
    if model.from_db.__func__ is not Model.from_db.__func__:  # type: ignore[attr-defined]
        raise Declined(f"{model.__name__} overrides from_db()")
    for signal, called in ((pre_init, "pre_init"), (post_init, "post_init")):
        if signal.has_listeners(model):
            raise Declined(f"a receiver of {called} may change objects of {model.__name__}")
    check_attributes(model)


def check_attributes(model: AnyModel) -> None:
    """Decline a model whose objects DRF does not ask for their attributes."""
    if issubclass(model, Mapping):
        raise Declined(f"{model.__name__} is a mapping")


def column(
    model: AnyModel, name: str, annotations: Container[str] = (), *, joined: bool = False
) -> str:
    """Return the column that holds this attribute of every object.

    Shape: with `joined` the column is that of a related object, which may be missing, and whose
        key is read from what refers to it.
    """
    if name == "pk" and static(model, "pk") is Model.pk:
        name = model._meta.pk.attname
    found = static(model, name)
    if found is None and name in annotations:
        return name
    if type(found) not in (DeferredAttribute, ForeignKeyDeferredAttribute):
        raise Declined(
            f"{model.__name__}.{name} is no column",
            "Annotate the queryset with it under another name, and make that the field's source.",
        )
    if joined and _has_own_values(found.field):
        raise Declined(f"{model.__name__}.{name} has a from_db_value() of its own")
    return name


def displayed(model: AnyModel, name: str) -> Any:
    """Return the field of which this is Django's own `get_FOO_display`."""
    found = static(model, name)
    display = Model._get_FIELD_display  # type: ignore[attr-defined]
    if isinstance(found, partialmethod) and found.func is display:
        return found.keywords["field"]
    return None


def has_own_values(model: AnyModel, name: str) -> bool:
    """Tell whether the project's code makes the values of a column."""
    found = static(model, name)
    return found is not None and _has_own_values(found.field)


def key_column(model: AnyModel, name: str) -> str:
    """Return the column of a foreign key, or of any other field, by the field's name."""
    if model.serializable_value is not Model.serializable_value:
        raise Declined(f"{model.__name__} overrides serializable_value()")
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return column(model, name)
    return column(model, getattr(field, "attname", name))


def relation(queryset: QuerySet[Any], model: AnyModel, name: str) -> Any:
    """Return the foreign key that this attribute follows, if a join finds the same object."""
    if type(static(model, name)) not in (ForwardManyToOneDescriptor, ForwardOneToOneDescriptor):
        raise Declined(f"{model.__name__}.{name} is no foreign key")
    field: Any = model._meta.get_field(name)
    related: AnyModel = field.related_model
    if field.name != name or len(field.foreign_related_fields) != 1:
        raise Declined(f"{model.__name__}.{name} is a foreign key of more than one column")
    if not (field.db_constraint and model._meta.managed and related._meta.managed):
        raise Declined(f"nothing in the database assures that {model.__name__}.{name} exists")
    if type(related._base_manager) is not Manager:
        raise Declined(f"{related.__name__} has a base manager of its own")
    if field in queryset._known_related_objects:  # type: ignore[attr-defined]
        raise Declined(f"each {model.__name__} has a {name} that is in memory already")
    if router.db_for_read(related) != router.db_for_read(model):
        raise Declined(f"{related.__name__} may be in another database than {model.__name__}")
    check_model(related)
    return field


def is_joinable(model: AnyModel) -> bool:
    """Tell whether objects can be made of a join that may find none."""
    return not any(map(_has_own_values, model._meta.concrete_fields))


def _has_own_values(field: Any) -> bool:
    convert = getattr(type(field), "from_db_value", None)
    return convert is not None and not convert.__module__.startswith("django.")


def prefetchable(model: AnyModel, name: str) -> AnyModel | None:
    """Return what the objects of this relation are of, if it is one that can be prefetched."""
    found = static(model, name)
    match found:
        case ManyToManyDescriptor():
            related = found.rel.related_model if found.reverse else found.rel.model
        case ReverseManyToOneDescriptor():
            # That of a generic relation knows its objects by another name.
            related = found.rel.model if found.rel.field.model is model else found.rel.related_model
        case ReverseOneToOneDescriptor():
            related = found.related.related_model
        case ForwardManyToOneDescriptor():
            related = found.field.related_model
        case _:
            return None
    return related


def static(model: AnyModel, name: str) -> Any:
    """Return what a class has under a name, descriptors as they are; None for nothing."""
    for each in model.__mro__:
        if name in each.__dict__:
            return each.__dict__[name]
    return None
