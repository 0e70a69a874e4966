"""Streams that a router sends to a replica of PostgreSQL, which ends what its replaying meets."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from django.db import OperationalError, connections
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.test import override_settings
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from drf_streaming import keysets
from drf_streaming.generics import StreamingListAPIView
from flights.models import Plane
from replicas import Cluster, caught_up, primary_and_replica
from servers import eventually
from whatwg import parse

on = pytest.mark.parametrize
ROWS = 2_000
KEYS = [f"N{n:05}" for n in range(1, ROWS + 1)]
# Those that are deleted while the list is read, long after the place where it is by then.
GONE = {*KEYS[1_500:1_600]}
CUT_BY_REPLAY = [("cursor", None), ("cursor", "repeatable read"), ("keyset", "repeatable read")]


class Router:
    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "primary"


class Servers(NamedTuple):
    primary: Cluster
    replica: Cluster

    def delete(self, keys: Iterable[str] = GONE) -> None:
        """Delete rows, tidy up, and wait until the replica has done so too."""
        self.primary.ask("DELETE FROM flights_plane WHERE tail_number = ANY(%s)", [*keys])
        self.primary.ask("VACUUM flights_plane")
        caught_up(self.primary, self.replica)

    @property
    def ended(self) -> int:
        """Return how many readers the replica has ended since they saw what was deleted."""
        query = "SELECT confl_snapshot FROM pg_stat_database_conflicts WHERE datname = 'postgres'"
        return int(self.replica.ask(query))

    def has_ended(self, readers: int) -> bool:
        """Tell whether the replica has ended so many; it counts them a moment later."""
        return eventually(lambda: self.ended, readers, within=5) == readers


@pytest.fixture(scope="module")
def two(django_db_blocker: Any) -> Iterator[Servers]:
    """Start the servers, and let Django know them."""
    with primary_and_replica() as servers, django_db_blocker.unblock():
        primary, replica = servers
        names = {"primary": primary, "replica": replica}
        connections.settings.update({name: found.django for name, found in names.items()})
        with connections["primary"].schema_editor() as editor:
            editor.create_model(Plane)
        yield Servers(primary, replica)
        for name in names:
            connections[name].close()
            del connections[name]
            del connections.settings[name]


@pytest.fixture
def servers(two: Servers) -> Iterator[Servers]:
    """Have all rows on both servers, and send whoever reads to the replica."""
    two.primary.ask("TRUNCATE flights_plane")
    Plane.objects.using("primary").bulk_create(Plane(tail_number=key) for key in KEYS)
    caught_up(*two)
    with override_settings(DATABASE_ROUTERS=[Router()]):
        yield two
    connections.close_all()


class Serializer(serializers.ModelSerializer):
    on_replica = serializers.BooleanField()

    class Meta:
        model = Plane
        fields = ["tail_number", "on_replica"]


class View(StreamingListAPIView):
    queryset = Plane.objects.annotate(
        on_replica=RawSQL("pg_is_in_recovery()", (), output_field=BooleanField())
    )
    serializer_class = Serializer
    filter_backends: Any = ()
    stream_chunk_size = 10


class Answer:
    """What one stream sends, until it ends or is broken off.

    Shape: `meanwhile` is called after the first block.
    """

    def __init__(
        self,
        stream: str,
        meanwhile: Callable[[], None] = lambda: None,
        after: str = "",
        **attributes: Any,
    ) -> None:
        query = {"stream": stream, "marks": "1"}
        headers = {"Last-Event-ID": after} if stream == "sse" else {}
        query |= {"after": after} if after and stream != "sse" else {}
        view = type("View", (View,), attributes).as_view()
        response = view(APIRequestFactory().get("/", query, headers=headers))
        self.error: Exception | None = None
        body = b""
        try:
            for number, block in enumerate(response.streaming_content):
                body += block
                if number == 0:
                    meanwhile()
        except OperationalError as error:
            self.error = error
        finally:
            response.close()
        read = self._events if stream == "sse" else self._lines
        *rows, (self.mark, self.place) = read(body)
        self.keys = [row["tail_number"] for row, _ in rows]
        assert {row["on_replica"] for row, _ in rows} <= {True}

    @staticmethod
    def _lines(body: bytes) -> list[tuple[Any, str]]:
        found = [json.loads(line) for line in body.splitlines()]
        return [(each, each.get("resume", "")) for each in found]

    @staticmethod
    def _events(body: bytes) -> list[tuple[Any, str]]:
        return [(json.loads(each.data), each.last_event_id) for each in parse(body).messages]


@on("stream", ["ndjson", "sse"])
@on(("source", "isolation"), CUT_BY_REPLAY)
def test_a_snapshot_in_the_way_of_what_is_replayed_ends_with_a_place_to_go_on_from(
    servers: Servers, stream: str, source: str, isolation: str | None, caplog: Any
):
    attributes = {"stream_source": source, "stream_isolation": isolation}
    before = servers.ended
    cut = Answer(stream, servers.delete, **attributes)
    assert isinstance(cut.error, OperationalError)
    assert servers.has_ended(before + 1)
    assert 0 < len(cut.keys) < ROWS
    assert cut.mark == {
        "$stream": "error",
        "status": 500,
        "title": "Internal Server Error",
        "rows": len(cut.keys),
        "resume": cut.place,
    }
    assert [record.name for record in caplog.records] == ["drf_streaming"]
    rest = Answer(stream, after=cut.place, **attributes)
    assert rest.error is None
    assert [*cut.keys, *rest.keys] == [key for key in KEYS if key not in GONE]


def test_what_is_read_by_place_is_in_nobodys_way(servers: Servers):
    before = servers.ended
    whole = Answer("ndjson", servers.delete, stream_source="keyset")
    assert (servers.ended, whole.error) == (before, None)
    assert whole.keys == [key for key in KEYS if key not in GONE]


class Slow(Serializer):
    slow = serializers.IntegerField()

    class Meta(Serializer.Meta):
        fields = [*Serializer.Meta.fields, "slow"]


def sleeping(key: str, while_there: list[str]) -> Any:
    """Return rows of which one takes long as long as there are any of others."""
    # All of them are counted: a look for one would hold its page, and be in the way with it.
    slow = (
        "CASE WHEN tail_number = %s"
        " AND (SELECT count(*) FROM flights_plane WHERE tail_number = ANY(%s)) > 0"
        " THEN length(pg_sleep(20)::text) ELSE 0 END"
    )
    return View.queryset.annotate(slow=RawSQL(slow, [key, while_there]))


def asked_and_ended(servers: Servers, times: int) -> Answer:
    """Return what is sent where a page is in the way each of so many times that it's asked for."""
    sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    parts = [sorted(GONE)[number::times] for number in range(times)]

    def delete() -> None:
        for part in parts:
            eventually(lambda: servers.replica.ask(sleeps), 1, within=20)
            servers.delete(part)

    writer = threading.Thread(target=delete)
    answer = Answer(
        "ndjson",
        writer.start,
        stream_source="keyset",
        queryset=sleeping(KEYS[1_000], [part[0] for part in parts]),
        serializer_class=Slow,
    )
    writer.join()
    return answer


