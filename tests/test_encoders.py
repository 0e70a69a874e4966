import csv
import decimal
import enum
import io
import json
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.functional import lazystr
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from drf_streaming.encoders import CSVRecords, EventRecords, JSONRecords
from drf_streaming.events import SSEEvent
from drf_streaming.exceptions import UnknownColumn

NEXT_LINE = "\x85"

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


class Colour(enum.StrEnum):
    RED = "red"


class Number(int, enum.Enum):
    ONE = 1


def drf_json() -> JSONRecords:
    return JSONRecords(JSONEncoder)


class TestJSON:
    @given(values)
    def test_records_are_the_bytes_of_drf_but_for_u0085(self, item: Any):
        # In a list, since DRF has no body for a lone null.
        expected = JSONRenderer().render([item])[1:-1].decode().replace(NEXT_LINE, "\\u0085")
        assert drf_json().records([item]) == [expected.encode()]

    @pytest.mark.parametrize(
        "item",
        [
            decimal.Decimal("1E-7"),
            uuid.UUID(int=1),
            datetime(2013, 1, 1, 5, 15, 0, 1234, tzinfo=UTC),
            date(2013, 1, 1),
            time(5, 17),
            timedelta(days=1, seconds=2),
            b"bytes",
            lazystr("lazy"),
            Colour.RED,
            {1: "one", None: "none"},
            2**70,
            (1, 2),
            {3},
            "\u2028\u2029",
        ],
        ids=repr,
    )
    def test_other_types_are_written_as_drf_writes_them(self, item: Any):
        assert drf_json().records([item]) == [JSONRenderer().render(item)]

    @pytest.mark.parametrize("item", [math.nan, math.inf, -math.inf, {"deep": [math.nan]}])
    def test_nan_and_infinities_are_errors(self, item: Any):
        with pytest.raises(ValueError, match="not JSON compliant"):
            drf_json().records([item])
        assert JSONRecords(JSONEncoder, strict=False).records([math.nan]) == [b"NaN"]

    def test_a_lone_surrogate_and_an_unknown_type_are_errors(self):
        with pytest.raises(UnicodeEncodeError):
            drf_json().records(["\ud800"])
        with pytest.raises(TypeError):
            drf_json().records([object()])

    def test_white_space_and_ascii_are_as_the_project_says(self):
        records = JSONRecords(JSONEncoder, ascii_only=True, compact=False)
        assert records.records([{"a": "ü", "b": 1}]) == [b'{"a": "\\u00fc", "b": 1}']

    def test_a_given_encoder_is_kept(self):
        moment = datetime(2013, 1, 1, 0, 0, 0, 123456)
        written = json.dumps(moment, cls=DjangoJSONEncoder).encode()
        assert JSONRecords(DjangoJSONEncoder).records([moment]) == [written]

    @pytest.mark.parametrize("encoder", [json.dumps, JSONEncoder(), str, None])
    def test_what_is_no_encoder_class_is_refused(self, encoder: Any):
        with pytest.raises(TypeError, match=r"encoder must be a subclass of json\.JSONEncoder"):
            JSONRecords(encoder)


def event_bytes(*items: Any) -> bytes:
    return b"".join(EventRecords(drf_json()).records(items))


class TestEvents:
    @pytest.mark.parametrize(
        ("item", "expected"),
        [
            ("text", b"data: text\n\n"),
            ("two\nlines", b"data: two\ndata: lines\n\n"),
            ({"n": 1}, b'data: {"n":1}\n\n'),
            ([1, 2], b"data: [1,2]\n\n"),
            (None, b"data: null\n\n"),
            (1.5, b"data: 1.5\n\n"),
            (decimal.Decimal("1.50"), b"data: 1.5\n\n"),
            (("tick", {"n": 1}), b'event: tick\ndata: {"n":1}\n\n'),
            (("tick", "text", "7"), b"event: tick\nid: 7\ndata: text\n\n"),
            (("tick", "text", 7), b"event: tick\nid: 7\ndata: text\n\n"),
            ((None, "text"), b"data: text\n\n"),
            (("tick", None), b"event: tick\ndata: null\n\n"),
            # Not an event: its first member is no name.
            ((1, 2), b"data: [1,2]\n\n"),
            (SSEEvent("x", event="e", retry=5), b"event: e\nretry: 5\ndata: x\n\n"),
            (SSEEvent({"n": timedelta(seconds=1)}), b'data: {"n":"1.0"}\n\n'),
            (SSEEvent(None, comment="still here"), b": still here\n"),
            # A dict is an event if it has data, or nothing but event fields.
            ({"data": {"n": 1}, "id": 5}, b'id: 5\ndata: {"n":1}\n\n'),
            ({"data": None}, b"data: null\n\n"),
            ({"event": "ping"}, b"event: ping\ndata: \n\n"),
            ({"id": "9"}, b"id: 9\n\n"),
            ({"retry": 100}, b"retry: 100\n"),
            ({"id": 1, "comment": "nice"}, b'data: {"id":1,"comment":"nice"}\n\n'),
            ({"event": "ping", "user": 1}, b'data: {"event":"ping","user":1}\n\n'),
            ({"id": 1, "name": "x"}, b'data: {"id":1,"name":"x"}\n\n'),
            ({}, b"data: {}\n\n"),
        ],
        ids=repr,
    )
    def test_an_item_is_one_event(self, item: Any, expected: bytes):
        assert event_bytes(item) == expected

    def test_a_field_that_no_event_has_is_not_lost(self):
        with pytest.raises(ValueError, match=r"\['nmae'\] are no event fields"):
            event_bytes({"data": 1, "nmae": "x"})
        with pytest.raises(ValueError, match="are no event fields"):
            event_bytes({"data": 1, 5: 1, "x": 2})

    @pytest.mark.parametrize(
        "item",
        [("a\nb", 1), ("tick", 1, "a\rb"), ("tick", 1, "a\0b"), {"data": 1, "retry": "soon"}],
    )
    def test_nothing_gets_into_another_field(self, item: Any):
        with pytest.raises(ValueError, match="SSE"):
            event_bytes(item)

    def test_there_is_nothing_before_the_first_event(self):
        assert EventRecords(drf_json()).header() == []


