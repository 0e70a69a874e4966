"""What comes over HTTP is what the schema says: each item of each stream of the test project."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource

from flights.models import Airline, Airport, Flight, Plane, Weather
from programs import module
from servers import Server
from streamtests.urls import OPENAPI_VERSIONS

pytestmark = pytest.mark.django_db
VALIDATORS = {"3.0.3": "30", "3.2.0": "32"}
LISTS = {
    "/flights/": Flight.objects.all(),
    "/airlines/": Airline.objects.all(),
    "/airlines/{code}/flights/": Flight.objects.filter(carrier="AA"),
    "/airports/": Airport.objects.all(),
    "/planes/": Plane.objects.all(),
    "/weather/": Weather.objects.all(),
}


class Described:
    """The schema of the test project, in one version of OpenAPI."""

    def __init__(self, server: Server, version: str) -> None:
        self.document = httpx.get(f"{server.url}/schema/{version}/?format=json").json()
        self.version = version
        self._fit: set[str] = set()

    def content(self, path: str, media_type: str) -> dict[str, Any]:
        found: dict[str, Any] = self.document["paths"][path]["get"]["responses"]["200"]["content"]
        return found[media_type]

    def item(self, path: str, media_type: str) -> dict[str, Any]:
        """Return what is said of one item, or event, of a stream."""
        content = self.content(path, media_type)
        return content.get("itemSchema") or content["x-itemSchema"]

    def misfits(self, schema: Any, values: list[Any]) -> Iterator[tuple[Any, str]]:
        """Yield the values that the schema does not allow, and why."""
        validators, dialect = module("openapi_schema_validator"), VALIDATORS[self.version]
        formats = getattr(validators, f"oas{dialect}_format_checker")
        whole = {**schema, "components": self.document["components"]}
        validator = getattr(validators, f"OAS{dialect}Validator")(whole, format_checker=formats)
        for value in values:
            seen = json.dumps([schema, value])
            errors = [] if seen in self._fit else [*validator.iter_errors(value)]
            yield from ((value, error.message) for error in errors)
            self._fit |= set() if errors else {seen}


@pytest.fixture(scope="module")
def said(servers: Callable[[str], Server]) -> dict[str, Described]:
    return {version: Described(servers("uvicorn"), version) for version in OPENAPI_VERSIONS}


@pytest.fixture
def server(servers: Callable[[str], Server]) -> Server:
    return servers("uvicorn")


@pytest.fixture(params=VALIDATORS)
def described(request: pytest.FixtureRequest, said: dict[str, Described]) -> Described:
    return said[request.param]


def test_3_1_says_of_items_what_3_2_does(said: dict[str, Described]):
    before, now = said["3.1.0"], said["3.2.0"]
    assert before.document["components"] == now.document["components"]
    for path in LISTS:
        for media_type in ("application/x-ndjson", "application/json-seq", "text/event-stream"):
            assert before.item(path, media_type) == now.item(path, media_type)


def get(server: Server, path: str, **query: Any) -> httpx.Response:
    response = httpx.get(server.url + path.format(code="AA"), params=query, timeout=60)
    assert response.status_code == 200
    return response


def records(response: httpx.Response) -> list[Any]:
    """Return what stands in a stream, marks and events included, and says nothing of CSV."""
    text = response.content.decode()
    match response.headers["Content-Type"]:
        case "application/x-ndjson":
            return [json.loads(line) for line in text.split("\n")[:-1]]
        case "application/json-seq":
            return [json.loads(record) for record in text.split("\x1e")[1:]]
        case "text/event-stream":
            return [as_described(each) for each in EventSource(response).iter_sse()]
    raise AssertionError(response.headers)


def as_described(event: Any) -> dict[str, Any]:
    fields = {"event": event.event, "data": event.data, "id": event.id, "retry": event.retry}
    return {name: value for name, value in fields.items() if value not in (None, "")}


def misfits_in_data(described: Described, schema: Any, events: list[Any]) -> list[Any]:
    """Return the data of events that is not what is said of it; validators do not look into it."""
    found: list[Any] = []
    for kind in schema["oneOf"]:
        properties = kind["properties"]
        [name] = properties["event"]["enum"]
        assert properties["data"]["contentMediaType"] == "application/json"
        data = [json.loads(each["data"]) for each in events if each["event"] == name]
        found += described.misfits(properties["data"]["contentSchema"], data)
    return found


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/json-seq"])
def test_each_record_is_described(described: Described, server: Server, path: str, media_type: str):
    format = media_type.removeprefix("application/").removeprefix("x-")
    received = records(get(server, path, stream=format, marks=7))
    count = LISTS[path].count()
    assert len([each for each in received if "$stream" not in each]) == count
    assert len(received) > count + count // 7
    assert [*described.misfits(described.item(path, media_type), received)] == []


@pytest.mark.parametrize("path", LISTS)
def test_each_event_is_described(described: Described, server: Server, path: str):
    received = records(get(server, path, stream="sse"))
    schema = described.item(path, "text/event-stream")
    assert len(received) == LISTS[path].count() + 1
    assert [*described.misfits(schema, received)] == []
    assert misfits_in_data(described, schema, received) == []


def test_each_live_event_is_described(described: Described, server: Server):
    path = "/live/departures/"
    with httpx.stream("GET", server.url + path) as response:
        received = [as_described(each) for each in islice(EventSource(response).iter_sse(), 3)]
    schema = described.item(path, "text/event-stream")
    assert [each["event"] for each in received] == ["departure"] * 3
    assert [*described.misfits(schema, received)] == []
    assert misfits_in_data(described, schema, received) == []


@pytest.mark.parametrize("path", LISTS)
def test_page_and_array_are_described(described: Described, server: Server, path: str):
    schema = described.content(path, "application/json")["schema"]
    array = get(server, path, stream="json").json()
    assert len(array) == LISTS[path].count()
    assert [*described.misfits(schema, [array])] == []
    # What drf-spectacular says of pages is `nullable`, which later versions do not know.
    if described.version == "3.0.3":
        assert [*described.misfits(schema, [get(server, path).json()])] == []


@pytest.mark.parametrize("path", LISTS)
def test_the_header_of_csv_is_described(described: Described, server: Server, path: str):
    content = described.content(path, "text/csv")
    received = get(server, path, stream="csv").text
    assert content["schema"] == {"type": "string"}
    assert received.startswith(content["example"])


@pytest.mark.parametrize("path", LISTS)
def test_what_is_wrong_is_no_item(described: Described, server: Server, path: str):
    """The schema says something: not every object is an item."""
    schema = described.item(path, "application/x-ndjson")
    [first, *_] = records(get(server, path, stream="ndjson"))
    for name in first:
        wrong = {**first, name: {"not": "this"}}
        assert [*described.misfits(schema, [wrong])] != []
    assert [*described.misfits(schema, [{}, None, [first]])] != []
