"""Live events on real servers: what they hold while they wait, and how they end."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import httpx
import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from httpx_sse import connect_sse

from adversarial import expected
from clients import get_with_curl, read_until, seconds_for_a_page
from drf_streaming.test import parse_events
from server_kinds import KINDS
from servers import Server, database_sessions, eventually, settled, url_of
from test_servers import ALL, ASGI
from whatwg import Message, parse

on = pytest.mark.parametrize
everywhere = on("server", ALL, indirect=True)
under_asgi = on("server", ASGI, indirect=True)
under_wsgi = on("server", [name for name in ALL if not KINDS[name].asgi], indirect=True)

pytestmark = pytest.mark.django_db
T = TypeVar("T")


def committed(call: Callable[[], T]) -> T:
    """Use the database outside of the transaction of the test."""

    def alone() -> T:
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(alone).result()


def logged_in() -> tuple[User, SessionStore]:
    user = User.objects.create(username=f"u{uuid4().hex[:8]}")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return user, session


@pytest.fixture
def browser(db: None) -> Iterator[dict[str, str]]:
    """Return what a browser sends in which somebody has logged in."""
    user, session = committed(logged_in)
    yield {"Cookie": f"sessionid={session.session_key}", "Accept": "text/event-stream"}
    committed(session.delete)
    committed(user.delete)


@contextmanager
def listeners(
    server: Server, path: str, count: int, headers: dict[str, str]
) -> Iterator[list[socket.socket]]:
    """Let so many clients listen, a few of which connect at a time."""
    with ExitStack() as stack:
        clients = []
        for _ in range(0, count, 20):
            several = [stack.enter_context(server.connect(path, **headers)) for _ in range(20)]
            for client in several:
                read_until(client, b"data: hello")
            clients += several
        yield clients


def threads(server: Server) -> int:
    return sum(process.num_threads() for process in server.processes)


@on("server", ["uvicorn"], indirect=True)
def test_clients_that_wait_hold_no_connection_no_thread_and_little_memory(
    server: Server, browser: dict[str, str]
) -> None:
    """Measure with LIVE_CLIENTS=1000 and pytest's -s."""
    count = int(os.environ.get("LIVE_CLIENTS", "200"))
    for _ in range(2):
        with listeners(server, "/live/guarded/", 100, browser):
            pass
    log, before = server.logged_from_now(), settled(lambda: threads(server))
    others, idle = database_sessions(server), settled(lambda: server.rss)
    with listeners(server, "/live/guarded/", count, browser):
        assert eventually(lambda: threads(server) <= before, True, within=10)
        assert eventually(lambda: database_sessions(server) <= others, True, within=10)
        assert max(seconds_for_a_page(server) for _ in range(5)) < 5
        kib = (server.rss - idle) / 1024 / count
        print(f"{count} clients: {kib:.1f} KiB each")  # noqa: T201
    # Less than 40 KiB each, where a thousand are measured.
    assert kib < 80
    assert log.troubles() == []
    assert eventually(lambda: threads(server) <= before, True, within=10)


@on("server", ["uvicorn"], indirect=True)
def test_a_source_has_a_connection_again_when_it_asks_for_one(
    server: Server, browser: dict[str, str]
) -> None:
    others = database_sessions(server)
    with listeners(server, "/live/guarded/?again=0.4", 20, browser) as clients:
        for client in clients * 2:
            read_until(client, b"data: hello")
    assert eventually(lambda: database_sessions(server) <= others, True, within=10)


@everywhere
@on("path", ["polling", "reading", "reading-sync"])
def test_a_source_may_read_slowly_and_its_connection_is_given_back(
    server: Server, path: str
) -> None:
    others = database_sessions(server)
    with server.connect(f"/live/{path}/?pause=2") as client:
        read_until(client, b"data: 9E")
        if path != "polling":
            # The cursor of a queryset is left alone between the rows.
            read_until(client, b"data: AS")
            read_until(client, b"data: YV")
        assert eventually(lambda: database_sessions(server) <= others, True, within=10)


