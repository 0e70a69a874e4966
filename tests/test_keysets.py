"""A list that is read by the place of each row."""

import json
from collections import deque
from collections.abc import Iterator
from itertools import chain, cycle
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from columnsapp.lists import ORDERINGS, ByDRF, Hidden, Shown, WithMethod, get, make, things
from columnsapp.models import Measure, Thing
from columnsapp.serializers import model_serializer, plain
from drf_streaming import keysets, reading
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.ordering import terms
from drf_streaming.responses import NDJSONResponse
from drf_streaming.test import leave
from flights.models import Flight
from flights.serializers import FlightSerializer

on = pytest.mark.parametrize
needs_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL"
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few rows with each query."""
    monkeypatch.setattr(keysets, "FIRST", 2)
    monkeypatch.setattr(reading, "CHUNKS", 1)


@pytest.fixture
def rows(db: None, small: None) -> None:
    make()


@on("order_by", ORDERINGS, ids=repr)
@on("serializer", [Shown, Hidden])
def test_the_rows_are_those_of_a_cursor_in_the_same_order(
    rows: None, serializer: Any, order_by: list[Any]
):
    for queryset in (things(*order_by), things(*order_by).reverse()):
        expected = get(serializer, queryset, source="cursor")
        assert get(serializer, queryset, source="keyset") == expected
        assert len(expected.rows) == queryset.count()


@on("order_by", ORDERINGS[::3], ids=repr)
def test_the_rows_of_a_distinct_list_are_those_of_a_cursor(rows: None, order_by: list[Any]):
    queryset = things(*order_by).filter(tags__isnull=False).distinct()
    expected = get(Shown, queryset, source="cursor")
    assert get(Shown, queryset, source="keyset") == expected
    assert len(expected.rows) == queryset.count() > 4


def test_what_is_computed_over_all_rows_is_not_read_by_place(rows: None):
    numbered = Thing.objects.annotate(row=Window(RowNumber(), order_by="id")).order_by("id")
    serializer = plain(row=serializers.IntegerField())
    found = get(serializer, numbered, "ndjson").lines
    assert [each["row"] for each in found] == [*range(1, numbered.count() + 1)]
    with pytest.raises(ImproperlyConfigured, match="row depends on other rows"):
        get(serializer, numbered, source="keyset")


@on("serializer", [ByDRF, WithMethod], ids=["by DRF", "method"])
@on("order_by", ORDERINGS[::4], ids=repr)
def test_the_objects_are_those_of_a_cursor_in_the_same_order(
    rows: None, serializer: Any, order_by: list[Any]
):
    expected = get(serializer, things(*order_by), source="cursor")
    assert get(serializer, things(*order_by), source="keyset") == expected


@on("stream", ["ndjson", "json", "csv", "json-seq"])
def test_every_format_can_be_read_so(rows: None, stream: str):
    ordered = things("flag", "-name", "-pk")
    expected = get(Shown, ordered, stream, source="cursor")
    assert get(Shown, ordered, stream, source="keyset") == expected


def test_a_list_goes_on_at_a_place_by_places(rows: None):
    whole = get(Shown, things("-maybe"), source="keyset").rows
    for cut, (place, _) in enumerate(whole):
        rest = get(Shown, things("-maybe"), header=place, source="keyset")
        assert rest.rows == whole[cut + 1 :]


def read(queryset: Any, *sizes: int) -> Iterator[list[Any]]:
    by = terms(queryset)
    names = [term.name for term in by]
    rows = keysets.ordered(queryset, by)
    return keysets.chunks(
        rows,
        rows.select_related(None),
        by,
        lambda rows: [tuple(getattr(row, name) for name in names) for row in rows],
        (10, sizes[0], sizes[-1]),
    )


@pytest.mark.django_db
def test_few_rows_come_first_and_then_one_query_reads_several_chunks(
    django_assert_num_queries: Any,
):
    with django_assert_num_queries(3):
        sizes = [len(chunk) for chunk in read(Flight.objects.order_by("id"), 500, 2000)]
    assert sizes == [10, 20, 40, 80, 160, 320, *[500] * 4, 370]


class FlightsByDRF(FlightSerializer):
    def to_representation(self, instance: Flight) -> Any:
        return super().to_representation(instance)


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="needs MariaDB: set DATABASE_URL")
@on("serializer", [FlightSerializer, FlightsByDRF], ids=["columns", "objects"])
@on("order_by", [("id",), ("-scheduled_departure", "-id")], ids=repr)
def test_mariadb_joins_for_the_rows_of_a_page_and_not_for_the_whole_list(
    serializer: Any, order_by: tuple[str, ...]
):
    every = [field.name for field in Flight._meta.fields if field.is_relation]
    view = StreamingListAPIView.as_view(
        queryset=Flight.objects.select_related(*every).order_by(*order_by),
        serializer_class=serializer,
        permission_classes=(),
        filter_backends=(),
    )
    before = rows_that_mariadb_read()
    leave(view(APIRequestFactory().get("/", {"stream": "ndjson"})))
    assert rows_that_mariadb_read() - before < Flight.objects.count() / 2


def rows_that_mariadb_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(count) for _, count in cursor.fetchall())


@pytest.mark.django_db
@on("rows", [0, 1, 99])
def test_a_page_that_is_not_full_is_the_last(rows: int, django_assert_num_queries: Any):
    keys = [*Flight.objects.order_by("id").values_list("id", flat=True)[:rows]]
    with django_assert_num_queries(1):
        found = [*read(Flight.objects.filter(id__in=[*keys, -1]), 500)]
    assert sum(map(len, found)) == rows


@pytest.mark.django_db
def test_rows_that_were_there_throughout_come_once_while_others_come_and_go(small: None):
    keys = [*Flight.objects.order_by("id").values_list("id", flat=True)[:200]]
    staying = {key for key in keys if key % 3}
    rows = Flight.objects.filter(pk__in=keys).order_by("departure_delay", "-id")
    found: list[int] = []
    for chunk in read(rows, 10):
        found += [flight.pk for flight in chunk]
        # Before, at and after the place where the list is.
        others = [flight.pk for flight in rows if flight.pk not in staying]
        delay = chunk[0].departure_delay
        Flight.objects.filter(pk__in=others[::7]).delete()
        Flight.objects.filter(pk__in=others[1::7]).update(departure_delay=delay)
    assert staying <= {*found}
    assert len([key for key in found if key in staying]) == len(staying)


@needs_postgresql
@pytest.mark.django_db
@on("order", ["scheduled_departure", "-scheduled_departure"])
def test_postgresql_compares_rows_where_all_terms_go_one_way(order: str):
    with CaptureQueriesContext(connection) as queries:
        chunks = [*read(Flight.objects.order_by(order), 700)]
    assert [" ROW(" in query["sql"] for query in queries] == [False, *[True] * 5]
    key = order.replace("scheduled_departure", "id")
    assert [*chain(*chunks)] == [*Flight.objects.order_by(order, key)]


@needs_postgresql
@pytest.mark.django_db
def test_moments_are_loaded_as_fast_as_through_a_cursor():
    next(read(Flight.objects.order_by("id"), 10))
    kind = connection.Database.adapters.types["timestamptz"].oid
    loader = connection.connection.adapters.get_loader(kind, connection.Database.pq.Format.TEXT)
    assert loader.__module__ == "drf_streaming.loaders"


class Changing(Hidden):  # type: ignore[misc, valid-type]
    def to_representation(self, instance: Any) -> Any:
        found = {"id": instance.pk}
        instance.annotated = instance.name = instance.pk = None
        return found


def test_a_serializer_that_changes_the_objects_changes_no_place(rows: None):
    expected = get(Changing, things("annotated"), "ndjson", source="cursor")
    assert get(Changing, things("annotated"), "ndjson", source="keyset") == expected
    assert len(expected.lines) == things().count()


@on("marks", ["2", "500"])
def test_many_marks_are_not_many_queries(db: None, marks: str, django_assert_max_num_queries: Any):
    flights = model_serializer(Flight, ["id"])
    rows = Flight.objects.order_by("id")
    expected = get(flights, rows, "ndjson", source="cursor").lines
    # The view reads 16 rows with a query.
    with django_assert_max_num_queries(200):
        marked = get(flights, rows, "ndjson", source="keyset", marks=marks).lines
    assert [each for each in marked if "$stream" not in each] == expected


FLOATS = [0.1, 0.1, 1 / 3, -2.7, 1e-7, 123456.789, None, 0.1234567, 3e20, 0.0, -0.1, 16777217.0]


@on("order_by", [["single"], ["-single"], ["-single", "id"], ["double", "single"], ["copied"]])
def test_numbers_of_single_precision_have_places(db: None, small: None, order_by: list[str]):
    Measure.objects.bulk_create(Measure(single=each, double=each) for each in FLOATS)
    measures = model_serializer(Measure, ["id", "single"])
    rows = Measure.objects.annotate(copied=F("single")).order_by(*order_by)
    expected = get(measures, rows, source="cursor").rows
    assert len({place for place, _ in expected}) == len(FLOATS)
    assert get(measures, rows, source="keyset").rows == expected
    for cut, (place, _) in enumerate(expected):
        assert get(measures, rows, header=place).rows == expected[cut + 1 :]


REPLICAS = [f"replica{n}" for n in range(13)]


class Replicas:
    """A router that names another database each time."""

    def __init__(self) -> None:
        self.named = cycle(REPLICAS)

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return next(self.named)


@pytest.fixture
def replica(committed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for alias in REPLICAS:
        monkeypatch.setitem(connections.settings, alias, connections.settings["default"])
    with override_settings(DATABASE_ROUTERS=[Replicas()]):
        yield
    for alias in REPLICAS:
        connections[alias].close()
        del connections[alias]


class FromWhere(serializers.Serializer):
    def to_representation(self, instance: Any) -> Any:
        return [instance._state.db, connections[instance._state.db].in_atomic_block]


# A snapshot is a transaction, and has to be where the rows are read.
@on(("source", "in_transaction"), [("cursor", True), ("keyset", False)])
def test_a_stream_stays_on_the_replica_where_it_began(
    replica: None, source: str, in_transaction: bool
):
    read_from = get(FromWhere, Flight.objects.order_by("id"), "ndjson", source=source).lines
    assert read_from == [[read_from[0][0], in_transaction]] * 3_000


def raw_flights() -> Any:
    return Flight.objects.raw("SELECT * FROM flights_flight")


def test_a_raw_queryset_stays_there_too(replica: None):
    read_from = get(FromWhere, raw_flights, "ndjson").lines
    assert read_from == [[read_from[0][0], True]] * 3_000


class Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        return FromWhere().to_representation(o)


@on("rows", [Flight.objects.order_by("id").all, raw_flights], ids=["queryset", "raw"])
def test_a_response_stays_there_too(replica: None, rows: Any):
    body = b"".join(NDJSONResponse(rows(), encoder=Encoder))
    read_from = [json.loads(line) for line in body.splitlines()]
    assert read_from == [[read_from[0][0], True]] * 3_000


@needs_postgresql
def test_a_page_is_read_again_on_another_connection_when_its_own_is_lost(committed: None):
    found = []
    for chunk in read(Flight.objects.order_by("id"), 700):
        found += [flight.pk for flight in chunk]
        terminate()
    connection.close()
    assert found == [*Flight.objects.order_by("id").values_list("pk", flat=True)]


def terminate() -> None:
    """Let the server end the connection."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            backend = connection.connection.info.backend_pid
            cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    finally:
        other.close()


@needs_postgresql
def test_what_is_lost_in_a_transaction_is_an_error(committed: None):
    with pytest.raises(OperationalError), transaction.atomic():
        deque((terminate() for _ in read(Flight.objects.order_by("id"), 700)), maxlen=0)


@pytest.mark.django_db
def test_a_query_that_fails_is_not_asked_again():
    rows = read(Flight.objects.extra(where=["no_such_column = 1"]), 10)
    asked = []

    def remember(execute: Any, sql: str, *args: Any) -> Any:
        asked.append("no_such_column" in sql)
        return execute(sql, *args)

    with (
        connection.execute_wrapper(remember),
        pytest.raises(DatabaseError),
        transaction.atomic(),
    ):
        next(rows)
    assert sum(asked) == 1
