"""The order of a queryset, as the columns that tell the place of each row."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import F, Field, FloatField, ForeignKey, Model, OrderBy, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from django.db.models.query import ModelIterable

from drf_streaming.comparing import NoPlace, check_comparable, check_computed

# A window function in SQL of the project's own.
_OVER = re.compile(r"\bover\b", re.IGNORECASE)


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
    def compared(self) -> str:
        """Return what the queryset is ordered by, and compared with."""
        return self.path if isinstance(self.field, FloatField) else self.name

    @property
    def value(self) -> Any:
        """Return what rows have under the name, as it compares.

        A column of single precision holds another number than it shows: 0.1 is not 0.1 there.
        """
        found = F(self.path)
        return Cast(found, FloatField()) if isinstance(self.field, FloatField) else found

    @property
    def order_by(self) -> OrderBy:
        """Return how the queryset is ordered."""
        return OrderBy(
            F(self.compared),
            descending=self.descending,
            nulls_first=self.nulls_first or None,
            nulls_last=True if self.nulls_first is False else None,
        )

    def reversed(self) -> "Term":
        """Return the term of the opposite order."""
        nulls_first = None if self.nulls_first is None else not self.nulls_first
        return replace(self, descending=not self.descending, nulls_first=nulls_first)


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


def is_by_key(queryset: QuerySet[Any], by: Terms) -> bool:
    """Tell whether a queryset is ordered by its primary key already, which these terms say too."""
    query = queryset.query
    sign = "-" if by[0].descending else ""
    given = ((f"{sign}pk",), (f"{sign}{by[0].path}",))
    return len(by) == 1 and query.standard_ordering and query.order_by in given


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
    _check_alone(query)


def _check_alone(query: Any) -> None:
    """Refuse a query that computes over several rows: a condition leaves some of them out."""
    found = [name for name, each in query.annotations.items() if _is_over_rows(each)]
    found += [name for name, (sql, _) in query.extra.items() if _OVER.search(sql)]
    if query.where.contains_over_clause:
        found.append("a filter")
    if found:
        raise NoPlace(f"{found[0]} depends on other rows")


def _is_over_rows(annotation: Any) -> bool:
    if isinstance(annotation, Subquery):
        return False  # It has rows of its own.
    own = (each.sql for each in annotation.flatten() if isinstance(each, RawSQL))
    return annotation.contains_over_clause or any(map(_OVER.search, own))


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
    if name in queryset.query.extra:
        # Also where a field has the name.
        raise NoPlace(f"it is ordered by {name}, which is of extra()")
    annotation = queryset.query.annotations.get(name)
    if annotation is None:
        return _along(queryset.model, name, descending)
    field = annotation.output_field
    check_comparable(name, field)
    check_computed(name, annotation, field, connections[queryset.db].vendor)
    # Rows do not have what alias() names.
    shown = name in queryset.query.annotation_select and not isinstance(field, FloatField)
    selected = name if shown else f"{name}_place"
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
    check_comparable(name, field)
    # Objects may change, or lack, what they hold; an annotation is as the database gave it.
    alias = f"{name.replace('__', '_')}_place"
    return [Term(alias, name, field, descending, nullable or field.null)]


def _ordering_of(field: Any) -> Sequence[Any]:
    """Return how the objects of a foreign key are ordered."""
    return field.related_model._meta.ordering or () if isinstance(field, ForeignKey) else ()


def _key(field: Any, *, descending: bool) -> Term:
    check_comparable(field.attname, field)
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