@on("times", [1, 2])
def test_a_page_in_the_way_of_what_is_replayed_is_asked_for_again(servers: Servers, times: int):
    before = servers.ended
    whole = asked_and_ended(servers, times)
    assert whole.error is None
    assert whole.keys == [key for key in KEYS if key not in GONE]
    assert servers.has_ended(before + times)


def test_a_page_that_is_in_the_way_each_time_breaks_the_stream_off(servers: Servers):
    cut = asked_and_ended(servers, 1 + len(keysets.PAUSES))
    assert isinstance(cut.error, OperationalError)
    assert cut.keys == KEYS[:1_000]
    assert cut.mark["resume"] == cut.place


def restart(servers: Servers) -> Callable[[], None]:
    def meanwhile() -> None:
        servers.replica.stop()
        servers.replica.start()

    return meanwhile


@on("stream", ["ndjson", "sse"])
def test_a_replica_that_is_started_again_breaks_a_snapshot_off(servers: Servers, stream: str):
    attributes = {"stream_source": "cursor"}
    cut = Answer(stream, restart(servers), **attributes)
    assert cut.error is not None
    assert cut.mark["$stream"] == "error"
    rest = Answer(stream, after=cut.place, **attributes)
    assert [*cut.keys, *rest.keys] == KEYS


def test_what_is_read_by_place_goes_on_with_a_replica_that_is_started_again(servers: Servers):
    whole = Answer("ndjson", restart(servers), stream_source="keyset")
    assert (whole.error, whole.keys) == (None, KEYS)
