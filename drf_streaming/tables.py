"""A chunk of items as columns: what each holds, and the items that they are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType


class Native(NamedTuple):
    """Values that are written as what they are: text, whole numbers, true, false and None.

    Shape: with `as_text`, values of a class that JSON has no type for, and writes as text.
    """

    values: Sequence[Any]
    as_text: bool = False


class Values(NamedTuple):
    """Values of any class, as items hold them; UNSET where an item lacks the key."""

    values: Sequence[Any]


class Nested(NamedTuple):
    """An object in each item where `present` says so, or in all; None in the others."""

    table: "Table"
    present: Sequence[bool] | None = None


class Many(NamedTuple):
    """A list in each item: so many of the column's values, one after the other."""

    column: "Column"
    counts: Sequence[int]


Plain: TypeAlias = Native | Values
Column: TypeAlias = Plain | Nested | Many


@dataclass(slots=True, frozen=True)
class Table:
    """Items with the same keys, in columns."""

    names: tuple[str, ...]
    columns: Sequence[Column]
    rows: int

    def __len__(self) -> int:
        return self.rows

    def items(self) -> list[dict[str, Any]]:
        """Return each row as `serializer.data` would hold it."""
        rows = zip(*map(values, self.columns), strict=True)
        return [
            {name: value for name, value in zip(self.names, row, strict=True) if value is not UNSET}
            for row in rows
        ]


@dataclass(slots=True, frozen=True)
class Placed:
    """Items with their places in the order of the list: of each, or of the last one only."""

    items: Sequence[Any] | Table
    keys: Sequence[tuple[Any, ...]]
    token: Callable[[tuple[Any, ...]], bytes]

    def __len__(self) -> int:
        return len(self.items)


def values(column: Column) -> Sequence[Any]:
    """Return the values of a column as items hold them."""
    match column:
        case Native(found, as_text):
            return texts(found) if as_text else found
        case Values(found):
            return found
        case Nested(table, present):
            return spread(table.items(), present)
    return grouped(values(column.column), column.counts)


def texts(found: Sequence[Any]) -> list[Any]:
    """Return the text that JSON writes for each value that has one."""
    if UnsetType in map(type, found):
        return [value if value is UNSET else msgspec.to_builtins(value) for value in found]
    made: list[Any] = msgspec.to_builtins(found)
    return made


def spread(found: Sequence[Any], present: Sequence[bool] | None) -> Sequence[Any]:
    """Return the values at the places that are present, and None at the others."""
    if present is None:
        return found
    remaining: Iterator[Any] = iter(found)
    return [next(remaining) if here else None for here in present]


def grouped(found: Sequence[Any], counts: Sequence[int]) -> list[list[Any]]:
    """Return the values in lists of so many."""
    remaining = iter(found)
    return [list(islice(remaining, count)) for count in counts]
