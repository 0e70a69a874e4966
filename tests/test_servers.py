"""What clients see of real servers, each a process of its own."""

import csv
import io
import json
import re
from contextlib import suppress
from typing import Any

import django
import httpx
import pytest
from rest_framework.renderers import JSONRenderer

from clients import (
    ask,
    connection_to,
    delays,
    get_with_curl,
    get_with_httpx,
    leave_many_times,
    read_until,
    seconds_for_a_page,
    someone_reading,
)
from flights.models import Flight
from flights.serializers import FlightSerializer
from server_kinds import KINDS
from servers import Server, database_sessions, eventually, settled

ALL = [
    "uvicorn",
    "hypercorn",
    "granian-asgi",
    "granian-wsgi",
    "gunicorn-sync",
    "gunicorn-gthread",
    "runserver",
]
ASGI = [name for name in ALL if KINDS[name].asgi]
CONCURRENT = [name for name in ALL if KINDS[name].concurrency > 1]
WITH_GZIP = ["uvicorn-gzip", "gunicorn-gzip"]

pytestmark = pytest.mark.django_db
on = pytest.mark.parametrize
everywhere = on("server", ALL, indirect=True)
under_asgi = on("server", ASGI, indirect=True)
of_each_source = on("source", ["sync", "async"])

# How late, in seconds, something may be that comes at once.
SOON = 0.25


