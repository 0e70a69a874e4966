"""What every test has: a few thousand real flights, committed to a real database."""

import signal
from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import SyncToAsync
from django.db import connection, connections

from browser import Chromium, Tab
from flights.loading import load
from servers import Server, url_of

FLIGHTS = 3_000


def pytest_configure() -> None:
    """Take Ctrl-C: a shell has it ignored by all that it starts in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(scope="session")
def servers(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Server]]:
    running: dict[str, Server] = {}
    database_url = url_of(connection.settings_dict)

    def get(name: str) -> Server:
        if name not in running:
            running[name] = Server(name, database_url, tmp_path_factory.mktemp(name))
        return running[name]

    yield get
    for server in running.values():
        server.terminate()
    assert [name for name, server in running.items() if not server.ends(within=10)] == []


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    return servers(request.param)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture
def tab(chromium: Chromium) -> Iterator[Tab]:
    with chromium.tab() as tab:
        yield tab
