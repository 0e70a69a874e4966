"""Where rows come from: querysets, lists and iterables, sync and async, as chunks."""

import inspect
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import closing
from itertools import islice
from typing import Any, TypeGuard

from asgiref.sync import async_to_sync
from django.db.models import Manager, QuerySet
from django.db.models.query import RawQuerySet

from drf_streaming.exceptions import TimedOut, TooManyRows
from drf_streaming.fetching import few_first

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


def listed(rows: Any) -> Any:
    """Return rows that pagination can count and slice: all of them at once, unless they can be."""
    if not isinstance(rows, Iterable):
        return async_to_sync(_collected)(rows)
    return rows if is_query(rows) or isinstance(rows, Sequence) else [*rows]


async def _collected(rows: AsyncIterable[Row]) -> list[Row]:
    return [row async for row in rows]


def on_one_database(rows: Rows) -> Any:
    """Return a queryset that names its database, since a router may name another each time."""
    return rows.using(rows.db) if isinstance(rows, QuerySet) else rows


def is_query(rows: object) -> "TypeGuard[QuerySet[Any] | RawQuerySet[Any]]":
    """Tell whether these rows come from a database."""
    return isinstance(rows, QuerySet | RawQuerySet)


def chunks(rows: Rows, chunk_size: int, first: int = FIRST_CHUNK) -> Generator[list[Row]]:
    """Yield rows in growing chunks; those of an unknown iterable one by one, as they come.

    Shape: `first` is how many rows the first chunk of a query or a list has, at most.
    """
    if isinstance(rows, QuerySet):
        fetched = few_first(rows).iterator(chunk_size=chunk_size)
        yield from growing(fetched, chunk_size, first)
    elif isinstance(rows, RawQuerySet) and not _prefetches(rows):
        yield from growing(rows.iterator(), chunk_size, first)
    elif isinstance(rows, RawQuerySet | list | tuple):
        yield from growing(iter(rows), chunk_size, first)
    else:
        yield from _one_by_one(rows)


def _prefetches(rows: "RawQuerySet[Any]") -> bool:
    # Its iterator() would leave them out.
    return bool(rows._prefetch_related_lookups)  # type: ignore[attr-defined]  # private


def growing(rows: Iterator[Row], chunk_size: int, first: int) -> Generator[list[Row]]:
    """Yield rows in chunks, few at first, and close them on every way out."""
    try:
        size = min(first, chunk_size)
        while chunk := list(islice(rows, size)):
            yield chunk
            if len(chunk) < size:
                return
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


def within(seconds: float, chunks: Generator[Any]) -> Generator[Any]:
    """Yield what comes in this time.

    Errors: TimedOut instead of what comes later.
    """
    start = time.monotonic()
    with closing(chunks):
        for chunk in chunks:
            # Not before it is known that the last one was not the last.
            if time.monotonic() - start > seconds:
                raise TimedOut(seconds)
            yield chunk


def count(rows: object) -> int | None:
    """Return how many rows there are, with one query at most; None for what cannot say."""
    if isinstance(rows, QuerySet):
        return rows.count()
    return len(rows) if isinstance(rows, list | tuple) else None


def check_count(rows: Rows, max_rows: int) -> None:
    """Refuse too many rows where counting them is cheap.

    Errors: TooManyRows.
    """
    if isinstance(rows, QuerySet):
        # Counts one row too many at most, however many there are.
        found, exact = rows[: max_rows + 1].count(), False
    elif isinstance(rows, list | tuple):
        found, exact = len(rows), True
    else:
        return
    if found > max_rows:
        raise TooManyRows(found, max_rows, exact=exact)
