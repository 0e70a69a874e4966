from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, connections
from django.test import override_settings

from drf_streaming.loaders import load_moments_fast

pytestmark = pytest.mark.django_db
MOMENT = datetime(2013, 1, 1, 5, 15, 0, 1, tzinfo=UTC)
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="needs PostgreSQL: set DATABASE_URL"
)


def loader(own: Any) -> Any:
    return own.connection.adapters.get_loader(1184, own.Database.pq.Format.TEXT)


def moments(own: Any) -> list[Any]:
    """Return what a moment, and none, are read as."""
    with own.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz, NULL::timestamptz", [MOMENT])
        return [*cursor.fetchone()]


@pytest.fixture
def own() -> Any:
    copied = connection.copy()
    yield copied
    copied.close()


@on_postgresql
def test_moments_in_utc_are_those_that_django_loads(own: Any):
    own.ensure_connection()
    djangos, expected = loader(own), moments(own)
    load_moments_fast(own)
    assert loader(own) is not djangos
    found = moments(own)
    assert found == expected == [MOMENT, None]
    assert found[0].tzinfo is expected[0].tzinfo is UTC


@on_postgresql
def test_django_goes_on_with_the_connection(own: Any):
    own.ensure_connection()
    for _ in range(2):
        load_moments_fast(own)
        fast = loader(own)
        assert own.ensure_timezone() is False
        with own.cursor():
            # It looks whether the time zone is still the loader's.
            assert loader(own) is fast


@on_postgresql
@pytest.mark.parametrize("zone", ["America/New_York", "UTC"])
def test_another_time_zone_is_left_to_django(own: Any, zone: str):
    own.settings_dict["TIME_ZONE"] = "America/New_York"
    own.ensure_connection()
    if zone == "UTC":
        with own.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
    djangos, expected = loader(own), moments(own)
    load_moments_fast(own)
    assert loader(own) is djangos
    assert moments(own) == expected


@on_postgresql
def test_moments_without_a_time_zone_are_left_to_django(own: Any):
    with override_settings(USE_TZ=False):
        own.ensure_connection()
        djangos = loader(own)
        load_moments_fast(own)
        assert loader(own) is djangos


@pytest.mark.django_db(databases=["other"])
def test_another_database_is_left_alone():
    other = connections["other"]
    other.ensure_connection()
    driver = other.connection
    load_moments_fast(other)
    assert other.connection is driver
    with other.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchone() == (1,)
