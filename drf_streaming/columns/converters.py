"""Values to what an item holds, a column at a time."""

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any, NamedTuple

from django.utils.encoding import force_str
from django.utils.hashable import make_hashable
from msgspec import UNSET
from rest_framework.fields import is_simple_callable

from drf_streaming.tables import Plain, Values

# A converter remembers what it made of so many values.
REMEMBERED = 1000
_HASHABLE = frozenset({str, int, NoneType})


class Fast(NamedTuple):
    """What a field makes of values that are all of these very classes (None: of any).

    Shape: `column` may give None: the values are then the field's own to represent.
    """

    types: frozenset[type] | None
    column: Callable[[Sequence[Any]], Plain | None]
    name: str
    in_context: bool = False
    """Whether the current time zone or language matters."""
    shows_value: bool = True
    """Whether what is made tells the value."""


class Converter(NamedTuple):
    """Turn the values that a field would be given into a column of what it would return."""

    represent: Callable[[Any], Any]
    fast: Fast | None

    def __call__(self, values: Sequence[Any]) -> Plain:
        """Return the column of these values."""
        if (column := self._fast(values)) is not None:
            return column
        represent = self.represent
        return Values(
            [value if value is None or value is UNSET else represent(value) for value in values]
        )

    def _fast(self, values: Sequence[Any]) -> Plain | None:
        if self.fast is None:
            return None
        types = self.fast.types
        if types is None or types.issuperset(map(type, values)):
            return self.fast.column(values)
        return None

    @property
    def shows_value(self) -> bool:
        """Tell whether items show the values themselves, in one form or another."""
        return self.fast is not None and self.fast.shows_value

    @property
    def name(self) -> str:
        """Say how the values are converted."""
        return "to_representation() of the field" if self.fast is None else self.fast.name


AS_THEY_ARE = Converter(lambda value: value, Fast(None, Values, "none"))


def calling(convert: Converter) -> Converter:
    """Return the converter of values that may be functions, which DRF calls."""

    def represent(value: Any) -> Any:
        found = value() if is_simple_callable(value) else value
        return None if found is None else convert.represent(found)

    # Those that are all of one class are no functions.
    fast = convert.fast
    return Converter(represent, None if fast is None or fast.types is None else fast)


def displaying(convert: Converter, field: Any) -> Converter:
    """Return the converter of what `get_FOO_display()` of a model's field says of its values."""
    labels = dict(make_hashable(field.flatchoices))

    def label(value: Any) -> Any:
        return force_str(labels.get(make_hashable(value), value), strings_only=True)

    def column(values: Sequence[Any]) -> Plain:
        if _HASHABLE.issuperset(map(type, values)):
            found = {value: label(value) for value in {*values}}
            return convert([found[value] for value in values])
        return convert([label(value) for value in values])

    return Converter(label, Fast(None, column, "the label of the choice", True, False))


class Remembered(dict[Any, Any]):
    """Remember what was made of the first so many values, all of one class."""

    def __init__(self, represent: Callable[[Any], Any]) -> None:
        self._represent = represent

    def __missing__(self, value: Any) -> Any:
        made = None if value is None else self._represent(value)
        if len(self) < REMEMBERED:
            self[value] = made
        return made
