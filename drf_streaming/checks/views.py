"""The checks of the views that stream."""

from typing import Any

from django.core.checks import CheckMessage, Error
from rest_framework.mixins import ListModelMixin
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from drf_streaming import settings
from drf_streaming.checks.choices import check_isolation, check_source
from drf_streaming.checks.numbers import check_number, check_seconds
from drf_streaming.checks.parameters import check_parameters
from drf_streaming.checks.renderers import check_renderers
from drf_streaming.checks.urls import streaming_views
from drf_streaming.mixins import StreamingListMixin

RESERVED = "$stream"


def check_views(**_: Any) -> list[CheckMessage]:
    """Check every view in the URLconf that has the mixin."""
    if not settings.is_dict():
        return []
    return [
        message
        for view in streaming_views()
        for message in _check_view(f"{view.__module__}.{view.__qualname__}", view)
    ]


def _check_view(name: str, view: type[StreamingListMixin]) -> list[CheckMessage]:
    size, limit = view.stream_chunk_size, view.stream_max_rows
    messages = [
        *_check_bases(name, view),
        *check_number(f"{name}.stream_chunk_size", size, "rows", "drf_streaming.E003", null=True),
        *check_number(f"{name}.stream_max_rows", limit, "rows", "drf_streaming.E004", null=True),
        *check_seconds(f"{name}.stream_timeout", view.stream_timeout),
        *check_source(f"{name}.stream_source", view.stream_source, null=True),
        *check_isolation(f"{name}.stream_isolation", view.stream_isolation),
    ]
    classes = view.streaming_renderer_classes
    if not isinstance(classes, property | None):
        messages += check_renderers(f"{name}.streaming_renderer_classes", classes)
    messages += _check_reserved(name, getattr(view, "serializer_class", None))
    messages += check_parameters(name, view)
    return messages


def _check_bases(name: str, view: type[StreamingListMixin]) -> list[CheckMessage]:
    """Check that the methods of the mixin are not hidden by those that they extend."""
    extended: dict[str, type] = {"perform_content_negotiation": APIView}
    if "list" in view.stream_actions:
        extended["list"] = ListModelMixin
    for method, base in extended.items():
        if getattr(view, method) is getattr(base, method):
            return [
                Error(
                    f"{name}: StreamingListMixin comes after {base.__name__} in the bases, so "
                    f"its {method}() is never called.",
                    hint="Put StreamingListMixin first.",
                    id="drf_streaming.E010",
                )
            ]
    return []


def _check_reserved(view: str, serializer_class: object) -> list[CheckMessage]:
    if not (isinstance(serializer_class, type) and issubclass(serializer_class, BaseSerializer)):
        return []
    try:
        reserved = RESERVED in getattr(serializer_class(), "fields", {})
    except Exception:
        # A serializer that needs its view to know its fields is none that can be checked here.
        return []
    if not reserved:
        return []
    return [
        Error(
            f"{view}: {serializer_class.__qualname__} has a field named {RESERVED!r}, which marks "
            "the end and the failure of a stream.",
            hint="Give the field another name.",
            id="drf_streaming.E007",
        )
    ]
