"""The bytes of a stream against those of DRF's own list."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.generics import ListAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIRequestFactory

from drf_streaming import serialization
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.serialization import Serialization
from drf_streaming.test import leave

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?')


class _View(StreamingListMixin, ListAPIView):
    filter_backends: Any = ()
    pagination_class = None
    permission_classes: Any = ()
    authentication_classes: Any = ()

    def handle_exception(self, exc: Exception) -> Any:
        raise exc


def view_of(serializer_class: Any, rows: Any, chunk_size: int = 2) -> Any:
    """Return a view that lists what `rows`, a queryset or a function, gives."""

    class View(_View):
        stream_chunk_size = chunk_size

        def get_queryset(self) -> Any:
            return rows() if callable(rows) else rows.all()

        def get_serializer_class(self) -> Any:
            return serializer_class

    return View


def listed(serializer_class: Any, rows: Any) -> bytes:
    """Return DRF's own list."""
    view = view_of(serializer_class, rows)()
    view.setup(APIRequestFactory().get("/things/"))
    view.request = view.initialize_request(view.request)
    view.format_kwarg = None
    serializer = view.get_serializer(view.get_queryset(), many=True)
    return JSONRenderer().render(serializer.data)


def streamed(serializer_class: Any, rows: Any, chunk_size: int = 2) -> bytes:
    """Return the records of a stream, as one list."""
    view = view_of(serializer_class, rows, chunk_size).as_view()
    response = view(APIRequestFactory().get("/things/", {"stream": "ndjson"}))
    try:
        lines = b"".join(response.streaming_content).splitlines()
    finally:
        leave(response)
    return b"[" + b",".join(lines) + b"]"


def written(found: bytes) -> bytes:
    """Return JSON with each float spelled in one way, and U+0085 escaped."""

    def spelled(match: re.Match[bytes]) -> bytes:
        token = match[0]
        if token.startswith(b'"') or token.strip(b"-").isdigit():
            return token.replace(b"\xc2\x85", b"\\u0085")
        return repr(float(token)).encode()

    return _TOKEN.sub(spelled, found)


def outcome(function: Callable[..., bytes], *args: Any) -> Any:
    """Return JSON, or what was raised."""
    try:
        return written(function(*args))
    except Exception as error:
        return type(error), str(error)


def prepared(serializer_class: Any, rows: Any) -> Serialization:
    """Return how a stream of these rows is made."""
    view = view_of(serializer_class, rows)()
    view.setup(APIRequestFactory().get("/things/"))
    view.request = view.initialize_request(view.request)
    view.format_kwarg = None
    queryset = view.get_queryset()
    return serialization.prepare(view.get_serializer(queryset, many=True), queryset)


def both(serializer_class: Any, rows: Any, chunk_size: int = 2) -> tuple[Any, Any]:
    """Return the outcome of the stream, and that of DRF's list."""
    return (
        outcome(streamed, serializer_class, rows, chunk_size),
        outcome(listed, serializer_class, rows),
    )


def reasons(found: Serialization) -> dict[str, str]:
    """Return why fields are not read from columns."""
    assert found.plan is not None
    return {entry.name: entry.reason for entry in found.plan.entries if entry.source is None}


def selects(function: Callable[..., Any], *args: Any) -> int:
    """Return how many queries this makes."""
    with CaptureQueriesContext(connection) as queries:
        function(*args)
    return sum("SELECT" in query["sql"] for query in queries)