@under_wsgi
@on("kind", ["sync", "async"])
def test_a_client_that_left_is_noticed_at_a_heartbeat(server: Server, kind: str) -> None:
    log, mark = server.logged_from_now(), server.mark()
    path = f"/live/events/?{kind}&rows=2&pause=1.5&heartbeat=0.3&{mark.query}"
    with server.connect(path) as client:
        read_until(client, b'"n":1')
    assert eventually(lambda: mark.is_there, True, within=10)
    assert mark.rows == 1 if kind == "async" else mark.rows <= 2
    assert log.troubles() == []


@under_wsgi
def test_a_source_that_waits_ends_at_the_first_heartbeat_after_its_client_left(
    server: Server,
) -> None:
    mark = server.mark()
    with server.connect(f"/live/events/?async&pause=60&heartbeat=2&{mark.query}") as client:
        read_until(client, b'"n":1')
    # At the second one it would be 4 seconds.
    assert eventually(lambda: mark.is_there, True, within=3.7)


@under_asgi
@on("kind", ["sync", "async"])
def test_the_source_of_a_client_that_left_ends_while_it_waits(server: Server, kind: str) -> None:
    log, mark = server.logged_from_now(), server.mark()
    path = f"/live/polling/?{mark.query}&pause=0.2"
    if kind == "async":
        path = f"/live/events/?async&pause=60&{mark.query}"
    with server.connect(path) as client:
        read_until(client, b"data: ")
    assert eventually(lambda: mark.is_there, True, within=5)
    assert log.troubles() == []


@everywhere
@on("kind", ["sync", "async"])
def test_heartbeats_reach_the_client(server: Server, kind: str) -> None:
    with server.connect(f"/live/events/?{kind}&pause=1&rows=2&heartbeat=0.1") as client:
        received = read_until(client, b'"n":2')
    # Under WSGI its line end is a chunk of its own.
    assert received.partition(b'"n":1')[2].count(b"\n:") >= 3


@everywhere
@on("kind", ["sync", "async"])
def test_a_stream_ends_properly_at_its_age(server: Server, kind: str) -> None:
    url = f"{server.url}/live/events/?{kind}&pause=0.1&max_age=0.6"
    status, body = get_with_curl(url)
    numbers = [json.loads(event.data)["n"] for event in parse_events(body.decode())]
    assert (status, numbers) == (0, list(range(1, len(numbers) + 1)))
    assert len(numbers) >= 3


@under_asgi
@on("kind", ["sync", "async"])
def test_a_client_that_takes_nothing_is_given_up(server: Server, kind: str) -> None:
    log, mark = server.logged_from_now(), server.mark()
    path = f"/live/events/?{kind}&wide=100000&send_timeout=0.5&{mark.query}"
    with server.connect(path):
        assert eventually(lambda: mark.is_there, True, within=20)
        assert log.troubles() == []


@on("server", ["uvicorn", "gunicorn-gthread"], indirect=True)
@on("seed", range(3))
def test_curl_and_httpx_sse_read_exactly_what_was_sent(server: Server, seed: int) -> None:
    url = f"{server.url}/live/adversarial/?seed={seed}&count=800"
    messages = expected(seed, 800)
    status, body = get_with_curl(url)
    assert (status, parse(body).messages) == (0, messages)
    with httpx.Client() as client, connect_sse(client, "GET", url) as source:
        received = [Message(each.data, each.event, each.id) for each in source.iter_sse()]
    assert received == messages


# Hypercorn tells its application only where it serves in its own process. Granian's threads of
# WSGI learn nothing, and daphne and Django's development server end at once.
TELLING = ["uvicorn", "hypercorn-alone", "granian-asgi", "gunicorn-sync", "gunicorn-gthread"]


@on("name", TELLING)
@on("kind", ["sync", "async"])
def test_streams_end_in_order_when_the_server_stops(name: str, kind: str, tmp_path: Path) -> None:
    server = Server(name, url_of(connections["default"].settings_dict), tmp_path)
    mark = server.mark()
    pause = {"sync": 0.2, "async": 60}[kind]
    with server.connect(f"/live/events/?{kind}&pause={pause}&{mark.query}") as client:
        read_until(client, b'"n":1')
        server.terminate()
        # The chunk that ends the message.
        read_until(client, b"0\r\n\r\n")
    assert server.ends(within=10)
    assert mark.is_there
