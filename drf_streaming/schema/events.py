"""What is said of live events."""

import inspect
from types import CellType
from typing import Any

from drf_spectacular.plumbing import is_list_serializer
from drf_spectacular.types import OpenApiTypes
from rest_framework.viewsets import ViewSetMixin

from drf_streaming.event_streams import EventStream
from drf_streaming.events import MESSAGE
from drf_streaming.renderers import SSERenderer
from drf_streaming.schema import openapi, samples
from drf_streaming.schema.openapi import TEXT, Schema
from drf_streaming.schema.operations import OfStreams, item_of


class OfEvents(OfStreams):
    """Describe a method of a view that is an event stream."""

    _of_request = False

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def get_request_serializer(self) -> Any:
        """Return what reads the body of a request."""
        self._of_request = True
        try:
            return super().get_request_serializer()
        finally:
            self._of_request = False

    def _get_serializer(self) -> Any:
        # That of the view writes no events.
        return super()._get_serializer() if self._of_request else OpenApiTypes.STR  # type: ignore[no-untyped-call]

    def _get_response_bodies(self, *args: Any) -> Schema:
        responses, items = self._ordinary_bodies(*args)
        stream = stream_of(self.view)
        told = {name: self._held(each) for name, each in stream.told.items()} if stream else {}
        said = [item_of(each) for each in items.values()]
        if not told and said and said[0] != TEXT:
            told = {MESSAGE: said[0]}
        example = samples.event_example({name: self._sample(each) for name, each in told.items()})
        described = openapi.event_stream(told, example or None, sequential=self._sequential)
        if told:
            self._refer_to(openapi.PROBLEM)
        success = {"content": {SSERenderer.media_type: described}, "description": ""}
        others = {code: each for code, each in responses.items() if not code.startswith("2")}
        self._refuse(others, openapi.refusals())
        return dict(sorted({"200": success, **others}.items()))

    def _held(self, told: Any) -> Schema:
        """Return the schema of what an event holds: a serializer or a type."""
        with self._one():
            response = self._get_response_for_code(told, "200")  # type: ignore[no-untyped-call]
        contents = [*response.get("content", {}).values()]
        schema: Schema = contents[0]["schema"] if contents else TEXT
        return openapi.array(schema) if is_list_serializer(told) else schema


def stream_of(view: Any) -> EventStream | None:
    """Return the stream that the current operation of a view is."""
    if isinstance(view, ViewSetMixin):
        name = getattr(view, "action", None)
    else:
        name = view.request and view.request.method.lower()
    return stream_in(inspect.getattr_static(view, name, None)) if name else None


def stream_in(method: Any) -> EventStream | None:
    """Return the stream that a method is, also where another decorator has it inside."""
    if isinstance(method, EventStream):
        return method
    cells = [cell for cell in getattr(method, "__closure__", None) or () if cell != CellType()]
    inside = (cell.cell_contents for cell in cells)
    return next((each for each in inside if isinstance(each, EventStream)), None)
