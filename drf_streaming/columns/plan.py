"""A plan: where the values of each field come from, and how a chunk of rows becomes items."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any, NamedTuple, TypeAlias

from msgspec import UNSET

from drf_streaming.columns.converters import Converter
from drf_streaming.columns.fields import Field
from drf_streaming.columns.models import AnyModel, Path
from drf_streaming.columns.related import Related
from drf_streaming.tables import Column, Many, Nested, Plain, Table


class Read(NamedTuple):
    """A column of the database, perhaps of a joined table."""

    path: Path
    convert: Converter
    absent: Path | None = None
    """The column that is null where an item lacks the key."""

    @property
    def paths(self) -> Sequence[Path]:
        """Return the columns that this takes."""
        return (self.path,) if self.absent is None else (self.path, self.absent)

    def column(self, chunk: "Columns") -> Plain:
        """Return the column of this chunk."""
        column = self.convert(chunk.values(self.path))
        if self.absent is None or None not in (keys := chunk.values(self.absent)):
            return column
        pairs = zip(keys, column.values, strict=True)
        return column._replace(values=[UNSET if key is None else value for key, value in pairs])


@dataclass(frozen=True, slots=True)
class Join:
    """The object of a foreign key, or (without a name) the row itself, as an object in the item."""

    name: str | None
    model: AnyModel
    key: Path
    nullable: bool
    plan: "Plan"

    @property
    def paths(self) -> Sequence[Path]:
        """Return the columns that this takes."""
        if self.name is None:
            return self.plan.paths
        inner = [(self.name, *path) for path in self.plan.paths]
        return [self.key, *inner] if self.nullable else inner

    def column(self, chunk: "Columns") -> Column:
        """Return the column of this chunk."""
        if self.name is None:
            return Nested(self.plan.table(chunk))
        nested, present = chunk.nested(self)
        return Nested(self.plan.table(nested), present)


@dataclass(frozen=True, slots=True)
class Collect:
    """The objects of a relation to many, found with one query for a chunk."""

    name: str
    related: Related
    key: Path
    item: "Plan | Read"

    @property
    def paths(self) -> Sequence[Path]:
        """Return the columns that this takes."""
        return (self.key,)

    def column(self, chunk: "Columns") -> Column:
        """Return the column of this chunk."""
        found, counts = chunk.related(self)
        if isinstance(self.item, Plan):
            return Many(Nested(self.item.table(found)), counts)
        return Many(self.item.column(found), counts)


Source: TypeAlias = Read | Join | Collect


class Entry(NamedTuple):
    """One field: where its values come from, or why only the field itself can tell."""

    name: str
    field: Field
    source: Source | None
    reason: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the values of each readable field of a serializer come from."""

    model: AnyModel
    entries: tuple[Entry, ...]

    @property
    def paths(self) -> Sequence[Path]:
        """Return the columns that the rows must have, each once."""
        found = [path for entry in self.entries if entry.source for path in entry.source.paths]
        return list(dict.fromkeys(found))

    @property
    def needs_objects(self) -> bool:
        """Tell whether some field has to see the object."""
        return any(entry.source is None for entry in self.entries)

    def table(self, chunk: "Columns") -> Table:
        """Return the items of these rows."""
        columns = [entry.source.column(chunk) for entry in self.entries if entry.source]
        return Table(tuple(entry.name for entry in self.entries), columns, len(chunk))


class Columns:
    """Rows as columns of the database."""

    def __init__(self, columns: Mapping[Path, Sequence[Any]], rows: int, using: str) -> None:
        self._columns = columns
        self._rows = rows
        self._using = using

    def __len__(self) -> int:
        return self._rows

    def values(self, path: Path) -> Sequence[Any]:
        """Return one value of each row."""
        return self._columns[path]

    def nested(self, join: Join) -> "tuple[Columns, Sequence[bool] | None]":
        """Return the related rows, and which rows have one."""
        columns = {
            path[1:]: values
            for path, values in self._columns.items()
            if path[0] == join.name and len(path) > 1
        }
        if not join.nullable or None not in (keys := self._columns[join.key]):
            return Columns(columns, self._rows, self._using), None
        present = [key is not None for key in keys]
        columns = {path: [*compress(values, present)] for path, values in columns.items()}
        return Columns(columns, sum(present), self._using), present

    def related(self, collect: Collect) -> "tuple[Columns, list[int]]":
        """Return the related rows, and how many each row has."""
        keys = self._columns[collect.key]
        paths = collect.item.paths
        found = collect.related.rows([*{*keys}], ["__".join(path) for path in paths], self._using)
        by_key = defaultdict(list)
        for row in found:
            by_key[row[0]].append(row)
        each = [by_key.get(key, ()) for key in keys]
        rows = [*chain.from_iterable(each)]
        columns = zip(*rows, strict=True) if rows else iter([()] * (len(paths) + 1))
        next(columns)
        related = dict(zip(paths, columns, strict=True))
        return Columns(related, len(rows), self._using), [*map(len, each)]
