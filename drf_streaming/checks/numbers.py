"""The checks of numbers, which many settings and attributes are."""

from django.core.checks import CheckMessage

from drf_streaming.bridge import is_time
from drf_streaming.checks.messages import must_be


def check_number(
    where: str, value: object, unit: str, check_id: str, *, at_least: int = 1, null: bool = False
) -> list[CheckMessage]:
    """Check a setting, or an attribute of a class, that must be a whole number.

    Shape: with `null` it may also be None; what a property gives nobody knows here.
    """
    if isinstance(value, property) or (null and value is None):
        return []
    if isinstance(value, int) and not isinstance(value, bool) and value >= at_least:
        return []
    alternative = ", or None" if null else ""
    return must_be(
        f"a number of {unit}",
        where,
        value,
        hint=f"A whole number from {at_least} up{alternative}.",
        check_id=check_id,
    )


def check_seconds(where: str, value: object) -> list[CheckMessage]:
    """Check a setting, or an attribute of a class, that must be a time in seconds, or None."""
    if isinstance(value, property) or is_time(value):
        return []
    return must_be(
        "a number of seconds",
        where,
        value,
        hint="A number above 0, or None for never.",
        check_id="drf_streaming.E008",
    )
