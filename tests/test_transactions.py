"""All that a stream reads is of one moment, where that is asked for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, connections, transaction
from django.test import override_settings
from rest_framework.test import APIRequestFactory

from drf_streaming.generics import StreamingListAPIView
from drf_streaming.responses import NDJSONResponse
from drf_streaming.snapshots import within
from flights.models import Airline
from flights.serializers import AirlineSerializer

on = pytest.mark.parametrize
needs_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL"
)
LAST = "YV"
OLD = ("Mesa Airlines Inc.", True)
ISOLATED = {"stream_isolation": "repeatable read"}


class Airlines(StreamingListAPIView):
    queryset = Airline.objects.prefetch_related("fleet")
    serializer_class = AirlineSerializer
    filter_backends: Any = ()
    stream_chunk_size = 1


def stream(**attributes: Any) -> Any:
    view = type("View", (Airlines,), attributes)
    return view.as_view()(APIRequestFactory().get("/", {"stream": "ndjson", "count": "1"}))


@pytest.fixture
def writer(committed: None) -> Iterator[Any]:
    """Give a function that changes the last airline and its planes, and undo that."""
    airline = Airline.objects.get(code=LAST)
    fleet = [*airline.fleet.all()]
    assert (airline.name, bool(fleet)) == OLD

    def write() -> None:
        Airline.objects.filter(code=LAST).update(name="new")
        airline.fleet.clear()

    yield write
    airline.save()
    airline.fleet.set(fleet)


def last_of(response: Any, write: Any) -> tuple[str, bool]:
    """Write after the first row; return the name of the last airline and whether it has planes."""
    blocks = iter(response)
    assert json.loads(next(blocks))["code"] != LAST
    write()
    last = json.loads(b"".join(blocks).splitlines()[-1])
    assert last["code"] == LAST
    return last["name"], bool(last["fleet"])


@on("source", ["auto", "cursor", "keyset"])
def test_what_is_read_later_is_of_the_moment_of_the_first_row(writer: Any, source: str):
    assert last_of(stream(stream_source=source, **ISOLATED), writer) == OLD


@on(("source", "expected"), [("cursor", (OLD[0], False)), ("keyset", ("new", False))])
def test_otherwise_it_is_of_the_moment_in_which_it_is_read(
    writer: Any, source: str, expected: tuple[str, bool]
):
    if connection.vendor == "sqlite" and source == "cursor":
        # Its transactions see one moment as it is.
        expected = OLD
    assert last_of(stream(stream_source=source), writer) == expected


def test_a_setting_is_for_the_views_that_say_nothing(writer: Any):
    with override_settings(DRF_STREAMING={"ISOLATION": "repeatable read"}):
        response = stream(stream_source="keyset")
    assert last_of(response, writer) == OLD


class WritesMeanwhile(AirlineSerializer):
    def to_representation(self, instance: Airline) -> Any:
        if not Airline.objects.using("beside").filter(code="!!").exists():
            Airline.objects.using("beside").create(code="!!", name="written meanwhile")
        return super().to_representation(instance)


@pytest.fixture
def beside(committed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have another connection to the same database."""
    monkeypatch.setitem(connections.settings, "beside", connections.settings["default"])
    yield
    Airline.objects.filter(code="!!").delete()
    connections["beside"].close()
    del connections["beside"]


@on("source", ["cursor", "keyset"])
def test_the_rows_are_counted_in_the_moment_in_which_they_are_read(beside: None, source: str):
    response = stream(stream_source=source, serializer_class=WritesMeanwhile, **ISOLATED)
    assert Airline.objects.count() == 17
    assert response["X-Total-Count"] == "16"
    assert len(b"".join(response).splitlines()) == 16


@pytest.mark.django_db
def test_in_the_transaction_of_a_test_it_is_read_as_it_is():
    Airline.objects.create(code="!!", name="of this test")
    assert len(b"".join(stream(**ISOLATED)).splitlines()) == 17


@needs_postgresql
@on(
    ("configured", "wanted", "expected"),
    [
        (None, None, "read committed"),
        (None, "repeatable read", "repeatable read"),
        ("REPEATABLE_READ", None, "repeatable read"),
        ("READ_UNCOMMITTED", "repeatable read", "repeatable read"),
        ("SERIALIZABLE", "repeatable read", "serializable"),
    ],
)
def test_what_the_database_is_configured_for_is_not_made_less(
    committed: None,
    configured: str | None,
    wanted: str | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
):
    connection.close()
    if configured is not None:
        level = getattr(connection.Database.IsolationLevel, configured)
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", level)

    def level_and_mode() -> Iterator[bytes]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_isolation')")
            yield cursor.fetchone()[0].encode()
            cursor.execute("SELECT current_setting('transaction_read_only')")
            yield cursor.fetchone()[0].encode()

    found = b" ".join(within("default", level_and_mode(), isolation=wanted))
    assert found == f"{expected} on".encode()
    # The next transaction is as configured.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_isolation')")
        assert cursor.fetchone()[0] == (configured or "READ_COMMITTED").replace("_", " ").lower()


class TestNotToBeHad:
    def test_another_isolation(self, committed: None):
        with pytest.raises(ImproperlyConfigured, match="or None, got 'read committed'"):
            stream(stream_isolation="read committed")

    def test_of_sqlite_outside_wal_mode(self, committed: None):
        with pytest.raises(ImproperlyConfigured, match="'other' it cannot be: SQLite is not in"):
            stream(queryset=Airline.objects.using("other"), **ISOLATED)

    def test_of_a_database_that_is_not_known(
        self, committed: None, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(connection, "vendor", "firebird")
        with pytest.raises(ImproperlyConfigured, match="does that is not known"):
            stream(**ISOLATED)

    def test_of_a_raw_queryset(self, committed: None):
        rows = Airline.objects.using("other").raw("SELECT * FROM flights_airline")
        with pytest.raises(ImproperlyConfigured, match="SQLite is not in WAL mode"):
            stream(get_queryset=lambda view: rows, **ISOLATED)

    def test_for_a_response(self, committed: None):
        with (
            override_settings(DRF_STREAMING={"ISOLATION": "repeatable read"}),
            pytest.raises(ImproperlyConfigured, match="SQLite is not in WAL mode"),
        ):
            NDJSONResponse(Airline.objects.using("other"))


class Encoder(DjangoJSONEncoder):
    """Ask for the planes of an airline when it is written."""

    def default(self, o: Any) -> Any:
        return {"code": o.code, "name": o.name, "fleet": o.fleet.count()}


def test_a_setting_is_for_the_responses_too(writer: Any):
    with override_settings(DRF_STREAMING={"ISOLATION": "repeatable read", "CHUNK_SIZE": 1}):
        response = NDJSONResponse(Airline.objects.all(), encoder=Encoder)
    blocks = filter(None, response)
    next(blocks)
    writer()
    last = json.loads(b"".join(blocks).splitlines()[-1])
    assert (last["name"], bool(last["fleet"])) == OLD
