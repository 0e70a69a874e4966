"""Items to JSON, as DRF writes it."""

import json
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from math import isfinite
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, UnsetType
from rest_framework.utils.encoders import JSONEncoder

from drf_streaming.encoders.protocol import Items
from drf_streaming.framing import Lines, Records
from drf_streaming.tables import Column, Many, Native, Nested, Table, Values, grouped, spread

# U+2028 and U+2029 end a line in JavaScript before ES2019, and DRF escapes them;
# U+0085 is a line end for some clients of line-wise formats.
_LINE_ENDS = (("\u2028", "\\u2028"), ("\u2029", "\\u2029"), ("\x85", "\\u0085"))
_ENCODED_LINE_ENDS = [(character.encode(), escape.encode()) for character, escape in _LINE_ENDS]
# Classes of which msgspec writes each value as DRF's encoder does; subclasses may differ.
_PLAIN = frozenset({str, int, bool, NoneType, UnsetType, UUID, date})
_FLOATS = frozenset({float, NoneType})
_ENCODER = msgspec.json.Encoder()


def _have_plain_names(table: Table) -> bool:
    """Tell whether all keys are their own JSON, as msgspec wants them."""
    return _are_plain(table.names) and all(map(_has_plain_names, table.columns))


def _has_plain_names(column: Column) -> bool:
    match column:
        case Nested(table):
            return _have_plain_names(table)
        case Many(inner):
            return _has_plain_names(inner)
    return True


@lru_cache(maxsize=256)
def _are_plain(names: tuple[str, ...]) -> bool:
    return all(json.dumps(name, ensure_ascii=False) == f'"{name}"' for name in names)


@lru_cache(maxsize=256)
def _struct(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """Return a class for items with these keys."""
    # A key need not be an identifier, nor free for the class to use.
    keys = {f"f{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct("Item", list(keys), rename=keys, gc=False)


class JSONRecords:
    """Write each item as one line of JSON.

    Errors: TypeError for a class that is no `json.JSONEncoder`.
    """

    def __init__(
        self,
        encoder_class: type[json.JSONEncoder],
        *,
        ascii_only: bool = False,
        strict: bool = True,
        compact: bool = True,
    ) -> None:
        if not (isinstance(encoder_class, type) and issubclass(encoder_class, json.JSONEncoder)):
            raise TypeError(
                f"encoder must be a subclass of json.JSONEncoder, got {encoder_class!r}"
            )
        # What msgspec writes is what DRF's own encoder would.
        self._native = encoder_class is JSONEncoder and compact and not ascii_only
        self._encoder = encoder_class(
            ensure_ascii=ascii_only,
            allow_nan=not strict,
            separators=(",", ":") if compact else (", ", ": "),
        )

    def header(self) -> list[bytes]:
        """Return nothing: JSON names the members in each record."""
        return []

    def dumps(self, value: Any) -> str:
        """Return one value as JSON without a line end."""
        text = self._encoder.encode(value)
        if not text.isascii():
            for character, escape in _LINE_ENDS:
                text = text.replace(character, escape)
        return text

    def records(self, items: Items) -> Records:
        """Return each item as JSON."""
        if isinstance(items, Table):
            if self._native and _have_plain_names(items):
                return self._lines(items)
            items = items.items()
        dumps = self.dumps
        return [dumps(item).encode() for item in items]

    def _lines(self, table: Table) -> Lines:
        lines = _ENCODER.encode_lines(self._structs(table))
        if not lines.isascii():
            for character, escape in _ENCODED_LINE_ENDS:
                # Single bytes are looked for a hundred times as fast as two or three.
                if all(byte in lines for byte in character):
                    lines = lines.replace(character, escape)
        return Lines(lines)

    def _structs(self, table: Table) -> list[Any]:
        return [*map(_struct(table.names), *map(self._cells, table.columns))]

    def _cells(self, column: Column) -> Sequence[Any]:
        match column:
            case Native(found):
                return found
            case Values(found):
                return self._checked(found)
            case Nested(table, present):
                return spread(self._structs(table), present)
        return grouped(self._cells(column.column), column.counts)

    def _checked(self, found: Sequence[Any]) -> Sequence[Any]:
        """Return values that msgspec writes as the encoder does, the others encoded already."""
        types = {*map(type, found)}
        if types <= _PLAIN:
            return found
        if types <= _FLOATS and all(map(isfinite, filter(None, found))):
            return found
        return [value if type(value) in _PLAIN else self._other(value) for value in found]

    def _other(self, value: Any) -> Any:
        if isinstance(value, str):
            # A subclass is written as the text that it holds, whatever it says of itself.
            return str.__str__(value)
        if type(value) is float and isfinite(value):
            # JSON has no word for others, and msgspec would write null.
            return value
        return Raw(self.dumps(value).encode())

    def primitive(self, value: Any) -> Any:
        """Return what this encoder makes of a value that JSON has no type for."""
        return json.loads(self._encoder.encode(value))
