"""What Django's database backend makes of the driver's values, a column at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.backends.sqlite3.base import DatabaseWrapper

# Rows that are converted together.
CHUNK = 100
_MOMENTS = frozenset({datetime, NoneType})
_TEXTS = frozenset({str, NoneType})
_SQLITE = DatabaseWrapper.ops_class


def convert(
    rows: Iterable[Any], converters: Mapping[int, tuple[Sequence[Any], Any]], connection: Any
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows with each value converted, as the compiler's `apply_converters()` does.

    Shape: `converters` holds, for the place of a column, its functions and its expression.
    """
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        columns: list[Sequence[Any]] = [*zip(*chunk, strict=True)]
        for place, (functions, expression) in converters.items():
            for function in functions:
                columns[place] = _column(function, columns[place], expression, connection)
        yield from zip(*columns, strict=True)


def _column(function: Any, values: Sequence[Any], expression: Any, connection: Any) -> list[Any]:
    fast = _FAST.get(getattr(function, "__func__", None))
    converted = fast and fast(values, connection)
    return converted or [function(value, expression, connection) for value in values]


def _moments(values: Sequence[Any], connection: Any) -> list[Any] | None:
    in_utc = settings.USE_TZ and connection.timezone is UTC
    if not (in_utc and _MOMENTS.issuperset(map(type, values))):
        return None
    return [value and (value if value.tzinfo else value.replace(tzinfo=UTC)) for value in values]


def _uuids(values: Sequence[Any], _: Any) -> list[Any] | None:
    if not _TEXTS.issuperset(map(type, values)):
        return None
    try:
        found: list[Any] = msgspec.convert(values, list[UUID | None])
    except msgspec.ValidationError:
        return None
    return found


_FAST: dict[Any, Callable[[Sequence[Any], Any], list[Any] | None]] = {
    _SQLITE.convert_datetimefield_value: _moments,
    _SQLITE.convert_uuidfield_value: _uuids,
}
