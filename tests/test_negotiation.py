import pytest
from rest_framework.exceptions import NotAcceptable, ValidationError
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from drf_streaming.negotiation import by_header, by_name
from drf_streaming.renderers import (
    CSVRenderer,
    JSONSeqRenderer,
    NDJSONRenderer,
    SSERenderer,
    StreamingJSONRenderer,
)

OWN = [JSONRenderer(), BrowsableAPIRenderer()]
STREAMING = [
    NDJSONRenderer(),
    StreamingJSONRenderer(),
    SSERenderer(),
    CSVRenderer(),
    JSONSeqRenderer(),
]
DRF = DefaultContentNegotiation()
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def chosen_by_header(accept: str, query: str = "", suffix: str | None = None) -> str:
    request = Request(APIRequestFactory().get(f"/?{query}", headers={"accept": accept}))
    names = [name for renderer in STREAMING for name in renderer.under_each_name()]
    renderer, _ = by_header(request, OWN, names, DRF, suffix)
    return type(renderer).__name__


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "JSONRenderer"),
        (BROWSER, "BrowsableAPIRenderer"),
        ("application/json", "JSONRenderer"),
        ("application/json; indent=4", "JSONRenderer"),
        # What EventSource sends.
        ("text/event-stream", "SSERenderer"),
        ("application/x-ndjson", "NDJSONRenderer"),
        ("application/ndjson", "NDJSONRenderer"),
        ("application/jsonl", "NDJSONRenderer"),
        ("application/x-jsonlines", "NDJSONRenderer"),
        ("application/json-seq", "JSONSeqRenderer"),
        ("text/csv", "CSVRenderer"),
        ("text/csv; charset=utf-8", "CSVRenderer"),
        ("APPLICATION/X-NDJSON", "NDJSONRenderer"),
        # Parameters are for DRF to read, and decide nothing here.
        ("text/csv; charset=utf-8, */*;q=0.1", "CSVRenderer"),
        ("application/json; indent=4, text/csv;q=0.1", "JSONRenderer"),
        # The weights decide between the view's own formats and the streams.
        ("application/json;q=0.5, application/x-ndjson", "NDJSONRenderer"),
        ("application/json, application/x-ndjson;q=0.5", "JSONRenderer"),
        ("application/x-ndjson;q=0.1, */*", "JSONRenderer"),
        ("application/x-ndjson, */*;q=0.1", "NDJSONRenderer"),
        ("application/x-ndjson, */*", "NDJSONRenderer"),
        ("application/x-ndjson;q=0, application/json;q=0.1", "JSONRenderer"),
        ("text/csv;q=0.3, text/event-stream;q=0.7, application/x-ndjson;q=0.5", "SSERenderer"),
        ("text/csv;q=0.5, text/html;q=0.9", "BrowsableAPIRenderer"),
    ],
)
def test_accept_chooses_by_weight_and_then_by_how_exact_it_is(accept: str, expected: str):
    assert chosen_by_header(accept) == expected


def test_accept_that_nothing_matches_is_not_acceptable_as_in_drf():
    with pytest.raises(NotAcceptable):
        chosen_by_header("application/xml")


@pytest.mark.parametrize(
    ("query", "suffix", "expected"),
    [
        ("format=ndjson", None, "NDJSONRenderer"),
        ("format=json-seq", None, "JSONSeqRenderer"),
        ("format=json", None, "JSONRenderer"),
        ("format=json-stream", None, "StreamingJSONRenderer"),
        ("", "csv", "CSVRenderer"),
        ("", "json", "JSONRenderer"),
        ("format=json", "csv", "CSVRenderer"),
    ],
)
def test_format_and_suffix_are_drfs(query: str, suffix: str | None, expected: str):
    assert chosen_by_header("*/*", query, suffix) == expected


def test_format_and_an_accept_that_contradicts_it_are_not_acceptable_as_in_drf():
    with pytest.raises(NotAcceptable):
        chosen_by_header("application/json", "format=ndjson")


def test_format_and_another_name_of_its_media_type_agree():
    assert chosen_by_header("application/jsonl", "format=ndjson") == "NDJSONRenderer"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ndjson", "NDJSONRenderer"),
        ("json", "StreamingJSONRenderer"),
        ("sse", "SSERenderer"),
        ("csv", "CSVRenderer"),
        ("json-seq", "JSONSeqRenderer"),
    ],
)
def test_the_query_parameter_chooses_whatever_else_is_said(name: str, expected: str):
    request = Request(
        APIRequestFactory().get(
            f"/?stream={name}&format=nothing", headers={"accept": "application/nothing"}
        )
    )
    renderer, media_type = by_name(request, OWN, STREAMING, DRF)
    assert type(renderer).__name__ == expected
    assert media_type == renderer.media_type


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "application/x-ndjson; version=2, */*;q=0.5", "application/x-ndjson; version=2"),
        ("stream=ndjson", "application/x-ndjson; version=2", "application/x-ndjson; version=2"),
        ("stream=ndjson", "application/json; version=2", "application/x-ndjson; version=2"),
        ("stream=ndjson", "application/nothing; version=2", "application/x-ndjson"),
        ("stream=ndjson", "*/*", "application/x-ndjson"),
    ],
)
def test_a_version_in_accept_is_kept(query: str, accept: str, expected: str):
    request = Request(APIRequestFactory().get(f"/?{query}", headers={"accept": accept}))
    choice = by_name(request, OWN, STREAMING, DRF) or by_header(request, OWN, STREAMING, DRF, None)
    assert type(choice[0]).__name__ == "NDJSONRenderer"
    assert choice[1] == expected


def test_a_negotiator_that_ignores_accept_is_not_gone_around():
    class First(BaseContentNegotiation):
        def select_renderer(self, request, renderers, format_suffix=None):
            return renderers[0], renderers[0].media_type

    request = Request(APIRequestFactory().get("/", headers={"accept": "text/csv"}))
    assert by_header(request, OWN, STREAMING, First(), None) == (OWN[0], "application/json")


def test_a_negotiator_that_accepts_what_is_not_in_the_header_is_asked():
    class InQuery(DefaultContentNegotiation):
        def get_accept_list(self, request):
            return ["application/json; version=2"]

    request = Request(APIRequestFactory().get("/?stream=ndjson"))
    _, media_type = by_name(request, OWN, STREAMING, InQuery())
    assert media_type == "application/x-ndjson; version=2"


def test_without_the_query_parameter_nothing_is_chosen():
    assert by_name(Request(APIRequestFactory().get("/")), OWN, STREAMING, DRF) is None


@pytest.mark.parametrize("name", ["xml", "", "NDJSON", "api"])
def test_an_unknown_name_is_refused_with_the_names_there_are(name: str):
    with pytest.raises(ValidationError) as caught:
        by_name(Request(APIRequestFactory().get(f"/?stream={name}")), OWN, STREAMING, DRF)
    assert caught.value.detail == {
        "stream": [f"Unknown format {name!r}. Choose one of: ndjson, json, sse, csv, json-seq."]
    }


def test_the_query_parameter_has_the_name_that_the_setting_gives_it(settings):
    settings.DRF_STREAMING = {"QUERY_PARAMETER": "as"}
    request = Request(APIRequestFactory().get("/?stream=csv&as=sse"))
    renderer, _ = by_name(request, OWN, STREAMING, DRF)
    assert type(renderer).__name__ == "SSERenderer"


def test_formats_may_be_switched_off_in_drf(settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "URL_FORMAT_OVERRIDE": None}
    assert chosen_by_header("*/*", "format=ndjson") == "JSONRenderer"
