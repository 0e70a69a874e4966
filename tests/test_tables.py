"""A chunk as columns holds the items of its rows, and each format writes it as it writes those."""

import math
from datetime import date
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from rest_framework.utils.encoders import JSONEncoder

from columnsapp.compare import written
from drf_streaming.encoders import CSVRecords, EventRecords, JSONRecords
from drf_streaming.exceptions import UnknownColumn
from drf_streaming.framing import CSV, JSON, JSON_SEQ, NDJSON, SSE, Framing, Records
from drf_streaming.tables import Column, Many, Native, Nested, Plain, Table, Values

on = pytest.mark.parametrize
texts = st.text(alphabet="a=+-@\"'\\,\n\r\t\x00\x7f\x85\u2028\u2029é😀", max_size=4)
names = st.lists(texts, unique=True, min_size=1, max_size=3).map(tuple)


class Text(str):
    """Text that says of itself something else."""

    def __str__(self) -> str:
        return "something else"


natives = st.none() | st.booleans() | st.integers() | texts
anything = (
    natives
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.uuids()
    | st.dates()
    | texts.map(Text)
    | st.lists(natives, max_size=2)
    | st.dictionaries(texts, natives, max_size=2)
)

or_unset = anything | st.just(UNSET)


def plain_columns(rows: int, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Plain]:
    def of(each: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
        return st.lists(each, min_size=rows, max_size=rows)

    return (
        of(natives).map(Native)
        | of(st.none() | st.dates()).map(lambda found: Native(found, as_text=True))
        | of(st.floats(allow_nan=False, allow_infinity=False)).map(Values)
        | of(values).map(Values)
    )


@st.composite
def columns(draw: Any, rows: int, depth: int, values: Any = or_unset) -> Column:
    kind = draw(st.sampled_from(["plain", "nested", "many"] if depth else ["plain"]))
    if kind == "nested":
        present = draw(st.none() | st.lists(st.booleans(), min_size=rows, max_size=rows))
        inner = rows if present is None else sum(present)
        return Nested(draw(tables(inner, depth - 1)), present)
    if kind == "many":
        counts = draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows))
        # What is in a list is no key that could be missing.
        return Many(draw(columns(sum(counts), depth - 1, anything)), counts)
    return draw(plain_columns(rows, values))


@st.composite
def tables(draw: Any, rows: int, depth: int = 2) -> Table:
    found = draw(names)
    return Table(found, [draw(columns(rows, depth)) for _ in found], rows)


any_table = st.integers(1, 3).flatmap(tables)


def drf_json(**options: bool) -> JSONRecords:
    return JSONRecords(JSONEncoder, **options)


def whole(framing: Framing, records: Records) -> bytes:
    return framing.opening + framing.join(records, first=True) + framing.finish(len(records))


def test_items_are_those_of_the_columns():
    inner = Table(("b",), [Native([1, 2])], 2)
    table = Table(
        ("text", "either", "nested", "list"),
        [
            Native([date(2013, 1, 1), None, UNSET], as_text=True),
            Values([UNSET, 1.5, None]),
            Nested(inner, [True, False, True]),
            Many(Nested(inner), [0, 2, 0]),
        ],
        3,
    )
    assert table.items() == [
        {"text": "2013-01-01", "nested": {"b": 1}, "list": []},
        {"text": None, "either": 1.5, "nested": None, "list": [{"b": 1}, {"b": 2}]},
        {"either": None, "nested": {"b": 2}, "list": []},
    ]
    assert len(table) == 3


@on(
    ("framing", "options"),
    [
        (NDJSON, {}),
        (JSON, {}),
        (JSON_SEQ, {}),
        (NDJSON, {"ascii_only": True}),
        (NDJSON, {"compact": False}),
        (NDJSON, {"strict": False}),
    ],
    ids=["ndjson", "json", "json-seq", "ascii", "spaces", "not strict"],
)
@given(table=any_table)
def test_json_of_a_table_is_that_of_its_items(
    framing: Framing, options: dict[str, bool], table: Table
):
    json = drf_json(**options)
    expected = whole(framing, json.records(table.items()))
    assert written(whole(framing, json.records(table))) == written(expected)


def test_keys_of_an_empty_list_may_need_escapes():
    table = Table(("list",), [Many(Nested(Table(('"\\"',), [Native([])], 0)), [0])], 1)
    assert drf_json().records(table) == [b'{"list":[]}']


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@on("wrap", [lambda value: value, lambda value: [value], lambda value: {"a": value}])
def test_numbers_that_json_lacks_are_errors(number: float, wrap: Any):
    table = Table(("a", "b"), [Native([1, 2]), Values([0.5, wrap(number)])], 2)
    with pytest.raises(ValueError, match="not JSON compliant"):
        drf_json().records(table)
    assert b"N" in whole(NDJSON, drf_json(strict=False).records(table)).upper()


@given(table=any_table)
def test_an_encoder_of_ones_own_writes_tables_too(table: Table):
    json = JSONRecords(DjangoJSONEncoder)
    assert json.records(table) == json.records(table.items())


@given(table=any_table)
def test_events_of_a_table_are_those_of_its_items(table: Table):
    events = EventRecords(drf_json())
    try:
        expected = whole(SSE, events.records(table.items()))
    except (ValueError, TypeError) as error:
        # Items with the names of event fields.
        with pytest.raises(type(error)):
            events.records(table)
    else:
        assert written(whole(SSE, events.records(table))) == written(expected)


@on("guard", [True, False])
@on("flat", [True, False])
@given(table=any_table)
def test_csv_of_a_table_is_that_of_its_items(guard: bool, flat: bool, table: Table):
    by_name = zip(table.names, table.columns, strict=True)
    nested = [(name,) for name, column in by_name if flat and isinstance(column, Nested)]

    def written_by(items: Any) -> bytes | type[Exception]:
        records = CSVRecords(
            drf_json(), columns=header(table, flat), nested=nested, guard_formulas=guard
        )
        try:
            return whole(CSV, records.records(items))
        except UnknownColumn as error:
            return type(error)

    assert written_by(table) == written_by(table.items())


@on("columns", [None, [("a",), ("b", "c")]])
def test_csv_of_a_table_with_other_columns_is_that_of_its_items(columns: Any):
    table = Table(("a", "b"), [Native([1, 2]), Values([{"c": "="}, None])], 2)
    records = CSVRecords(drf_json(), columns=columns, nested=[("b",)])
    assert whole(CSV, records.records(table)) == b"a,b.c\r\n1,'=\r\n2,\r\n"


def header(table: Table, flat: bool) -> list[tuple[str, ...]]:
    """Return the columns of a table, those of nested objects among them if they are flat."""
    paths: list[tuple[str, ...]] = []
    for name, column in zip(table.names, table.columns, strict=True):
        if flat and isinstance(column, Nested):
            paths += [(name, inner) for inner in column.table.names]
        else:
            paths.append((name,))
    return paths
