"""What soaking needs: more flights than there are, and a server that has done nothing yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, connections

from flights.models import Flight
from servers import Server, url_of
from soak.sizes import COPY, ROWS


@pytest.fixture(scope="package")
def many(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[int]:
    """Copy the flights until there are as many as wanted, and take the copies away again."""
    with django_db_blocker.unblock():
        flights = Flight.objects.count()
        copy(ROWS // flights)
        yield Flight.objects.count()
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM flights_flight WHERE id > {COPY}")
        tidy()
        connections.close_all()


def copy(copies: int) -> None:
    columns = ", ".join(field.column for field in Flight._meta.fields if field.column != "id")
    with connection.cursor() as cursor:
        for number in range(1, copies):
            cursor.execute(
                f"INSERT INTO flights_flight (id, {columns}) SELECT id + {number * COPY}, {columns}"
                f" FROM flights_flight WHERE id < {COPY}"
            )
    tidy()


def tidy() -> None:
    """Let the database clean up now, and not while it's measured."""
    statement = {
        "postgresql": "VACUUM ANALYZE flights_flight",
        "mysql": "ANALYZE TABLE flights_flight",
        "sqlite": "PRAGMA wal_checkpoint(TRUNCATE)",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Start a server of this kind for one test."""
    server = Server(request.param, url_of(connection.settings_dict), tmp_path)
    yield server
    server.kill()
