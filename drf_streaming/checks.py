"""System checks: what is configured wrongly, and what to write instead."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver
from django.utils.module_loading import import_string
from rest_framework.serializers import BaseSerializer

from drf_streaming import settings
from drf_streaming.framing import Framing
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.renderers import BaseStreamingRenderer
from drf_streaming.responses import GZIP_STREAMS

RESERVED = "$stream"


def register() -> None:
    """Register the checks of this package with Django."""
    checks.register(check_settings)
    checks.register(check_gzip)
    checks.register(check_views, Tags.urls)


def check_settings(**_: Any) -> list[CheckMessage]:
    """Check the `DRF_STREAMING` setting."""
    configured = settings.configured()
    if not isinstance(configured, dict):
        got = type(configured).__name__
        return [
            Error(
                f"{settings.NAME} must be a dict, got {got}.",
                hint=f"Known settings: {', '.join(settings.DEFAULTS)}.",
                id="drf_streaming.E001",
            )
        ]
    messages: list[CheckMessage] = []
    for name in configured.keys() - settings.DEFAULTS.keys():
        near = get_close_matches(str(name), settings.DEFAULTS, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(settings.DEFAULTS)}."
        messages.append(
            Error(f"{settings.NAME} has no setting {name!r}.", hint=hint, id="drf_streaming.E001")
        )
    parameter = settings.get("QUERY_PARAMETER")
    if not (isinstance(parameter, str) and parameter):
        messages.append(
            Error(
                f"QUERY_PARAMETER must be the name of a query parameter, got {parameter!r}.",
                hint="For example 'stream'.",
                id="drf_streaming.E002",
            )
        )
    messages += _check_number(
        f"{settings.NAME}['CHUNK_SIZE']", settings.get("CHUNK_SIZE"), "drf_streaming.E003"
    )
    messages += _check_number(
        f"{settings.NAME}['MAX_ROWS']", settings.get("MAX_ROWS"), "drf_streaming.E004", null=True
    )
    messages += _check_renderers(
        f"{settings.NAME}['RENDERER_CLASSES']", settings.get("RENDERER_CLASSES")
    )
    return messages


def check_gzip(**_: Any) -> list[CheckMessage]:
    """Warn where Django's compression is of no use for streams."""
    if GZIP_STREAMS or "django.middleware.gzip.GZipMiddleware" not in django_settings.MIDDLEWARE:
        return []
    return [
        checks.Warning(
            "GZipMiddleware of this version of Django would hold streams back, or make them "
            "unreadable, so streams are sent uncompressed.",
            hint="Use Django 6.1 or later, or let the proxy compress.",
            id="drf_streaming.W001",
        )
    ]


def check_views(**_: Any) -> list[CheckMessage]:
    """Check every view in the URLconf that streams."""
    messages: list[CheckMessage] = []
    for view in dict.fromkeys(streaming_views()):
        name = f"{view.__module__}.{view.__qualname__}"
        messages += _check_number(
            f"{name}.stream_chunk_size", view.stream_chunk_size, "drf_streaming.E003", null=True
        )
        messages += _check_number(
            f"{name}.stream_max_rows", view.stream_max_rows, "drf_streaming.E004", null=True
        )
        if not isinstance(view.streaming_renderer_classes, property | None):
            messages += _check_renderers(
                f"{name}.streaming_renderer_classes", view.streaming_renderer_classes
            )
        messages += _check_reserved(name, getattr(view, "serializer_class", None))
    return messages


def streaming_views() -> Iterator[type[StreamingListMixin]]:
    """Yield the views in the URLconf that have the mixin."""
    if getattr(django_settings, "ROOT_URLCONF", None):
        yield from _views(get_resolver().url_patterns)


def _views(patterns: Sequence[URLPattern | URLResolver]) -> Iterator[type[StreamingListMixin]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
            continue
        view = getattr(pattern.callback, "cls", None)
        if isinstance(view, type) and issubclass(view, StreamingListMixin):
            yield view


def _check_number(
    where: str, value: object, check_id: str, *, null: bool = False
) -> list[CheckMessage]:
    if isinstance(value, property) or (null and value is None):
        return []
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return []
    alternative = ", or None" if null else ""
    return [
        Error(
            f"{where} must be a number of rows, got {value!r}.",
            hint=f"A whole number from 1 up{alternative}.",
            id=check_id,
        )
    ]


def _check_renderers(where: str, classes: object) -> list[CheckMessage]:
    if not isinstance(classes, list | tuple) or not classes:
        return [
            Error(
                f"{where} must be a list of renderer classes, got {classes!r}.",
                hint="List at least one, such as 'drf_streaming.renderers.NDJSONRenderer'.",
                id="drf_streaming.E005",
            )
        ]
    return [message for each in classes for message in _check_renderer(where, each)]


def _check_renderer(where: str, entry: object) -> list[CheckMessage]:
    try:
        renderer = import_string(entry) if isinstance(entry, str) else entry
    except Exception as error:
        return [
            Error(
                f"{where}: {entry!r} cannot be imported: {error}.",
                hint="Write the dotted path of a class.",
                id="drf_streaming.E005",
            )
        ]
    if not (isinstance(renderer, type) and issubclass(renderer, BaseStreamingRenderer)):
        return [
            Error(
                f"{where}: {entry!r} is no streaming renderer.",
                hint="Subclass drf_streaming.renderers.BaseStreamingRenderer.",
                id="drf_streaming.E005",
            )
        ]
    if not isinstance(getattr(renderer, "framing", None), Framing):
        return [
            Error(
                f"{where}: {renderer.__qualname__} has no framing.",
                hint="Set its `framing` to a drf_streaming.framing.Framing.",
                id="drf_streaming.E006",
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
