"""What every test has: a few thousand real flights, committed to a real database."""

from collections.abc import Iterator

import pytest
from asgiref.sync import SyncToAsync
from django.db import connection, connections

from flights.loading import load

FLIGHTS = 3_000


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """Load the flights once for all tests."""
    database = connection.settings_dict
    if database["NAME"] != database["TEST"]["NAME"]:
        # pytest-django makes test databases only for tests with its mark.
        pytest.exit(f"Not a test database: {database['NAME']}. Run the whole file.", returncode=3)
    with django_db_blocker.unblock():
        load(rows=FLIGHTS)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test use the database without a transaction around it.

    A test that writes undoes it: nothing is flushed, since the flights are there for all.
    """
    with django_db_blocker.unblock():
        yield
        connections.close_all()
        # The thread in which asgiref runs sync code for async tests has its own.
        SyncToAsync.single_thread_executor.submit(connections.close_all).result()
