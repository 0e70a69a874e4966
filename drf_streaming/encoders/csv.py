"""Items to rows of CSV."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from types import MappingProxyType, NoneType
from typing import Any

from msgspec import UNSET

from drf_streaming.encoders.json import JSONRecords
from drf_streaming.encoders.protocol import Items
from drf_streaming.exceptions import UnknownColumn
from drf_streaming.tables import Column, Nested, Table, Values, spread, values

Path = tuple[str, ...]


class _Line:
    """Give back what csv writes, which is one whole row."""

    @staticmethod
    def write(row: str) -> str:
        return row


class CSVRecords:
    """Write a header and then each item as one row.

    Shape: items are mappings, or sequences that are rows already and get no header. With
        `more_columns` the first item may have keys besides the columns that are known.
    Errors: UnknownColumn for an item with a key that the header lacks.
    """

    _LINE_END = "\r\n"
    # https://owasp.org/www-community/attacks/CSV_Injection
    _FORMULA_STARTS = frozenset("=+-@\t\r")
    _SAME = frozenset({int, Decimal, NoneType})
    _TEXT = frozenset({str, NoneType})
    _FLAGS = frozenset({bool, NoneType})
    _WORDS: Mapping[Any, str | None] = MappingProxyType({True: "true", False: "false", None: None})
    _NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

    def __init__(
        self,
        json_records: JSONRecords,
        *,
        columns: Sequence[Path] | None = None,
        nested: Iterable[Path] = (),
        more_columns: bool = False,
        guard_formulas: bool = True,
    ) -> None:
        self._json = json_records
        self._known = columns or ()
        self._columns = None if columns is None or more_columns else dict.fromkeys(columns)
        self._nested = frozenset(nested)
        self._guard_formulas = guard_formulas
        self._header_due = True
        # Before Python 3.13 only characters of the line terminator make csv quote a cell.
        self._writer = csv.writer(_Line(), lineterminator=self._LINE_END)

    def header(self) -> list[bytes]:
        """Return the header once, as soon as the columns are known."""
        if not self._header_due or self._columns is None:
            return []
        self._header_due = False
        return [self._row(".".join(path) for path in self._columns)]

    def records(self, items: Items) -> list[bytes]:
        """Return the rows of these items, with the header before the first."""
        if isinstance(items, Table):
            if (columns := self._table_columns(items)) is not None:
                return [*self.header(), self._rows(columns)]
            items = items.items()
        rows: list[bytes] = []
        for item in items:
            if isinstance(item, Mapping):
                rows += self._from_mapping(item)
            elif isinstance(item, Sequence) and not isinstance(item, str | bytes):
                rows.append(self._row(item))
            else:
                rows += self._from_mapping({"value": item})
        return rows

    def _table_columns(self, table: Table) -> list[Column] | None:
        """Return the columns of a table under the header, or None if it has others."""
        columns = dict(self._flattened(table, ()))
        if self._columns is None or list(columns) != list(self._columns):
            return None
        return [*columns.values()]

    def _flattened(self, table: Table, prefix: Path) -> Iterable[tuple[Path, Column]]:
        for name, column in zip(table.names, table.columns, strict=True):
            path = (*prefix, name)
            if not (isinstance(column, Nested) and path in self._nested):
                yield path, column
                continue
            for inner_path, inner in self._flattened(column.table, path):
                # All columns of a nested object that is null stay empty.
                yield inner_path, Values(spread(values(inner), column.present))

    def _rows(self, columns: Sequence[Column]) -> bytes:
        """Return many rows as one record."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator=self._LINE_END)
        writer.writerows(zip(*map(self._cells, map(values, columns)), strict=True))
        return text.getvalue().removesuffix(self._LINE_END).encode()

    def _cells(self, found: Sequence[Any]) -> Sequence[Any]:
        """Return the cells of a column; most hold nothing that a cell would change."""
        types = {*map(type, found)}
        if types <= self._SAME:
            return found
        if types <= self._FLAGS:
            return [*map(self._WORDS.__getitem__, found)]
        if types <= self._TEXT:
            starts = set(map(itemgetter(slice(1)), filter(None, found)))
            if not self._guard_formulas or starts.isdisjoint(self._FORMULA_STARTS):
                return found
        return [None if value is UNSET else self._cell(value) for value in found]

    def _from_mapping(self, item: Mapping[str, Any]) -> list[bytes]:
        cells = dict(self._flatten(item))
        if self._columns is None:
            self._columns = dict.fromkeys(self._with_empty(cells))
        if not cells.keys() <= self._columns.keys():
            self._check_columns(cells)
        return [*self.header(), self._row(map(cells.get, self._columns))]

    def _with_empty(self, cells: Mapping[Path, Any]) -> Iterable[Path]:
        """Yield the columns of the first item, those of a nested object that is null there too."""
        for path, value in cells.items():
            if value is None and path in self._nested:
                yield from (known for known in self._known if known[: len(path)] == path)
            else:
                yield path

    def _check_columns(self, cells: Mapping[Path, Any]) -> None:
        # A nested object that is null has no keys: all its columns stay empty.
        empty = {path for path in self._nested if cells.get(path) is None}
        header = [".".join(path) for path in self._columns or ()]
        known = {*(self._columns or ()), *empty}
        lost = [".".join(path) for path in cells if path not in known]
        if lost:
            raise UnknownColumn(
                f"An item has {lost}, which the CSV header {header} lacks. "
                "Every item must have the keys of the first, or of the serializer."
            )

    def _flatten(self, item: Mapping[str, Any]) -> Iterable[tuple[Path, Any]]:
        if not self._nested:
            return zip(zip(map(str, item), strict=True), item.values(), strict=True)
        return self._walk(item, ())

    def _walk(self, item: Mapping[str, Any], prefix: Path) -> Iterable[tuple[Path, Any]]:
        for key, value in item.items():
            path = (*prefix, str(key))
            if path in self._nested and isinstance(value, Mapping):
                yield from self._walk(value, path)
            else:
                yield path, value

    def _row(self, cells: Iterable[Any]) -> bytes:
        row: str = self._writer.writerow(map(self._cell, cells))
        return row.removesuffix(self._LINE_END).encode()

    def _cell(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if value is None or type(value) in (int, Decimal):
            # A decimal keeps its digits, which it would lose as DRF's JSON number.
            return value
        if isinstance(value, int | float | Mapping | list | tuple):
            return self._json.dumps(value)
        return self._cell(self._json.primitive(value))

    def _text(self, text: str) -> str:
        if (
            self._guard_formulas
            and text[:1] in self._FORMULA_STARTS
            and not self._NUMBER.fullmatch(text)
        ):
            return "'" + text
        return text
