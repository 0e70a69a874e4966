"""What OpenAPI can say of streams: their parameters, media types and components."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from drf_streaming import settings
from drf_streaming.encoders import JSONRecords
from drf_streaming.events import END_ID, LAST_EVENT_ID, MESSAGE
from drf_streaming.parameters import LAST_EVENT_ID_PARAMETER
from drf_streaming.renderers import BaseStreamingRenderer

Schema = dict[str, Any]
Renderers = Sequence[BaseStreamingRenderer]

MARK = "StreamMark"
PROBLEM = "StreamProblem"

TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_STATE: Schema = {
    "rows": {**_NUMBER, "description": "How many rows this response has had so far."},
    "total": {**_NUMBER, "description": "How many rows the whole list has, where it was asked."},
    "resume": {**TEXT, "description": "The place after the last row, where the list has places."},
}


def _word(*words: str) -> Schema:
    # Without `allOf`, drf-spectacular would make a component of it and name that after the
    # property; a name cannot have a `$`.
    return {"allOf": [{"type": "string", "enum": [*words]}]}


COMPONENTS: Mapping[str, Schema] = {
    MARK: {
        "type": "object",
        "description": "Says how far a stream has come, where the request asks for marks: between "
        "items, or at the end.",
        "properties": {"$stream": _word("mark", "end"), **_STATE},
        "required": ["$stream", "rows"],
    },
    PROBLEM: {
        "type": "object",
        "description": "Ends a stream that failed. The other members are those of RFC 9457.",
        "properties": {
            "$stream": _word("error"),
            "status": {"type": "integer"},
            "title": TEXT,
            "detail": TEXT,
            **_STATE,
        },
        "required": ["$stream", "status", "title", "rows"],
    },
}


def ref(component: str) -> Schema:
    """Return the reference to a component."""
    return {"$ref": f"#/components/schemas/{component}"}


class Parameter(NamedTuple):
    """Hold what is said of one parameter."""

    name: str
    location: Literal["query", "header"]
    schema: Schema
    description: str


def parameters(renderers: Renderers, *, places: bool) -> Iterator[Parameter]:
    """Yield what a request may ask of a stream in one of these formats.

    Shape: `places` tells whether the list may have places to go on from.
    """
    formats = [each.format for each in renderers]
    media_types = ", ".join(f"`{each.format}` ({each.media_type})" for each in renderers)
    yield Parameter(
        settings.get("QUERY_PARAMETER"),
        "query",
        {"type": "string", "enum": formats},
        f"Stream the whole list, without pages, as {media_types}. Counts for more than `Accept`.",
    )
    yield Parameter(
        settings.get("COUNT_PARAMETER"),
        "query",
        {"type": "integer", "enum": [0, 1]},
        "With 1, a stream says in the header `X-Total-Count` how many rows the list has, where "
        "they can be counted.",
    )
    if any(each.framing.marked for each in renderers):
        marked = ", ".join(f"`{each.format}`" for each in renderers if each.framing.marked)
        yield Parameter(
            settings.get("MARKS_PARAMETER"),
            "query",
            {**_NUMBER, "maximum": 999_999_999},
            f"A mark after every so many rows; with 1 only at the end. For {marked}.",
        )
    if places:
        yield Parameter(
            settings.get("AFTER_PARAMETER"),
            "query",
            TEXT,
            "Go on after this place, which a stream of the same list gave: the id of an event, or "
            "`resume`.",
        )
    if any(each.framing.identified for each in renderers):
        yield Parameter(
            LAST_EVENT_ID,
            "header",
            TEXT,
            f"The id of the last event that was received. Nothing comes after `{END_ID}`.",
        )
        yield Parameter(
            LAST_EVENT_ID_PARAMETER,
            "query",
            TEXT,
            f"The same as the header `{LAST_EVENT_ID}`, for clients that cannot set it.",
        )


TOTAL: Schema = {
    "schema": _NUMBER,
    "description": "How many rows the whole list has, where a stream was asked for it.",
}
THROTTLED = "Too many requests, or too many open streams."


def refusals(renderers: Renderers = (), *, places: bool = False) -> dict[str, str]:
    """Return what else than a stream may be answered, by its status."""
    told = {"406": "No format that `Accept` allows."}
    if renderers:
        told["400"] = "What was asked of the stream is wrong, or it would have too many rows."
    if any(each.framing.identified for each in renderers):
        told["204"] = "The stream had come to its end: there is nothing to go on with."
    if places:
        told["410"] = "The row that the list was to be continued after is no longer in it."
    return told


def components(renderers: Renderers) -> list[str]:
    """Return the names of the components that the streams in these formats refer to."""
    marked = [MARK] * any(each.framing.marked for each in renderers)
    return marked + [PROBLEM] * any(each.framing.problem for each in renderers)


def array(item: Schema) -> Schema:
    """Return the schema of a list of items."""
    return {"type": "array", "items": item}


def list_stream(
    renderer: BaseStreamingRenderer, item: Schema, example: str | None, *, sequential: bool
) -> Schema:
    """Return the media type object of a list of items that is streamed by this renderer.

    Shape: `sequential` tells whether this version of OpenAPI can say what comes one by one.
    """
    return _stream(_record(renderer, item), example, sequential=sequential)


def event_stream(told: Mapping[str, Schema], example: str | None, *, sequential: bool) -> Schema:
    """Return the media type object of live events that hold this, by their names.

    Shape: without any, nothing is known of them.
    """
    live = [_event(name, data if data == TEXT else _json(data)) for name, data in told.items()]
    record = {"oneOf": [*live, _PROBLEM_EVENT]} if live else _ANY_EVENT
    return _stream(record, example, sequential=sequential)


def _stream(record: Schema | None, example: str | None, *, sequential: bool) -> Schema:
    if sequential and record is not None:
        # https://spec.openapis.org/oas/v3.2.0.html#sequential-media-types
        return {"itemSchema": record}
    told = {"schema": TEXT, "example": example, "x-itemSchema": record}
    return {name: value for name, value in told.items() if value is not None}


def _record(renderer: BaseStreamingRenderer, item: Schema) -> Schema | None:
    """Return what a stream has piece by piece, or None where its pieces are not JSON."""
    framing = renderer.framing
    if framing.identified:
        return {"oneOf": [_event(MESSAGE, _json(item)), _END_EVENT, _PROBLEM_EVENT]}
    is_document = framing.opening or framing.between or framing.end
    if is_document or not isinstance(renderer.get_encoder(), JSONRecords):
        return None
    others = [ref(MARK)] * framing.marked + [ref(PROBLEM)] * bool(framing.problem)
    return {"anyOf": [item, *others]} if others else item


def _json(schema: Schema) -> Schema:
    return {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}


# https://spec.openapis.org/oas/v3.2.0.html#special-considerations-for-server-sent-events
_ANY_EVENT: Schema = {
    "type": "object",
    "properties": {"data": TEXT, "event": TEXT, "id": TEXT, "retry": _NUMBER},
    "required": ["data"],
}


def _event(name: str, data: Schema, **fields: Schema) -> Schema:
    """Return an event as it is once it was parsed."""
    properties = {**_ANY_EVENT["properties"], "data": data, **fields}
    properties["event"] = {"type": "string", "enum": [name]}
    required = ["data"] if name == MESSAGE else ["data", "event"]
    return {"type": "object", "properties": properties, "required": required}


_END_EVENT = _event(
    "end",
    _json({"type": "object", "properties": {"rows": _NUMBER}, "required": ["rows"]}),
    id={"type": "string", "enum": [END_ID]},
)
_PROBLEM_EVENT = _event("problem", _json(ref(PROBLEM)))
