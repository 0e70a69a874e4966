"""The stream's transaction is not the request's: what middleware writes is neither refused, nor
kept waiting, nor undone."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIHandler
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone
from rest_framework.test import APIRequestFactory

from drf_streaming.generics import StreamingListAPIView
from drf_streaming.snapshots import within
from drf_streaming.test import read_items
from flights.models import Airline, Airport, Flight
from flights.serializers import AirlineSerializer, AirportSerializer, FlightSerializer
from servers import eventually
from trips import sent, traced

URL = "/flights/?stream=ndjson"
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "path": "/flights/",
    "query_string": b"stream=ndjson",
    "headers": [(b"host", b"testserver")],
}
POOL_OF_ONE = {"min_size": 1, "max_size": 1, "timeout": 2}

needs_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL"
)


def configurations() -> list[Any]:
    return [
        pytest.param({}, id="plain"),
        pytest.param({"ATOMIC_REQUESTS": True}, id="atomic requests"),
        pytest.param({"CONN_MAX_AGE": 60}, id="persistent connections"),
        pytest.param({"ATOMIC_REQUESTS": True, "CONN_MAX_AGE": 60}, id="atomic and persistent"),
        pytest.param({"DISABLE_SERVER_SIDE_CURSORS": True}, id="no server-side cursors"),
        pytest.param({"pool": POOL_OF_ONE}, id="pool of one", marks=needs_postgresql),
        pytest.param(
            {"pool": POOL_OF_ONE, "ATOMIC_REQUESTS": True},
            id="pool of one, atomic requests",
            marks=needs_postgresql,
        ),
    ]


def forget() -> None:
    """Close the connection; the next one is made from the settings as they are then."""
    connections["default"].close()
    del connections["default"]


@pytest.fixture
def configured(committed: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Configure the database for one test as the parameter says."""
    changes = {**request.param}
    settings = connections.settings["default"]
    before = {**settings}
    if pool := changes.pop("pool", None):
        settings["OPTIONS"] = {**settings["OPTIONS"], "pool": pool}
    settings.update(changes)
    forget()
    yield
    connections.close_all()
    if pool:
        connection.close_pool()
    settings.update(before)
    forget()


def soon() -> datetime:
    return timezone.now() + timedelta(hours=1)


@pytest.fixture
def session(committed: None, settings: Any) -> Iterator[Session]:
    """Return a session that every request saves."""
    settings.SESSION_SAVE_EVERY_REQUEST = True
    store = SessionStore()
    store["visits"] = 1
    store.save()
    Session.objects.filter(pk=store.session_key).update(expire_date=soon())
    connections.close_all()
    yield Session(pk=store.session_key)
    Session.objects.filter(pk=store.session_key).delete()
    connections.close_all()


def is_saved(session: Session) -> bool:
    """Ask on a connection of one's own."""
    own = connection.copy()
    own.settings_dict["OPTIONS"].pop("pool", None)
    with closing(own), own.cursor() as cursor:
        cursor.execute(
            "SELECT expire_date FROM django_session WHERE session_key = %s", [session.pk]
        )
        (expires,) = cursor.fetchone()
    # Databases give it back as text, in UTC without saying so, or with a zone.
    expires = datetime.fromisoformat(str(expires))
    if timezone.is_naive(expires):
        expires = expires.replace(tzinfo=UTC)
    return expires > soon()


@pytest.mark.parametrize("configured", configurations(), indirect=True)
class TestMiddlewareWritesAfterTheView:
    def test_under_wsgi(self, session: Session, configured: None):
        client = Client()
        client.cookies["sessionid"] = session.pk
        response = client.get(URL)
        assert is_saved(session)
        assert len(read_items(response)) == Flight.objects.count()
        assert is_saved(session)

    def test_under_wsgi_when_the_client_leaves(self, session: Session, configured: None):
        client = Client()
        client.cookies["sessionid"] = session.pk
        response = client.get(URL)
        next(iter(response))
        response.close()
        assert is_saved(session)

    async def test_under_asgi(self, session: Session, configured: None):
        client = AsyncClient()
        client.cookies["sessionid"] = session.pk
        response = await client.get(URL)
        assert await sync_to_async(is_saved)(session)
        lines = b"".join([part async for part in response]).splitlines()
        assert len(lines) == await sync_to_async(Flight.objects.count)()
        assert await sync_to_async(is_saved)(session)
        await sync_to_async(connections.close_all)()


