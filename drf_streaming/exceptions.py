"""The errors of this package."""

from rest_framework import status
from rest_framework.exceptions import APIException


class TooManyRows(APIException):
    """Refuse, or break off, a stream that has more rows than the view allows."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "too_many_rows"

    def __init__(self, found: int, limit: int, *, exact: bool) -> None:
        more = "" if exact else " or more"
        super().__init__(
            f"Found {found}{more} rows; at most {limit} can be streamed. "
            "Ask for fewer with the filters of this endpoint."
        )


class Gone(APIException):
    """Refuse to continue a list at a row that is no longer in it."""

    status_code = status.HTTP_410_GONE
    default_code = "gone"
    default_detail = (
        "The row that this list was to be continued after is no longer in it. "
        "Ask for the list from its beginning."
    )


class TimedOut(APIException):
    """Break off a stream that takes longer than the view allows."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "timed_out"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"A stream may take {seconds:g} seconds here. Ask for the rest after the last row, "
            "where the list has places, or for fewer rows."
        )


class UnknownColumn(ValueError):
    """Refuse an item that CSV could only write by losing a value."""
