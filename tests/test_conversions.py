import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import ConnectionHandler
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from drf_streaming.conversions import CHUNK, convert

sqlite = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3"}})["default"]
new_york = ConnectionHandler(
    {"default": {"ENGINE": "django.db.backends.sqlite3", "TIME_ZONE": "America/New_York"}}
)["default"]

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-5))])
MOMENTS = st.datetimes() | st.datetimes(timezones=ZONES)
# What SQLite's driver gives for a column of times depends on what stands there.
STORED = {
    "convert_datetimefield_value": MOMENTS | st.datetimes().map(str),
    "convert_uuidfield_value": st.uuids().map(str) | st.uuids().map(lambda found: found.hex),
    "convert_datefield_value": st.dates() | st.dates().map(str),
    "convert_booleanfield_value": st.sampled_from([0, 1]),
}


def converted(name: str, values: Sequence[Any], connection: Any = sqlite) -> list[Any]:
    converters = {1: ([getattr(connection.ops, name)], None)}
    rows = [*convert([("first", value) for value in values], converters, connection)]
    assert [first for first, _ in rows] == ["first"] * len(values)
    return [value for _, value in rows]


def by_django(name: str, values: Sequence[Any], connection: Any = sqlite) -> list[Any]:
    convert_one = getattr(connection.ops, name)
    return [convert_one(value, None, connection) for value in values]


def kinds(values: Sequence[Any]) -> list[Any]:
    return [(type(value), str(value), getattr(value, "tzinfo", None)) for value in values]


@pytest.mark.parametrize("name", STORED)
@given(data=st.data())
def test_values_are_those_that_django_makes(name: str, data: st.DataObject):
    values = data.draw(st.lists(st.none() | STORED[name], max_size=8))
    assert kinds(converted(name, values)) == kinds(by_django(name, values))


@given(st.lists(st.none() | MOMENTS, max_size=8), st.booleans())
def test_moments_have_the_time_zone_of_the_database(values: list[datetime | None], use_tz: bool):
    name = "convert_datetimefield_value"
    with override_settings(USE_TZ=use_tz):
        assert kinds(converted(name, values, new_york)) == kinds(by_django(name, values, new_york))


@pytest.mark.parametrize(
    "value", ["no uuid", "urn:uuid:" + "0" * 32, "{" + "0" * 32 + "}", b"0" * 16]
)
def test_what_is_no_ordinary_uuid_is_left_to_django(value: Any):
    name = "convert_uuidfield_value"
    try:
        expected = by_django(name, [value])
    except Exception as error:
        with pytest.raises(type(error)):
            converted(name, [value])
    else:
        assert converted(name, [value]) == expected


def test_several_functions_are_applied_in_their_order():
    def first(value: Any, expression: Any, connection: Any) -> Any:
        return f"{value} {expression} {connection is sqlite}"

    def second(value: Any, *_: Any) -> Any:
        return f"({value})"

    converters = {0: ([first, second], "expression")}
    rows = [(number,) for number in range(CHUNK + 1)]
    expected = [(f"({number} expression True)",) for number in range(CHUNK + 1)]
    assert [*convert(rows, converters, sqlite)] == expected


def test_no_more_rows_are_taken_than_are_converted_together():
    taken = iter([(str(uuid.UUID(int=number)),) for number in range(CHUNK + 1)])
    rows = convert(taken, {0: ([sqlite.ops.convert_uuidfield_value], None)}, sqlite)
    assert next(rows) == (uuid.UUID(int=0),)
    assert len([*taken]) == 1