def backends() -> list[tuple[str, Any]]:
    """Return the state of every other session on this database."""
    own = connection.copy()
    with closing(own), own.cursor() as cursor:
        cursor.execute(
            "SELECT state, query FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchall()


@needs_postgresql
class TestOnPostgreSQL:
    def test_the_cursor_is_not_held_beyond_its_transaction(self, committed: None):
        response = Client().get(URL)
        ((state, query),) = backends()
        response.close()
        assert state == "idle in transaction"
        assert query.startswith("BEGIN READ ONLY;")
        assert ";DECLARE drf_streaming NO SCROLL CURSOR FOR" in query
        assert "WITH HOLD" not in query

    @pytest.mark.parametrize("leave", ["before the body", "in the body", "at the end"])
    def test_no_connection_is_left_behind(self, committed: None, leave: str):
        response = Client().get(URL)
        if leave == "in the body":
            next(iter(response))
        elif leave == "at the end":
            assert b"".join(response)
        response.close()
        connections.close_all()
        assert backends() == []

    def test_a_persistent_connection_is_kept_for_the_next_request(self, committed: None):
        connections.settings["default"]["CONN_MAX_AGE"] = 60
        forget()
        try:
            connection.ensure_connection()
            pid = connection.connection.info.backend_pid
            assert len(read_items(Client().get(URL))) == Flight.objects.count()
            assert connection.connection.info.backend_pid == pid
            assert len(backends()) == 1
        finally:
            connections.settings["default"]["CONN_MAX_AGE"] = 0
            forget()

    def test_a_database_that_goes_away_breaks_the_stream_off(self, committed: None, caplog: Any):
        response = Client().get(URL)
        lines: list[bytes] = []
        blocks = iter(response)
        lines.append(next(blocks))
        own = connection.copy()
        with closing(own), own.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(OperationalError):
            lines.extend(blocks)
        *items, mark = [json.loads(line) for line in b"".join(lines).splitlines()]
        assert mark == {
            "$stream": "error",
            "status": 500,
            "title": "Internal Server Error",
            "rows": len(items),
            "resume": mark["resume"],
        }
        assert [record.name for record in caplog.records] == ["drf_streaming"]
        response.close()
        # The next request finds a connection that works.
        assert len(read_items(Client().get("/airlines/?stream=ndjson"))) == 16


class ReplacingMiddleware:
    """Send another response than the view's, and leave that one as it is."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.get_response(request)
        return HttpResponse("another")


class FailingMiddleware(ReplacingMiddleware):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.get_response(request)
        raise Http404


@pytest.mark.parametrize("middleware", ["ReplacingMiddleware", "FailingMiddleware"])
def test_a_stream_that_middleware_does_not_send_is_closed_with_the_request(
    committed: None, settings: Any, middleware: str
):
    settings.MIDDLEWARE = [f"{__name__}.{middleware}"]
    connection.ensure_connection()
    taken = connection.connection
    Client().get(URL)
    # The connection that the stream had is back, and its transaction is over.
    assert connection.connection in (taken, None)
    with transaction.atomic():
        Airline.objects.create(code="!!", name="written after reading")
        transaction.set_rollback(True)
    if connection.vendor == "postgresql":
        connections.close_all()
        assert backends() == []


class Writing(FlightSerializer):
    def to_representation(self, instance: Flight) -> Any:
        Airline.objects.create(code="!!", name="written while reading")
        return super().to_representation(instance)


def test_a_serializer_that_writes_is_refused_before_the_first_byte(committed: None):
    class View(StreamingListAPIView):
        queryset = Flight.objects.all()
        serializer_class = Writing
        stream_source = "cursor"

    with pytest.raises(DatabaseError):
        View.as_view()(APIRequestFactory().get("/?stream=ndjson"))
    assert not Airline.objects.filter(code="!!").exists()
    # What made it read-only is undone.
    with transaction.atomic():
        Airline.objects.create(code="!!", name="written after reading")
        transaction.set_rollback(True)


def test_others_may_write_while_a_stream_is_open(committed: None):
    response = Client().get(URL)
    blocks = iter(response)
    next(blocks)
    try:
        Airline.objects.create(code="!!", name="written meanwhile")
        assert Airline.objects.filter(code="!!").exists()
    finally:
        Airline.objects.filter(code="!!").delete()
    assert b"".join(blocks).count(b"\n") > 2_000


def test_a_stream_that_fails_in_the_view_gives_its_connection_back(committed: None):
    before = connection.connection
    with pytest.raises(DatabaseError):
        within_airlines(Airline.objects.extra(where=["no_such_column = 1"]))
    assert connection.in_atomic_block is False
    assert Airline.objects.count() == 16
    assert before is None or connection.connection is not None


def within_airlines(queryset: Any) -> bytes:
    def blocks() -> Iterator[bytes]:
        for airline in queryset.iterator(chunk_size=5):
            yield airline.code.encode()

    return b"".join(within("default", blocks()))


def test_a_database_that_is_down_is_the_callers_error(committed: None):
    settings = connections.settings["default"]
    name = settings["NAME"]
    forget()
    settings["NAME"] = f"{name}/no/such/database"
    try:
        with pytest.raises(DatabaseError):
            within_airlines(Airline.objects.all())
    finally:
        settings["NAME"] = name
        forget()
    assert Airline.objects.count() == 16


@pytest.mark.django_db
def test_a_test_in_a_transaction_sees_its_own_rows():
    Airline.objects.create(code="!!", name="of this test")
    items = read_items(Client().get("/airlines/?stream=ndjson&search=of this test"))
    assert [item["code"] for item in items] == ["!!"]
    assert Airline.objects.filter(code="!!").exists()


def test_rows_of_the_requests_own_transaction_are_not_seen(committed: None):
    with transaction.atomic():
        Airline.objects.create(code="!!", name="not committed")
        seen = within_airlines(Airline.objects.filter(code="!!"))
        transaction.set_rollback(True)
    assert seen == b""


def test_a_stream_inside_a_transaction_leaves_that_one_open(committed: None):
    with transaction.atomic():
        Airline.objects.create(code="!!", name="not committed")
        codes = within_airlines(Airline.objects.order_by("code"))
        assert Airline.objects.filter(code="!!").exists()
        transaction.set_rollback(True)
    assert codes == b"".join(code.encode() for code in airline_codes())


def airline_codes() -> list[str]:
    return [*Airline.objects.order_by("code").values_list("code", flat=True)]


def test_a_database_in_memory_is_read_on_the_connection_that_has_it(committed: None):
    found = connections["other"]
    connections["other"] = in_memory = found.copy()
    in_memory.settings_dict["NAME"] = ":memory:"
    try:
        with in_memory.schema_editor() as editor:
            editor.create_model(Airport)
        Airport.objects.using("other").create(code="MEM")
        airports = Airport.objects.using("other")
        blocks = within("other", (airport.code.encode() for airport in airports.iterator()))
        assert [*blocks] == [b"MEM"]
    finally:
        BaseDatabaseWrapper.close(in_memory)
        connections["other"] = found


@pytest.mark.django_db(databases=["default", "other"], transaction=False)
def test_a_queryset_of_another_database_is_read_there():
    Airline.objects.using("other").create(code="OT", name="of the other database")

    class View(StreamingListAPIView):
        queryset = Airline.objects.using("other").prefetch_related("fleet")
        serializer_class = AirlineSerializer

    response = View.as_view()(APIRequestFactory().get("/?stream=ndjson"))
    assert [item["code"] for item in read_items(response)] == ["OT"]


@pytest.fixture
def other(committed: None) -> Iterator[Any]:
    """Fill a database that is in SQLite's default journal mode, and empty it again."""
    airlines = Airline.objects.using("other")
    airlines.bulk_create(Airline(code=f"{n:02}", name="other") for n in range(80))
    yield airlines
    airlines.all().delete()


def test_outside_wal_mode_the_request_itself_can_still_write(other: Any):
    codes = []
    for n, block in enumerate(within("other", (row.code.encode() for row in other.iterator()))):
        codes.append(block)
        if n == 40:
            other.create(code="ZZ", name="written meanwhile")
    assert codes[:80] == [b"%02d" % n for n in range(80)]
    assert other.filter(code="ZZ").exists()


async def test_the_real_asgi_handler_steps_and_closes_in_the_requests_own_thread(committed: None):
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await ASGIHandler()(SCOPE, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    assert body.count(b"\n") == 3_000


async def test_what_a_view_has_opened_is_closed_when_its_client_left_before_it_answered(
    committed: None,
):
    sent: list[dict[str, Any]] = []
    messages = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"", "more_body": False},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    look: Any = backends if connection.vendor == "postgresql" else list
    before = await sync_to_async(look)()
    await ASGIHandler()(SCOPE, receive, send)
    assert sent == []
    # A session ends a moment after its connection.
    assert await sync_to_async(eventually)(look, before, within=10) == before


@needs_postgresql
def test_postgresql_ends_a_transaction_in_which_nobody_asks_for_long(committed: None):
    blocks = within("default", (b"%d" % flight.pk for flight in Flight.objects.iterator(1)), 0.05)
    next(blocks)
    time.sleep(0.3)
    with pytest.raises(DatabaseError, match="idle-in-transaction timeout"):
        deque(blocks, maxlen=0)


class FewAirports(StreamingListAPIView):
    queryset = Airport.objects.order_by("pk")[:20]
    serializer_class = AirportSerializer
    filter_backends: Any = ()
    stream_source = "cursor"


@needs_postgresql
def test_a_list_of_few_rows_takes_two_round_trips(committed: None, tmp_path: Path):
    request = APIRequestFactory().get("/", {"stream": "ndjson"})
    with traced(tmp_path / "trace"):
        assert len(read_items(FewAirports.as_view()(request))) == 20
    # `DECLARE` and `FETCH` are sent with the first.
    assert sent(tmp_path / "trace") == ["BEGIN", "ROLLBACK"]


async def test_a_list_of_few_rows_is_whole_when_the_view_is_through(committed: None):
    view = FewAirports.as_view()
    request = APIRequestFactory().get("/", {"stream": "ndjson"})
    response = await sync_to_async(view)(request)
    async with ThreadSensitiveContext() as context:
        body = b"".join([block async for block in response])
        assert context not in SyncToAsync.context_to_thread_executor
    assert body.count(b"\n") == 20
