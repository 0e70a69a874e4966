"""What schemathesis cannot know of the test project from its schema."""

import os
from typing import Any

import schemathesis
from schemathesis import Case, DeserializationContext, HookContext, Response

STREAM = {"stream", "count", "marks"}
PLACES = ("after", "last_event_id")


@schemathesis.hook
def filter_query(context: HookContext, query: dict[str, Any]) -> bool:
    # A stream looks neither at the page nor at the format, whatever they are.
    names = set(query or ())
    return names.isdisjoint(STREAM) or names.isdisjoint({"page", "format"})


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    if case.meta.generation.mode.is_positive:
        # Text that is a place is signed: only a stream can give it. tests/test_places.py goes on
        # after places, and after what is none.
        for name in PLACES:
            case.query.pop(name, None)
        case.headers.pop("Last-Event-ID", None)
    if not STREAM.isdisjoint(case.query):
        # The page, which has no use for them, ignores them, as DRF does all that it does not know.
        case.query.setdefault("stream", "ndjson")


if os.environ["OPENAPI_VERSION"] < "3.2":
    # Only 3.2 can describe an event. Before, the schema is that of the whole body, and schemathesis
    # would take it for that of an event.
    @schemathesis.deserializer("text/event-stream")
    def body(context: DeserializationContext, response: Response) -> list[str]:
        return [response.content.decode()]
