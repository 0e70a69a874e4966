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
        # Dotted paths or classes, in the order in which an unknown format is told of them.
        "RENDERER_CLASSES": (
            "drf_streaming.renderers.NDJSONRenderer",
            "drf_streaming.renderers.StreamingJSONRenderer",
            "drf_streaming.renderers.SSERenderer",
            "drf_streaming.renderers.CSVRenderer",
            "drf_streaming.renderers.JSONSeqRenderer",
        ),
        # Rows fetched, serialized and sent together, at most.
        "CHUNK_SIZE": 500,
        # Rows that one stream may have; None for no limit.
        "MAX_ROWS": None,
    }
)


def configured() -> Mapping[str, Any]:
    """Return what the project has set, without the defaults."""
    return getattr(django_settings, NAME, {})


def get(name: str) -> Any:
    """Return the value of one setting as it is now."""
    return configured().get(name, DEFAULTS[name])
