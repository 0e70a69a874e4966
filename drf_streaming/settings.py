"""The `DRF_STREAMING` setting: defaults, and their values as they are now."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.conf import settings as django_settings

NAME = "DRF_STREAMING"

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        # Name of the query parameter that asks for a stream.
        "QUERY_PARAMETER": "stream",
        # Name of the query parameter that continues a stream after a place.
        "AFTER_PARAMETER": "after",
        # Name of the query parameter that asks for marks in formats that have them.
        "MARKS_PARAMETER": "marks",
        # Name of the query parameter that asks how many rows there are.
        "COUNT_PARAMETER": "count",
        # Dotted paths or classes, in the order in which an unknown format is told of them.
        "RENDERER_CLASSES": (
            "drf_streaming.renderers.NDJSONRenderer",
            "drf_streaming.renderers.StreamingJSONRenderer",
            "drf_streaming.renderers.SSERenderer",
            "drf_streaming.renderers.CSVRenderer",
            "drf_streaming.renderers.JSONSeqRenderer",
        ),
        # How querysets are read: "cursor", "keyset" or "auto".
        "SOURCE": "auto",
        # "repeatable read" for all queries of a stream as of one moment; None as they are.
        "ISOLATION": None,
        # Rows fetched, serialized and sent together, at most.
        "CHUNK_SIZE": 500,
        # Seconds that one stream may take; None for no limit.
        "TIMEOUT": None,
        # Rows that one stream may have; None for no limit.
        "MAX_ROWS": None,
        # Seconds of silence after which a stream of events says that it is still there.
        "HEARTBEAT": 15,
        # Seconds after which an SSEResponse ends, so that the client comes back; None for never.
        "MAX_AGE": None,
        # Seconds for which an SSEResponse waits for a client that takes nothing; None for ever.
        "SEND_TIMEOUT": 30,
        # Whether an SSEResponse keeps the request's database connections while it waits.
        "HOLD_CONNECTIONS": False,
        # Open streams of one user or address; None for no limit.
        "MAX_OPEN_STREAMS": None,
        # Open streams of all together; None for no limit.
        "MAX_OPEN_STREAMS_IN_ALL": None,
        # Seconds for which a stream counts as open after its server was killed.
        "OPEN_STREAMS_LEASE": 60,
        # Name of the cache, in CACHES, in which open streams are counted.
        "OPEN_STREAMS_CACHE": "default",
    }
)


def configured() -> Mapping[str, Any]:
    """Return what the project has set, without the defaults."""
    # Past the lazy settings: for these, one that is not there is an error each time.
    return getattr(django_settings._wrapped, NAME, {})  # type: ignore[misc]  # private


def is_dict() -> bool:
    """Tell whether the project's setting can be read; if not, a check says so, and only that."""
    return isinstance(configured(), dict)


def get(name: str) -> Any:
    """Return the value of one setting as it is now."""
    return configured().get(name, DEFAULTS[name])
