"""How a DRF field turns values into what an item holds, a column at a time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, getcontext
from functools import cache, lru_cache, partial
from operator import attrgetter, itemgetter, methodcaller
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import rest_framework
from rest_framework import ISO_8601
from rest_framework import fields as drf
from rest_framework.settings import api_settings

from drf_streaming.columns.converters import Converter, Fast, Remembered
from drf_streaming.tables import Native, Plain, Values

Field = drf.Field[Any, Any, Any, Any]

# Up to this many decimal places, str() writes a decimal without an exponent.
PLAIN_PLACES = 6
_DRF = str(Path(rest_framework.__file__).parent)
UTC_ZONES = frozenset({UTC, ZoneInfo("UTC")})


def is_own(field: Any, *names: str) -> bool:
    """Tell whether all these methods of a field are written by DRF, not by the project."""
    owner: Any = type(field)
    return vars(field).keys().isdisjoint(names) and _is_drf(owner, names)


@lru_cache(maxsize=1024)
def _is_drf(owner: Any, names: tuple[str, ...]) -> bool:
    # A decorated function may say that it is where the one inside it is.
    return all(
        getattr(getattr(owner, name), "__code__", None) is not None
        and getattr(owner, name).__code__.co_filename.startswith(_DRF)
        for name in names
    )


def converter(field: Field) -> Converter:
    """Return how this field, as it is configured, represents values."""
    owner: Any = type(field)
    rule = _rule(owner)
    fast = None
    if rule is not None and vars(field).keys().isdisjoint(rule.needs):
        fast = rule.make(field)
    return Converter(field.to_representation, fast)


@lru_cache(maxsize=1024)
def _rule(owner: Any) -> "_Rule | None":
    rule = _RULES.get(owner.to_representation)
    if rule is None or any(getattr(owner, name) is not rule.needs[name] for name in rule.needs):
        return None
    return rule


class _Rule(NamedTuple):
    make: Callable[[Any], Fast | None]
    needs: Mapping[str, Any] = MappingProxyType({})


@cache
def _only(kind: type) -> frozenset[type]:
    return frozenset({kind, NoneType})


def _always(fast: Fast) -> Callable[[Field], Fast]:
    return lambda _: fast


def _as_they_are(kind: type) -> Fast:
    return Fast(_only(kind), Native, "none")


# What the values are is for the encoder to find out, and which of them JSON has no word for.
_ANY = Fast(None, Values, "none")
_FLOATS = Fast(_only(float), Values, "none")
_UUIDS = Fast(_only(UUID), partial(Native, as_text=True), "none")
_DATES = Fast(_only(date), partial(Native, as_text=True), "none")


def _json(field: drf.JSONField) -> Fast | None:
    return None if field.binary else _ANY


def _big_integer(field: Any) -> Fast | None:
    to_string = getattr(field, "coerce_to_string", api_settings.COERCE_BIGINT_TO_STRING)
    if to_string:
        return Fast(_only(int), lambda values: Native(_mapped(str, values)), "text")
    return _as_they_are(int)


def _uuid(field: drf.UUIDField) -> Fast | None:
    return _UUIDS if field.uuid_format == "hex_verbose" else None


def _decimal(field: drf.DecimalField) -> Fast | None:
    to_string = getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING)
    places = field.decimal_places
    if not to_string or field.localize or field.normalize_output:
        return None
    if places is None or not 0 < places <= PLAIN_PLACES:
        return None
    point = itemgetter(-places - 1)

    def column(values: Sequence[Any]) -> Native | None:
        # Decimals that have exactly these places already are what quantize() would return.
        found = _mapped(str, values)
        present = [text for text in found if text is not None] if None in found else found
        try:
            exact = set(map(point, present)) <= {"."} and "E" not in "".join(present)
        except IndexError:
            return None
        digits = getcontext().prec if field.max_digits is None else field.max_digits
        # The point is no digit. A sign or a leading zero only makes it look too long.
        return Native(found) if exact and max(map(len, present), default=0) <= digits + 1 else None

    return Fast(_only(Decimal), column, "text")


def _is_iso(field: Field, default: str | None) -> bool:
    wanted = getattr(field, "format", default)
    return isinstance(wanted, str) and wanted.lower() == ISO_8601


def _datetime(field: drf.DateTimeField) -> Fast | None:
    if not _is_iso(field, api_settings.DATETIME_FORMAT):
        return None

    def column(values: Sequence[Any]) -> Plain | None:
        present = [value for value in values if value is not None] if None in values else values
        zone = field.timezone if hasattr(field, "timezone") else field.default_timezone()
        found = set(map(attrgetter("tzinfo"), present))
        if zone is None:
            return Native(values, as_text=True) if found <= {None} else None
        if None in found:
            return None
        if found <= UTC_ZONES and zone in UTC_ZONES:
            return Native(values, as_text=True)
        try:
            moved = _mapped(methodcaller("astimezone", zone), values)
        except OverflowError:
            return None
        return Native([None if moment is None else _text(moment) for moment in moved])

    return Fast(_only(datetime), column, "text in the current time zone", True)


def _text(moment: datetime) -> str:
    text = moment.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _date(field: drf.DateField) -> Fast | None:
    return _DATES if _is_iso(field, api_settings.DATE_FORMAT) else None


def _time(field: drf.TimeField) -> Fast | None:
    if not _is_iso(field, api_settings.TIME_FORMAT):
        return None
    return Fast(_only(time), lambda values: Native(_mapped(time.isoformat, values)), "text")


def _choice(field: drf.ChoiceField) -> Fast:
    made = Remembered(field.to_representation)
    return Fast(_only(str), lambda values: Values([*map(made.__getitem__, values)]), "the choice")


def _mapped(function: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    # Some classes, Decimal among them, take long to find out that a value is not equal to None.
    if NoneType in map(type, values):
        return [None if value is None else function(value) for value in values]
    return [*map(function, values)]


def _methods(owner: type, *names: str) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in names}


# By the function that represents: a subclass with one of its own finds no rule.
_RULES: dict[Any, _Rule] = {
    drf.CharField.to_representation: _Rule(_always(_as_they_are(str))),
    drf.BooleanField.to_representation: _Rule(
        _always(_as_they_are(bool)),
        _methods(drf.BooleanField, "TRUE_VALUES", "FALSE_VALUES", "NULL_VALUES"),
    ),
    drf.UUIDField.to_representation: _Rule(_uuid),
    drf.IntegerField.to_representation: _Rule(_always(_as_they_are(int))),
    drf.FloatField.to_representation: _Rule(_always(_FLOATS)),
    drf.DecimalField.to_representation: _Rule(_decimal, _methods(drf.DecimalField, "quantize")),
    drf.DateTimeField.to_representation: _Rule(
        _datetime, _methods(drf.DateTimeField, "enforce_timezone", "default_timezone")
    ),
    drf.DateField.to_representation: _Rule(_date),
    drf.TimeField.to_representation: _Rule(_time),
    drf.ChoiceField.to_representation: _Rule(_choice),
    drf.JSONField.to_representation: _Rule(_json),
    drf.ReadOnlyField.to_representation: _Rule(_always(_ANY)),
}
if hasattr(drf, "BigIntegerField"):  # since DRF 3.17
    _RULES[drf.BigIntegerField.to_representation] = _Rule(_big_integer)
