"""Queries by the place of a row in its order: what comes after it, and a list page by page."""

import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, Lookup, Q, QuerySet, Subquery, Value
from django.db.models.lookups import GreaterThan, LessThan

from drf_streaming import loaders, ordering, sources
from drf_streaming.comparing import target
from drf_streaming.cursors import FIRST
from drf_streaming.ordering import Term, Terms

# Seconds before each further try. A replica that is behind ends all that is in its way at once.
PAUSES = (0, 0.1, 0.5)


def ordered(queryset: QuerySet[Any], by: Terms) -> QuerySet[Any]:
    """Return the queryset in exactly this order, its rows with each term under its name."""
    if ordering.is_by_key(queryset, by):
        return queryset
    made = {term.name: term.value for term in by if term.name != term.path}
    found: QuerySet[Any] = queryset.annotate(**made).order_by(*(term.order_by for term in by))
    found.query.standard_ordering = True
    return found


def after(queryset: QuerySet[Any], by: Terms, values: Sequence[Any]) -> QuerySet[Any]:
    """Return the rows that come after the one with these values, by a condition alone."""
    connection = connections[queryset.db]
    if connection.vendor == "postgresql" and _is_one_way(by):
        return queryset.filter(_beyond_row(by, values))
    largest = connection.features.nulls_order_largest
    beyond = Q(pk__in=[])
    equal = Q()
    for term, value in zip(by, values, strict=True):
        nulls_first = term.nulls_first
        if nulls_first is None:
            nulls_first = largest is term.descending
        if (further := _beyond(term, value, nulls_first=nulls_first)) is not None:
            beyond |= equal & further
        equal &= _equal(term, value)
    first, value = by[0], values[0]
    if value is not None and not first.nullable:
        # The same again for the first term alone, by which an index finds the place.
        beyond &= Q(**{f"{first.compared}__{'lte' if first.descending else 'gte'}": value})
    return queryset.filter(beyond)


def _is_one_way(by: Terms) -> bool:
    return len({term.descending for term in by}) == 1 and not any(term.nullable for term in by)


def _beyond_row(by: Terms, values: Sequence[Any]) -> "Lookup[Any]":
    """Compare all terms at once: PostgreSQL then knows how many rows it will find, and where."""
    place = [
        Value(value, output_field=target(term.field))
        for term, value in zip(by, values, strict=True)
    ]
    row = partial(Func, function="ROW", output_field=BooleanField())
    compare = LessThan if by[0].descending else GreaterThan
    return compare(row(*(F(term.compared) for term in by)), row(*place))


def _equal(term: Term, value: Any) -> Q:
    return Q(**{f"{term.compared}__isnull": True} if value is None else {term.compared: value})


def _beyond(term: Term, value: Any, *, nulls_first: bool) -> Q | None:
    """Return the condition of the rows that this term alone puts after the value."""
    if value is None:
        return Q(**{f"{term.compared}__isnull": False}) if nulls_first else None
    beyond = Q(**{f"{term.compared}__{'lt' if term.descending else 'gt'}": value})
    if term.nullable and not nulls_first:
        beyond |= Q(**{f"{term.compared}__isnull": True})
    return beyond


def chunks(
    rows: QuerySet[Any],
    given: QuerySet[Any],
    by: Terms,
    keys: Callable[[list[Any]], list[tuple[Any, ...]]],
    sizes: tuple[int, int, int],
) -> Generator[list[Any]]:
    """Yield the rows of an ordered queryset in growing chunks; one query reads a page.

    Shape: `given` are the same rows before anything was joined that only items show; `keys`
        returns the values of the terms for each row; `sizes` are those of the first chunk, of
        later ones, and of a page.
    """
    first, chunk_size, page_size = sizes
    pages = _pages(partial(_page, rows, given, by), keys, page_size)
    return sources.growing(chain.from_iterable(pages), chunk_size, first)


def _pages(
    page: Callable[[Sequence[Any] | None, int], QuerySet[Any]],
    keys: Callable[[list[Any]], list[tuple[Any, ...]]],
    page_size: int,
) -> Generator[list[Any]]:
    last, size = None, min(FIRST, page_size)
    while found := _read(page(last, size)):
        # Before the project's fields can change the objects.
        last = keys(found[-1:])[0]
        yield found
        if len(found) < size:
            return
        size = page_size


def _page(
    rows: QuerySet[Any], given: QuerySet[Any], by: Terms, last: Sequence[Any] | None, size: int
) -> QuerySet[Any]:
    """Return so many rows after the one with these values."""
    keys_first = _sorts_what_it_joins(rows, given)
    found = given if keys_first else rows
    found = (found if last is None else after(found, by, last))[:size]
    return rows.filter(pk__in=_Derived(found.values("pk"))) if keys_first else found


class _Derived(Subquery):
    """A subquery with a limit, which MariaDB takes in a derived table only."""

    # https://mariadb.com/kb/en/subquery-limitations/#limit
    template = "(SELECT * FROM (%(subquery)s) page)"


def _sorts_what_it_joins(rows: QuerySet[Any], given: QuerySet[Any]) -> bool:
    """Tell whether MariaDB may join all rows for what a page shows, before it sorts and limits."""
    connection: Any = connections[rows.db]
    if not getattr(connection, "mysql_is_mariadb", False) or len(rows.model._meta.pk_fields) > 1:
        return False
    return bool(rows.query.select_related) or _joined(rows) > _joined(given)


def _joined(rows: QuerySet[Any]) -> int:
    return sum(map(bool, rows.query.alias_refcount.values()))


def _read(rows: QuerySet[Any], pauses: Sequence[float] = PAUSES) -> list[Any]:
    """Read rows; on another connection once if theirs was lost, and again where a replica asks."""
    connection = connections[rows.db]
    try:
        connection.ensure_connection()
        loaders.load_moments_fast(connection)
        return [*rows]
    except (OperationalError, InterfaceError) as error:
        conflicts = _conflicts(error)
        if not pauses or connection.in_atomic_block or not (conflicts or _is_lost(connection)):
            raise
        connection.close()
        time.sleep(pauses[0])
        return _read(rows.all(), pauses[1:] if conflicts else ())


def _conflicts(error: Exception) -> bool:
    """Tell whether a replica could not answer for what it had to replay meanwhile."""
    # https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CONFLICT
    cause: Any = error.__cause__
    # psycopg 3 and psycopg 2
    return getattr(cause, "sqlstate", getattr(cause, "pgcode", None)) == "40001"


def _is_lost(connection: BaseDatabaseWrapper) -> bool:
    return connection.connection is not None and not connection.is_usable()