def table(*items: Any, **options: Any) -> list[list[str]]:
    records = CSVRecords(drf_json(), **options)
    lines = [*records.header(), *records.records(items)]
    return list(csv.reader(io.StringIO(b"\r\n".join(lines).decode(), newline="")))


class TestCSV:
    @given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=5))
    def test_any_text_is_read_back(self, rows: list[list[str]]):
        items = [dict(zip(("a", "b"), row, strict=True)) for row in rows]
        assert table(*items, guard_formulas=False) == [["a", "b"], *rows]

    def test_each_type_has_its_spelling(self):
        item = {
            "none": None,
            "true": True,
            "int": -5,
            "big": 2**70,
            "float": 1e-7,
            "decimal": decimal.Decimal("1.50"),
            "date": date(2013, 1, 1),
            "list": [1, "a"],
            "dict": {"b": None},
            "lazy": lazystr("lazy"),
            "empty": "",
        }
        assert table(item)[1] == [
            *("", "true", "-5", str(2**70), "1e-07", "1.50", "2013-01-01"),
            *('[1,"a"]', '{"b":null}', "lazy", ""),
        ]

    def test_nan_is_an_error(self):
        with pytest.raises(ValueError, match="not JSON compliant"):
            table({"a": math.nan})

    @pytest.mark.parametrize("text", ["=1+1", "+49 30", "-x", "@A1", "\tx", "\rx", "-", "-1-1"])
    def test_text_that_a_spreadsheet_would_run_is_guarded(self, text: str):
        assert table({"a": text})[1] == ["'" + text]
        assert table({"a": text}, guard_formulas=False)[1] == [text]

    @pytest.mark.parametrize("text", ["-5", "+5.25", "-1e-7", "5=5", "a@b", " =1"])
    def test_numbers_and_other_text_are_left_alone(self, text: str):
        assert table({"a": text})[1] == [text]

    def test_a_header_is_guarded_too(self):
        assert table({"=a": 1})[0] == ["'=a"]

    def test_nested_objects_are_flattened_and_null_ones_empty(self):
        columns = [("id",), ("a", "b"), ("a", "c", "d")]
        nested = [("a",), ("a", "c")]
        rows = table(
            {"id": 1, "a": {"b": 2, "c": {"d": 3}}},
            {"id": 2, "a": {"b": 4, "c": None}},
            {"id": 3, "a": None},
            columns=columns,
            nested=nested,
        )
        assert rows == [
            ["id", "a.b", "a.c.d"],
            ["1", "2", "3"],
            ["2", "4", ""],
            ["3", "", ""],
        ]

    def test_the_columns_stand_in_the_header_even_without_a_row(self):
        assert table(columns=[("a",), ("b",)]) == [["a", "b"]]
        assert table() == []

    def test_the_first_item_is_the_header_where_nothing_else_is(self):
        assert table({"a": 1, "b": 2}, {"b": 3}) == [["a", "b"], ["1", "2"], ["", "3"]]

    @pytest.mark.parametrize("options", [{}, {"columns": [("a",)]}])
    def test_a_later_key_is_an_error_and_not_lost(self, options: Any):
        with pytest.raises(
            UnknownColumn, match=r"An item has \['b'\], which the CSV header \['a'\]"
        ):
            table({"a": 1}, {"a": 1, "b": 2}, **options)

    def test_a_nested_object_that_is_no_object_is_not_lost(self):
        with pytest.raises(UnknownColumn, match=r"\['a'\]"):
            table({"a": 5}, columns=[("a", "b")], nested=[("a",)])

    def test_a_path_is_not_taken_for_a_key_with_a_dot(self):
        with pytest.raises(UnknownColumn, match=r"An item has \['a\.b'\]"):
            table({"a": {"b": 1}, "a.b": 2}, columns=[("a", "b")], nested=[("a",)])

    def test_a_number_of_a_subclass_is_written_as_in_json(self):
        assert table({"a": Number.ONE})[1] == ["1"]

    def test_a_nested_object_that_is_null_in_the_first_item_has_its_columns(self):
        rows = table(
            {"a": None, "x": 1},
            {"a": {"b": 2}, "x": 3},
            columns=[("a", "b")],
            nested=[("a",)],
            more_columns=True,
        )
        assert rows == [["a.b", "x"], ["", "1"], ["2", "3"]]

    def test_sequences_are_rows_and_other_values_have_a_column(self):
        assert table([1, "x"], (None, 2)) == [["1", "x"], ["", "2"]]
        assert table("a", 5) == [["value"], ["a"], ["5"]]
