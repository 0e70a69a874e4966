"""The checks of what is one of a few things."""

from django.core.checks import CheckMessage

from drf_streaming.checks.messages import must_be
from drf_streaming.choices import SOURCES
from drf_streaming.transactions import REPEATABLE_READ


def check_source(where: str, value: object, *, null: bool = False) -> list[CheckMessage]:
    """Check how querysets are to be read; with `null` it may also be None."""
    if isinstance(value, property) or (null and value is None) or value in SOURCES:
        return []
    return must_be(
        f"one of {', '.join(map(repr, SOURCES))}",
        where,
        value,
        hint="'auto', the default, chooses by the database and the order of the list.",
        check_id="drf_streaming.E011",
    )


def check_isolation(where: str, value: object) -> list[CheckMessage]:
    """Check of which moment the queries of a stream are to be."""
    if value is None or isinstance(value, property) or value == REPEATABLE_READ:
        return []
    return must_be(
        f"{REPEATABLE_READ!r} or None",
        where,
        value,
        hint="None, the default, leaves it to the settings of the database.",
        check_id="drf_streaming.E012",
    )


def check_hold(where: str, value: object) -> list[CheckMessage]:
    """Check whether connections are to be kept."""
    if isinstance(value, bool):
        return []
    return must_be(
        "True or False",
        where,
        value,
        hint="False, the default, gives connections back while a stream of events waits.",
        check_id="drf_streaming.E009",
    )
