"""The checks of what is set for the whole project."""

from difflib import get_close_matches
from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from drf_streaming import settings
from drf_streaming.checks.choices import check_hold, check_isolation, check_source
from drf_streaming.checks.messages import must_be
from drf_streaming.checks.numbers import check_number, check_seconds
from drf_streaming.checks.renderers import check_renderers
from drf_streaming.parameters import PARAMETERS
from drf_streaming.stream_response import GZIP_STREAMS


def check_settings(**_: Any) -> list[CheckMessage]:
    """Check the `DRF_STREAMING` setting."""
    configured = settings.configured()
    if not settings.is_dict():
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
    for name in PARAMETERS:
        messages += _check_parameter(name, settings.get(name))
    size, limit = settings.get("CHUNK_SIZE"), settings.get("MAX_ROWS")
    messages += check_number(_item("CHUNK_SIZE"), size, "rows", "drf_streaming.E003")
    messages += check_number(_item("MAX_ROWS"), limit, "rows", "drf_streaming.E004", null=True)
    for name in ("TIMEOUT", "HEARTBEAT", "MAX_AGE", "SEND_TIMEOUT"):
        messages += check_seconds(_item(name), settings.get(name))
    messages += check_source(_item("SOURCE"), settings.get("SOURCE"))
    messages += check_isolation(_item("ISOLATION"), settings.get("ISOLATION"))
    messages += check_hold(_item("HOLD_CONNECTIONS"), settings.get("HOLD_CONNECTIONS"))
    messages += check_renderers(_item("RENDERER_CLASSES"), settings.get("RENDERER_CLASSES"))
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


def _item(name: str) -> str:
    return f"{settings.NAME}[{name!r}]"


def _check_parameter(name: str, parameter: object) -> list[CheckMessage]:
    if isinstance(parameter, str) and parameter:
        return []
    return must_be(
        "the name of a query parameter",
        _item(name),
        parameter,
        hint=f"For example {settings.DEFAULTS[name]!r}.",
        check_id="drf_streaming.E002",
    )
