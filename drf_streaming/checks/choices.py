"""The checks of what is one of a few things."""

from django.core.checks import CheckMessage, Error

from drf_streaming.choices import SOURCES
from drf_streaming.transactions import REPEATABLE_READ


def check_source(where: str, value: object, *, null: bool = False) -> list[CheckMessage]:
    """Check how querysets are to be read; with `null` it may also be None."""
    if isinstance(value, property) or (null and value is None) or value in SOURCES:
        return []
    return [
        Error(
            f"{where} must be one of {', '.join(map(repr, SOURCES))}, got {value!r}.",
            hint="'auto', the default, chooses by the database and the order of the list.",
            id="drf_streaming.E011",
        )
    ]


def check_isolation(where: str, value: object) -> list[CheckMessage]:
    """Check of which moment the queries of a stream are to be."""
    if value is None or isinstance(value, property) or value == REPEATABLE_READ:
        return []
    return [
        Error(
            f"{where} must be {REPEATABLE_READ!r} or None, got {value!r}.",
            hint="None, the default, leaves it to the settings of the database.",
            id="drf_streaming.E012",
        )
    ]


def check_hold(where: str, value: object) -> list[CheckMessage]:
    """Check whether connections are to be kept."""
    if isinstance(value, bool):
        return []
    return [
        Error(
            f"{where} must be True or False, got {value!r}.",
            hint="False, the default, gives connections back while a stream of events waits.",
            id="drf_streaming.E009",
        )
    ]