@pytest.fixture(scope="session")
def flights(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> list[Any]:
    """What DRF's own list holds of all flights."""
    with django_db_blocker.unblock():
        queryset = Flight.objects.select_related("carrier")
        return list(FlightSerializer(queryset, many=True).data)


def as_drf_writes(item: Any) -> bytes:
    return JSONRenderer().render(item)


def as_csv(items: list[Any]) -> bytes:
    rows = io.StringIO(newline="")
    writer = csv.writer(rows)
    for item in items:
        flat = {f"carrier.{name}": value for name, value in item["carrier"].items()}
        row = {"id": item["id"], **flat, **{key: item[key] for key in item if key != "carrier"}}
        if not rows.tell():
            writer.writerow(row)
        writer.writerow(
            {True: "true", False: "false"}[v] if isinstance(v, bool) else v for v in row.values()
        )
    return rows.getvalue().encode()


COMPLETE = {
    "ndjson": lambda items: b"".join(as_drf_writes(item) + b"\n" for item in items),
    "json": as_drf_writes,
    "sse": lambda items: b"".join(
        [
            b"retry: 3000\n:\n",
            *(b"data: " + as_drf_writes(item) + b"\n\n" for item in items),
            b'event: end\nid: ~end\ndata: {"rows":%d}\n\n' % len(items),
        ]
    ),
    "csv": as_csv,
    "json-seq": lambda items: b"".join(b"\x1e" + as_drf_writes(item) + b"\n" for item in items),
}
PLACE = re.compile(rb"^id: [^~\n]+\n", re.MULTILINE)
of_each_format = on("wire", COMPLETE)


@everywhere
@of_each_format
def test_a_stream_has_the_bytes_of_drf_in_their_order(
    server: Server, wire: str, flights: list[Any]
) -> None:
    response = httpx.get(f"{server.url}/flights/?stream={wire}", timeout=30)
    places = PLACE.findall(response.content)
    assert len({*places}) == (len(flights) if wire == "sse" else 0)
    assert PLACE.sub(b"", response.content) == COMPLETE[wire](flights)


@everywhere
@of_each_format
def test_a_list_of_few_rows_has_a_length(server: Server, wire: str) -> None:
    response = httpx.get(f"{server.url}/airlines/?stream={wire}")
    assert response.headers["Content-Length"] == str(len(response.content))
    assert "Transfer-Encoding" not in response.headers


def come_soon(server: Server, path: str, rows: list[bool]) -> bool:
    """Tell whether rows come at once: if not whenever the machine has other things to do."""

    def look() -> list[bool]:
        return [delay < SOON for delay in delays(server, path)]

    return eventually(look, rows, within=4) == rows


@everywhere
@of_each_source
def test_a_row_arrives_when_the_source_yields_it(server: Server, source: str) -> None:
    path = f"/source/{source}/?stream=ndjson&rows=3&pause=0.3&with=clock"
    assert come_soon(server, path, [True] * 3)


@everywhere
@of_each_source
def test_rows_that_come_at_once_arrive_before_the_pause_after_them(
    server: Server, source: str
) -> None:
    path = f"/response/{source}/?rows=4&burst=3&pause=0.4&with=clock"
    assert come_soon(server, path, [True] * 4)


PROBLEM = b'{"$stream":"error","status":500,"title":"Internal Server Error","rows":3}'
BROKEN_OFF = {
    "ndjson": b'{"n":1}\n{"n":2}\n{"n":3}\n' + PROBLEM + b"\n",
    "json": b'[{"n":1},{"n":2},{"n":3}',
    "sse": b'retry: 3000\n:\ndata: {"n":1}\n\ndata: {"n":2}\n\ndata: {"n":3}\n\n'
    b"event: problem\ndata: " + PROBLEM + b"\n\n",
    "csv": b"n\r\n1\r\n2\r\n3\r\n",
    "json-seq": b'\x1e{"n":1}\n\x1e{"n":2}\n\x1e{"n":3}\n\x1e' + PROBLEM + b"\n",
}


@everywhere
@of_each_source
@of_each_format
def test_a_failure_at_row_4_is_marked_and_broken_off(
    server: Server, source: str, wire: str
) -> None:
    url = f"{server.url}/source/{source}/?stream={wire}&fail_at=4"
    cut_for_curl, cut_for_httpx = (18, httpx.RemoteProtocolError) if server.kind.cuts else (0, None)
    assert get_with_curl(url) == (cut_for_curl, BROKEN_OFF[wire])
    assert get_with_httpx(url) == (cut_for_httpx, BROKEN_OFF[wire])


@everywhere
@of_each_source
def test_a_failure_is_logged_once(server: Server, source: str) -> None:
    log = server.logged_from_now()
    get_with_httpx(f"{server.url}/source/{source}/?stream=ndjson&fail_at=4")
    assert log.of("drf_streaming") == ["ERROR drf_streaming: A stream was broken off after 3 rows"]


@everywhere
def test_a_serializer_that_fails_in_the_middle_tells_how_many_rows_it_sent(
    server: Server, flights: list[Any]
) -> None:
    _, body = get_with_httpx(f"{server.url}/failing/?stream=ndjson&fail_at=1000")
    *items, mark = body.splitlines()
    assert 0 < len(items) < 1000
    assert items == [as_drf_writes(item) for item in flights[: len(items)]]
    assert json.loads(mark)["rows"] == len(items)


@everywhere
def test_a_failure_at_row_1_is_that_of_the_ordinary_list(server: Server) -> None:
    ordinary = httpx.get(f"{server.url}/failing/?fail_at=1")
    assert ordinary.status_code == 500
    for wire in COMPLETE:
        streamed = httpx.get(f"{server.url}/failing/?stream={wire}&fail_at=1")
        assert (streamed.status_code, streamed.content) == (500, ordinary.content)


@everywhere
def test_a_failure_at_row_1_of_an_async_source_is_never_a_complete_answer(server: Server) -> None:
    ordinary = httpx.get(f"{server.url}/failing/?fail_at=1")
    marked = PROBLEM.replace(b'"rows":3', b'"rows":0') + b"\n"
    with suppress(httpx.RemoteProtocolError):
        received = b""
        with httpx.stream("GET", f"{server.url}/source/async/?stream=ndjson&fail_at=1") as response:
            for part in response.iter_raw():
                received += part
    assert (response.status_code, received) in [(500, ordinary.content), (200, marked)]


@everywhere
@of_each_source
@on("view", ["source", "response"])
def test_the_source_is_closed_when_its_client_leaves(
    server: Server, view: str, source: str
) -> None:
    log, mark = server.logged_from_now(), server.mark()
    with server.connect(f"/{view}/{source}/?stream=ndjson&pause=0.02&{mark.query}") as client:
        read_until(client, b'{"n":3}\n')
    assert eventually(lambda: mark.is_there, True, within=5)
    assert log.troubles() == []


# Under WSGI only the next write tells that the client has left.
@under_asgi
@on("view", ["source", "response"])
def test_a_source_that_awaits_something_is_closed_when_its_client_leaves(
    server: Server, view: str
) -> None:
    log, mark = server.logged_from_now(), server.mark()
    with server.connect(f"/{view}/async/?stream=ndjson&pause=60&{mark.query}") as client:
        read_until(client, b'{"n":1}\n')
    assert eventually(lambda: mark.is_there, True, within=5)
    assert log.troubles() == []


@everywhere
def test_the_transaction_ends_when_the_client_of_a_queryset_leaves(server: Server) -> None:
    log, before = server.logged_from_now(), database_sessions(server)
    with server.connect("/slow-flights/?stream=ndjson") as client:
        read_until(client, b'{"id":')
        during = database_sessions(server)
    assert during > before
    assert eventually(lambda: database_sessions(server) - before, set(), within=5) == set()
    assert log.troubles() == []


@under_asgi
def test_the_transaction_ends_when_the_client_leaves_before_the_view_has_answered(
    server: Server,
) -> None:
    log, before = server.logged_from_now(), database_sessions(server)
    with server.connect("/slow-flights/?stream=ndjson&pause=0.05"):
        assert eventually(lambda: database_sessions(server) > before, True, within=5)
    assert eventually(lambda: database_sessions(server) - before, set(), within=5) == set()
    assert log.troubles() == []


@everywhere
@of_each_source
def test_fifty_clients_that_leave_leave_nothing_behind(server: Server, source: str) -> None:
    path = f"/source/{source}/?stream=ndjson&pause=0.01"
    # Servers keep some threads for later, and Python opens files when it first needs them.
    leave_many_times(server, path)
    log, before = server.logged_from_now(), settled(lambda: server.held)
    leave_many_times(server, path)
    assert eventually(lambda: server.held <= before, True, within=5), (before, server.held)
    assert log.troubles() == []


@on("server", CONCURRENT, indirect=True)
@of_each_source
def test_a_source_that_never_waits_lets_others_have_their_turn(server: Server, source: str) -> None:
    with someone_reading(server, f"/source/{source}/?stream=ndjson"):
        # One page in twenty had to wait for 8 seconds, once.
        assert max(seconds_for_a_page(server) for _ in range(10)) < 5


@everywhere
@of_each_source
def test_a_source_that_never_waits_is_closed_when_its_client_leaves(
    server: Server, source: str
) -> None:
    log, mark = server.logged_from_now(), server.mark()
    with someone_reading(server, f"/source/{source}/?stream=ndjson&{mark.query}"):
        pass
    assert eventually(lambda: mark.is_there, True, within=5)
    assert seconds_for_a_page(server) < 5
    assert log.troubles() == []


@everywhere
@of_each_format
def test_head_has_the_headers_of_the_stream_and_reads_no_row(server: Server, wire: str) -> None:
    mark = server.mark()
    path = f"/source/sync/?stream={wire}&{mark.query}"
    with connection_to(server) as client:
        _, headers, _ = ask(client, "GET", f"/source/sync/?stream={wire}&rows=1")
        assert ask(client, "HEAD", path) == (200, headers, b"")
        assert ask(client, "GET", "/airlines/")[0] == 200
    assert not mark.is_there


@everywhere
@of_each_source
def test_a_connection_goes_on_after_a_stream(server: Server, source: str) -> None:
    with connection_to(server) as client:
        assert ask(client, "GET", f"/source/{source}/?stream=json&rows=2")[2] == (
            b'[{"n":1},{"n":2}]'
        )
        kept = client.sock
        assert ask(client, "GET", "/collect/")[2] == b"collected"
        assert (kept is not None and client.sock is kept) == server.kind.keeps_alive


@on("server", [*ALL, "uvicorn-sync-middleware"], indirect=True)
@of_each_source
@on("view", ["source", "response"])
def test_language_time_zone_and_context_variables_hold_to_the_last_row(
    server: Server, view: str, source: str
) -> None:
    response = httpx.get(
        f"{server.url}/{view}/{source}/?stream=ndjson&rows=3&pause=0.01&with=context",
        headers={"X-Tenant": "somebody"},
    )
    assert [json.loads(line) for line in response.text.splitlines()] == [
        {"n": n, "language": "fr", "time_zone": "Asia/Tokyo", "tenant": "somebody"}
        for n in (1, 2, 3)
    ]


@on("server", WITH_GZIP, indirect=True)
@on("path", ["/flights/?stream=ndjson", "/source/async/?stream=ndjson&rows=3000"])
def test_a_stream_behind_gzip_is_whole(server: Server, path: str, flights: list[Any]) -> None:
    items = flights if "flights" in path else [{"n": n} for n in range(1, 3001)]
    response = httpx.get(server.url + path, timeout=30)
    assert response.content == COMPLETE["ndjson"](items)
    assert get_with_curl(server.url + path, "--compressed") == (0, response.content)


@on("server", WITH_GZIP, indirect=True)
@of_each_source
@on("view", ["source", "response"])
def test_a_stream_is_compressed_where_django_can(server: Server, view: str, source: str) -> None:
    response = httpx.get(f"{server.url}/{view}/{source}/?stream=ndjson&rows=1000")
    assert ("Content-Encoding" in response.headers) == (django.VERSION >= (6, 1))


@on("server", WITH_GZIP, indirect=True)
@of_each_source
def test_a_row_behind_gzip_arrives_when_the_source_yields_it(server: Server, source: str) -> None:
    path = f"/source/{source}/?stream=ndjson&rows=3&pause=0.3&with=clock"
    assert come_soon(server, path, [True] * 3)


@on("server", WITH_GZIP, indirect=True)
@of_each_source
@on("view", ["source", "response"])
def test_the_source_behind_gzip_is_closed_when_its_client_leaves(
    server: Server, view: str, source: str
) -> None:
    log, mark = server.logged_from_now(), server.mark()
    path = f"/{view}/{source}/?stream=ndjson&pause=0.02&{mark.query}"
    headers = {"Accept-Encoding": "gzip"}
    with httpx.stream("GET", server.url + path, headers=headers) as response:
        next(response.iter_bytes())
    assert eventually(lambda: mark.is_there, True, within=5)
    assert log.troubles() == []


@on("server", WITH_GZIP, indirect=True)
@of_each_source
@on("path", ["/source/{}/?stream=sse&rows=1000", "/response/{}/?format=sse&rows=1000"])
def test_events_are_never_compressed(server: Server, path: str, source: str) -> None:
    response = httpx.get(server.url + path.format(source))
    assert response.headers["Content-Type"] == "text/event-stream"
    assert "Content-Encoding" not in response.headers
