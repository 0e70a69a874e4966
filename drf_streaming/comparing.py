"""Which values a query compares as it gave them: what else has no place in an order."""

from typing import Any

from django.db.models import (
    AutoField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    FloatField,
    ForeignKey,
    GenericIPAddressField,
    IntegerField,
    TextField,
    TimeField,
    UUIDField,
)
from django.db.models.expressions import Col
from django.db.models.functions import Now, Random
from django.db.models.functions.datetime import TruncBase

# What equals itself again as a parameter of a query, and goes into a token and back.
_COMPARABLE = (
    AutoField,
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    DurationField,
    FloatField,
    GenericIPAddressField,
    IntegerField,
    TextField,
    TimeField,
    UUIDField,
)
_VALUES = ("to_python", "get_prep_value", "get_db_prep_value")


class NoPlace(Exception):
    """Say why the rows of a list have no place that it could be continued from."""


def check_comparable(name: str, field: Any) -> None:
    """Refuse a column whose values the project or the database makes something else of.

    Errors: NoPlace.
    """
    kind = type(target(field))
    own = [each for each in _VALUES if not getattr(kind, each).__module__.startswith("django.")]
    if own or not issubclass(kind, _COMPARABLE) or hasattr(kind, "from_db_value"):
        raise NoPlace(f"it is ordered by {name}, and {kind.__name__} may not compare as it is")


def check_computed(name: str, annotation: Any, field: Any, vendor: str) -> None:
    """Refuse what the next query computes otherwise, or gives in another precision or zone.

    Errors: NoPlace.
    """
    if isinstance(annotation, Col):
        return
    parts = [*annotation.flatten()]
    inexact = isinstance(field, FloatField) or (
        isinstance(field, DecimalField) and vendor in ("sqlite", "mysql")
    )
    # Django compares what it truncated in local time with a moment in UTC.
    local = isinstance(field, DateTimeField) and any(isinstance(e, TruncBase) for e in parts)
    if inexact or local or any(isinstance(each, Now | Random) for each in parts):
        raise NoPlace(f"it is ordered by {name}, which is computed and may not compare as it is")


def target(field: Any) -> Any:
    """Return the field whose values a field has: for a foreign key that of the key."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field
