"""The order of a queryset as terms that say, of any row, which rows come after it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import (
    AutoField,
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    DurationField,
    F,
    Field,
    FloatField,
    ForeignKey,
    GenericIPAddressField,
    IntegerField,
    Model,
    OrderBy,
    Q,
    QuerySet,
    TextField,
    TimeField,
    UUIDField,
)
from django.db.models.query import ModelIterable

# What equals itself again as a parameter of a query, and goes into a token and back.
_COMPARABLE = (
    AutoField,
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    DurationField,
    FloatField,
    GenericIPAddressField,
    IntegerField,
    TextField,
    TimeField,
    UUIDField,
)
_VALUES = ("to_python", "get_prep_value", "get_db_prep_value")


class NoPlace(Exception):
    """Say why the rows of a list have no place that it could be continued from."""


@dataclass(frozen=True, slots=True)
class Term:
    """One column that rows are ordered by.

    Shape: `name` is what rows have it under, `path` where it comes from.
    """

    name: str
    path: str
    field: "Field[Any, Any]"
    descending: bool
    nullable: bool
    nulls_first: bool | None = None
    """None: where the database puts them."""

    def __str__(self) -> str:
        nulls = {None: "", True: " nulls first", False: " nulls last"}[self.nulls_first]
        return f"{'-' if self.descending else ''}{self.path}{nulls}"

    @property
    def order_by(self) -> OrderBy:
        """Return what the queryset is ordered by."""
        return OrderBy(
            F(self.name),
            descending=self.descending,
            nulls_first=self.nulls_first or None,
            nulls_last=True if self.nulls_first is False else None,
        )

    def reversed(self) -> "Term":
        """Return the term of the opposite order."""
        nulls_first = None if self.nulls_first is None else not self.nulls_first
        return replace(self, descending=not self.descending, nulls_first=nulls_first)

    def equal(self, value: Any) -> Q:
        """Return the condition of the rows with this value."""
        return Q(**{f"{self.name}__isnull": True} if value is None else {self.name: value})

    def beyond(self, value: Any, *, nulls_first: bool) -> Q | None:
        """Return the condition of the rows that this term alone puts after the value."""
        if value is None:
            return Q(**{f"{self.name}__isnull": False}) if nulls_first else None
        beyond = Q(**{f"{self.name}__{'lt' if self.descending else 'gt'}": value})
        if self.nullable and not nulls_first:
            beyond |= Q(**{f"{self.name}__isnull": True})
        return beyond


Terms = tuple[Term, ...]


def terms(queryset: QuerySet[Any]) -> Terms:
    """Return what a queryset is ordered by, made unique with the primary key.

    Errors: NoPlace for a queryset that cannot be continued by a condition.
    """
    _check(queryset)
    found: dict[str, Term] = {}
    keys = {field.attname: field for field in queryset.model._meta.pk_fields}
    for term in _terms(queryset):
        found.setdefault(term.path, term)
        if keys.keys() <= found.keys():
            break
    # An index on the last column serves the key too, in the same direction.
    descending = bool(found) and [*found.values()][-1].descending
    for name, field in keys.items():
        given = found[name].descending if name in found else descending
        found[name] = _key(field, descending=given)
    return tuple(found.values())


def ordered(queryset: QuerySet[Any], by: Terms) -> QuerySet[Any]:
    """Return the queryset in exactly this order, its rows with each term under its name."""
    made = {term.name: F(term.path) for term in by if term.name != term.path}
    found: QuerySet[Any] = queryset.annotate(**made).order_by(*(term.order_by for term in by))
    found.query.standard_ordering = True
    return found


def after(queryset: QuerySet[Any], by: Terms, values: Sequence[Any]) -> QuerySet[Any]:
    """Return the rows that come after the one with these values, by a condition alone."""
    largest = connections[queryset.db].features.nulls_order_largest
    beyond = Q(pk__in=[])
    equal = Q()
    for term, value in zip(by, values, strict=True):
        nulls_first = term.nulls_first
        if nulls_first is None:
            nulls_first = largest is term.descending
        if (further := term.beyond(value, nulls_first=nulls_first)) is not None:
            beyond |= equal & further
        equal &= term.equal(value)
    first, value = by[0], values[0]
    if value is not None and not first.nullable:
        # The same again for the first term alone, by which an index finds the place.
        beyond &= Q(**{f"{first.name}__{'lte' if first.descending else 'gte'}": value})
    return queryset.filter(beyond)


def _check(queryset: QuerySet[Any]) -> None:
    query = queryset.query
    if queryset._iterable_class is not ModelIterable:
        raise NoPlace("its rows are no objects")
    if query.combinator:
        raise NoPlace("its rows are those of several querysets together")
    if query.is_sliced:
        raise NoPlace("it is sliced")
    if query.distinct_fields:
        raise NoPlace("it is distinct() by some fields")
    if query.extra_order_by or query.extra_tables:
        raise NoPlace("it is ordered by, or joins tables by, extra()")
    _check_once(query)


def _check_once(query: Any) -> None:
    """Refuse a query that may give one object several times, which no key tells apart."""
    many: set[str] = set()
    for alias, join in query.alias_map.items():
        if query.alias_refcount.get(alias) and (
            join.parent_alias in many or _leads_to_many(getattr(join, "join_field", None))
        ):
            many.add(alias)
    if many and not (query.distinct or query.group_by):
        raise NoPlace("it joins a relation to many without distinct()")
    for name, annotation in query.annotations.items():
        if not annotation.contains_aggregate and any(
            getattr(each, "alias", None) in many for each in annotation.flatten()
        ):
            raise NoPlace(f"{name} is of a relation to many")


def _leads_to_many(field: Any) -> bool:
    return bool(getattr(field, "multiple", False) or getattr(field, "one_to_many", False))


def _terms(queryset: QuerySet[Any]) -> Iterator[Term]:
    query = queryset.query
    for each in _order_by(queryset):
        for term in _of(queryset, each):
            yield term if query.standard_ordering else term.reversed()


def _order_by(queryset: QuerySet[Any]) -> Sequence[Any]:
    query = queryset.query
    if query.order_by or not query.default_ordering or query.group_by:
        return query.order_by
    return queryset.model._meta.ordering or ()


def _of(queryset: QuerySet[Any], each: Any) -> Iterator[Term]:
    if isinstance(each, str):
        yield from _named(queryset, each.lstrip("-+"), descending=each.startswith("-"))
        return
    if isinstance(each, F):
        each = each.asc()
    if not (isinstance(each, OrderBy) and isinstance(each.expression, F)):
        raise NoPlace("it is ordered by an expression: annotate it, and order by its name")
    name: str = each.expression.name  # type: ignore[attr-defined]
    for term in _named(queryset, name, descending=each.descending):
        if each.nulls_first or each.nulls_last:
            term = replace(term, nulls_first=bool(each.nulls_first))
        yield term


def _named(queryset: QuerySet[Any], name: str, *, descending: bool) -> list[Term]:
    if name == "?":
        raise NoPlace("its order is random")
    annotation = queryset.query.annotations.get(name)
    if annotation is None:
        return _along(queryset.model, name, descending)
    if annotation.contains_over_clause:
        raise NoPlace(f"it is ordered by {name}, which depends on other rows")
    field = annotation.output_field
    _check_comparable(name, field)
    # Rows do not have what alias() names.
    selected = name if name in queryset.query.annotation_select else f"{name}_place"
    return [Term(selected, name, field, descending, nullable=True)]


def _along(model: type[Model], path: str, descending: bool) -> list[Term]:
    """Return the terms of a path of fields: several where it ends at objects with an order."""
    if path == "pk":
        return [_key(field, descending=descending) for field in model._meta.pk_fields]
    *before, last = path.split("__")
    current, nullable = model, False
    for name in before:
        field = _field(current, name)
        if not isinstance(field, ForeignKey):
            raise NoPlace(f"it is ordered by {path}, which is no column of one related object")
        nullable = nullable or field.null
        current = field.related_model
    field = _field(current, "pk" if last == "pk" else last)
    prefix = "__".join((*before, ""))
    if last not in ("pk", field.attname) and (inner := _ordering_of(field)):
        if not all(isinstance(each, str) for each in inner):
            raise NoPlace(f"it is ordered by {path}, whose objects are by an expression")
        return [
            term
            for each in inner
            for term in _along(
                model,
                f"{prefix}{last}__{each.lstrip('-')}",
                descending != each.startswith("-"),
            )
        ]
    name = f"{prefix}{field.attname}"
    _check_comparable(name, field)
    # Objects may change, or lack, what they hold; an annotation is as the database gave it.
    alias = f"{name.replace('__', '_')}_place"
    return [Term(alias, name, field, descending, nullable or field.null)]


def _ordering_of(field: Any) -> Sequence[Any]:
    """Return how the objects of a foreign key are ordered."""
    return field.related_model._meta.ordering or () if isinstance(field, ForeignKey) else ()


def _key(field: Any, *, descending: bool) -> Term:
    _check_comparable(field.attname, field)
    return Term(field.attname, field.attname, field, descending, nullable=False)


def _field(model: type[Model], name: str) -> Any:
    if name == "pk":
        return model._meta.pk
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        raise NoPlace(f"it is ordered by {name}, which is no field of {model.__name__}") from None
    if field.many_to_many or not field.concrete:
        raise NoPlace(f"it is ordered by {name}, which is no column of {model.__name__}")
    return field


def _check_comparable(name: str, field: Any) -> None:
    kind = type(target(field))
    own = [each for each in _VALUES if not getattr(kind, each).__module__.startswith("django.")]
    if own or not issubclass(kind, _COMPARABLE) or hasattr(kind, "from_db_value"):
        raise NoPlace(f"it is ordered by {name}, and {kind.__name__} may not compare as it is")


def target(field: Any) -> Any:
    """Return the field whose values a field has: for a foreign key that of the key."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field
