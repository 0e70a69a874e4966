"""Where rows come from: querysets, lists and iterables as chunks; connection and transaction."""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from itertools import islice
from typing import Any, TypeGuard

from django.db.models import Manager, QuerySet
from django.db.models.query import RawQuerySet

from drf_streaming.exceptions import TooManyRows

Row = Any
Rows = Iterable[Row]
FIRST_CHUNK = 10


def rows_of(rows: object) -> Any:
    """Return what is to be streamed, a manager's or an evaluated queryset's rows among it.

    Errors: TypeError for what cannot be iterated, or surely was not meant to be.
    """
    if isinstance(rows, Manager):
        return rows.all()
    if isinstance(rows, QuerySet) and rows._result_cache is not None:
        # Whoever evaluated it may have changed the objects.
        return rows._result_cache
    if isinstance(rows, AsyncIterable):
        return rows
    awaitable = inspect.isawaitable(rows)
    if isinstance(rows, Iterable) and not (awaitable or isinstance(rows, str | bytes | Mapping)):
        return rows
    advice = "Wrap a single item in a list"
    if awaitable:
        advice = "Await it first, or write an async generator"
        if inspect.iscoroutine(rows):
            rows.close()
    elif callable(rows):
        advice = "Call the function"
    raise TypeError(
        f"Expected a sync or async iterable of items, got {type(rows).__name__}. {advice}."
    )


def is_query(rows: object) -> "TypeGuard[QuerySet[Any] | RawQuerySet[Any]]":
    """Tell whether these rows come from a database."""
    return isinstance(rows, QuerySet | RawQuerySet)


def chunks(rows: Rows, chunk_size: int, max_rows: int | None = None) -> Generator[list[Row]]:
    """Yield rows in growing chunks; those of an unknown iterable one by one, as they come.

    Errors: TooManyRows, before the first row.
    """
    if max_rows is not None:
        _check_count(rows, max_rows)
    if isinstance(rows, QuerySet):
        yield from _growing(rows.iterator(chunk_size=chunk_size), chunk_size)
    elif isinstance(rows, RawQuerySet) and not _prefetches(rows):
        yield from _growing(rows.iterator(), chunk_size)
    elif isinstance(rows, RawQuerySet | list | tuple):
        yield from _growing(iter(rows), chunk_size)
    else:
        yield from _one_by_one(rows)


def _prefetches(rows: "RawQuerySet[Any]") -> bool:
    # Its iterator() would leave them out.
    return bool(rows._prefetch_related_lookups)  # type: ignore[attr-defined]  # private


def _growing(rows: Iterator[Row], chunk_size: int) -> Generator[list[Row]]:
    try:
        size = min(FIRST_CHUNK, chunk_size)
        while chunk := list(islice(rows, size)):
            yield chunk
            size = min(2 * size, chunk_size)
    finally:
        close(rows)


def _one_by_one(rows: Rows) -> Generator[list[Row]]:
    iterator = iter(rows)
    try:
        for row in iterator:
            yield [row]
    finally:
        close(iterator)
        close(rows)


def close(rows: object) -> None:
    """Close whatever can be closed."""
    if callable(closer := getattr(rows, "close", None)):
        closer()


async def achunks(rows: AsyncIterable[Row]) -> AsyncGenerator[list[Row]]:
    """Yield the rows of an async iterable one by one, as they come.

    Shape: an empty chunk comes first: the view cannot wait for the first row, so the stream
        opens without it, and a failure there finds a stream that it can mark.
    """
    yield []
    iterator = aiter(rows)
    try:
        async for row in iterator:
            yield [row]
    finally:
        for opened in (iterator, rows):
            if callable(aclose := getattr(opened, "aclose", None)):
                await aclose()


def _check_count(rows: Rows, max_rows: int) -> None:
    """Refuse too many rows where counting them is cheap."""
    if isinstance(rows, QuerySet):
        # Counts one row too many at most, however many there are.
        found, exact = rows[: max_rows + 1].count(), False
    elif isinstance(rows, list | tuple):
        found, exact = len(rows), True
    else:
        return
    if found > max_rows:
        raise TooManyRows(found, max_rows, exact=exact)
