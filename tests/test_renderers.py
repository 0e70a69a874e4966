import csv
import io
import json
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from drf_streaming.renderers import (
    BaseStreamingRenderer,
    CSVRenderer,
    JSONSeqRenderer,
    NDJSONRenderer,
    SSERenderer,
    StreamingJSONRenderer,
)

RENDERERS = [NDJSONRenderer, StreamingJSONRenderer, SSERenderer, JSONSeqRenderer, CSVRenderer]


@pytest.mark.parametrize(
    ("renderer", "expected"),
    [
        (NDJSONRenderer, b'{"a":1}\n'),
        (StreamingJSONRenderer, b'{"a":1}'),
        (SSERenderer, b'data: {"a":1}\n\n'),
        (JSONSeqRenderer, b'\x1e{"a":1}\n'),
        (CSVRenderer, b"a\r\n1\r\n"),
    ],
)
def test_a_single_object_is_written_in_the_format(renderer: Any, expected: bytes):
    assert renderer().render({"a": 1}) == expected


@pytest.mark.parametrize(
    ("renderer", "expected"),
    [
        (NDJSONRenderer, b'{"a":1}\n{"a":2}\n'),
        (StreamingJSONRenderer, b'[{"a":1},{"a":2}]'),
        (SSERenderer, b'data: {"a":1}\n\ndata: {"a":2}\n\n'),
        (JSONSeqRenderer, b'\x1e{"a":1}\n\x1e{"a":2}\n'),
        (CSVRenderer, b"a\r\n1\r\n2\r\n"),
    ],
)
def test_a_list_is_written_in_the_format(renderer: Any, expected: bytes):
    assert renderer().render([{"a": 1}, {"a": 2}]) == expected


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize(
    "data",
    [
        None,
        {"detail": gettext_lazy("Not found.")},
        {"stream": ["Unknown", "format"], "nested": {"field": ["wrong"]}},
        ["just", "text"],
        "text",
        5,
        [],
        {},
    ],
    ids=repr,
)
def test_any_data_of_an_error_can_be_written(renderer: Any, data: Any):
    content = renderer().render(data, "anything/else", {"view": None})
    assert isinstance(content, bytes)
    assert (content == b"") == (
        data is None or (data == [] and renderer is not StreamingJSONRenderer)
    )


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_renderer_has_what_drf_asks_of_it(renderer: type[BaseStreamingRenderer]):
    assert renderer.framing.content_type.startswith(renderer.media_type)
    assert renderer.format
    assert renderer.render_style == "text"


def test_json_follows_the_settings_of_drf(monkeypatch: Any):
    monkeypatch.setattr(JSONRenderer, "ensure_ascii", True)
    monkeypatch.setattr(JSONRenderer, "compact", False)
    data = {"a": "ü", "b": 1}
    assert NDJSONRenderer().render(data) == JSONRenderer().render(data) + b"\n"


def test_an_encoder_of_ones_own_is_used():
    class Loud(json.JSONEncoder):
        def encode(self, value: Any) -> str:
            return super().encode(value).upper()

    class LoudRenderer(NDJSONRenderer):
        encoder_class = Loud

    assert LoudRenderer().render("a") == b'"A"\n'


def test_each_other_name_of_the_media_type_has_a_renderer():
    names = [renderer.media_type for renderer in NDJSONRenderer().under_each_name()]
    assert names == ["application/x-ndjson", *NDJSONRenderer.aliases]
    [renderer] = StreamingJSONRenderer().under_each_name()
    assert (renderer.media_type, renderer.format) == ("application/json", "json-stream")


def test_a_format_that_drf_has_no_name_for_is_not_listed():
    class PrivateRenderer(NDJSONRenderer):
        negotiated = False

    assert PrivateRenderer.listed() is None
    assert PrivateRenderer().under_each_name() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Flight List", 'attachment; filename="flight-list.csv"'),
        ("../\r\nSet-Cookie: x", 'attachment; filename="set-cookie-x.csv"'),
        ("Flüge", 'attachment; filename="fluge.csv"'),
        ("航班", 'attachment; filename="export.csv"'),
    ],
)
def test_the_file_name_of_csv_is_safe(name: str, expected: str):
    assert CSVRenderer().get_headers(name) == {"Content-Disposition": expected}
    assert SSERenderer().get_headers(name) == {}


class Inner(serializers.Serializer):
    b = serializers.IntegerField()
    c = serializers.CharField()


class Outer(serializers.Serializer):
    id = serializers.IntegerField()
    secret = serializers.CharField(write_only=True)
    inner = Inner()
    several = Inner(many=True)
    free = serializers.DictField()


class Changed(Outer):
    def to_representation(self, instance: Any) -> Any:
        return {"more": 1, **super().to_representation(instance)}


ITEM = {
    "id": 1,
    "inner": {"b": 2, "c": "x"},
    "several": [{"b": 3, "c": "y"}],
    "free": {"any": "thing"},
}


def csv_of(serializer: Any, *instances: Any) -> list[list[str]]:
    encoder = CSVRenderer().get_encoder(serializer)
    lines = [*encoder.header(), *encoder.records(serializer.to_representation(instances))]
    return list(csv.reader(io.StringIO(b"\r\n".join(lines).decode(), newline="")))


def test_the_header_of_csv_is_that_of_the_serializer():
    header = ["id", "inner.b", "inner.c", "several", "free"]
    row = ["1", "2", "x", '[{"b":3,"c":"y"}]', '{"any":"thing"}']
    assert csv_of(Outer(many=True)) == [header]
    assert csv_of(Outer(many=True), ITEM) == [header, row]
    assert csv_of(Changed(many=True), ITEM) == [["more", *header], ["1", *row]]


class Spoken(Inner):
    def to_representation(self, instance: Any) -> Any:
        return f"{instance['b']} and {instance['c']}"


class Tree(serializers.Serializer):
    name = serializers.CharField()

    def get_fields(self) -> Any:
        return {**super().get_fields(), "parent": Tree()}


class WithSpoken(serializers.Serializer):
    inner = Spoken()


def test_a_nested_serializer_that_is_no_row_of_fields_is_one_column():
    assert csv_of(WithSpoken(many=True), ITEM) == [["inner"], ["2 and x"]]
    tree = {"name": "leaf", "parent": {"name": "root", "parent": None}}
    assert csv_of(Tree(many=True), tree) == [
        ["name", "parent"],
        ["leaf", '{"name":"root","parent":null}'],
    ]


class Counted(serializers.ListSerializer):
    def to_representation(self, data: Any) -> Any:
        return [{"count": len(data)}]


def test_the_header_of_a_list_serializer_of_ones_own_is_that_of_its_items():
    assert csv_of(Counted(child=Inner()), ITEM) == [["count"], ["1"]]


def test_a_nested_object_that_is_null_leaves_its_columns_empty():
    rows = csv_of(Outer(many=True), {**ITEM, "inner": None})
    assert rows[1] == ["1", "", "", '[{"b":3,"c":"y"}]', '{"any":"thing"}']
