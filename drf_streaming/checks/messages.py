"""What every check says of a value that cannot be."""

from django.core.checks import CheckMessage, Error


def must_be(
    expected: str, where: str, value: object, *, hint: str, check_id: str
) -> list[CheckMessage]:
    """Return the error of a setting, or of an attribute of a class, that is not what it must be."""
    return [Error(f"{where} must be {expected}, got {value!r}.", hint=hint, id=check_id)]
