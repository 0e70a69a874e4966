"""The check of lists of streaming renderers."""

from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

from drf_streaming.checks.messages import must_be
from drf_streaming.framing import Framing
from drf_streaming.renderers import BaseStreamingRenderer


def check_renderers(where: str, classes: object) -> list[CheckMessage]:
    """Check a setting, or an attribute of a view, that lists streaming renderers."""
    if not isinstance(classes, list | tuple) or not classes:
        return must_be(
            "a list of renderer classes",
            where,
            classes,
            hint="List at least one, such as 'drf_streaming.renderers.NDJSONRenderer'.",
            check_id="drf_streaming.E005",
        )
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
