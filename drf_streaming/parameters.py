"""What a request asks of a stream besides its format: where it begins, marks, a count."""

from re import fullmatch

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from drf_streaming import settings
from drf_streaming.events import END_ID, LAST_EVENT_ID

LAST_EVENT_ID_PARAMETER = "last_event_id"
# The settings that name a query parameter; none of these is a filter of the list.
PARAMETERS = ("QUERY_PARAMETER", "AFTER_PARAMETER", "MARKS_PARAMETER", "COUNT_PARAMETER")


class Start:
    """The place that a request wants to continue from.

    Shape: `source` is the header or query parameter that names it.
    """

    def __init__(self, source: str, token: str) -> None:
        self.source = source
        self.token = token

    @property
    def is_end(self) -> bool:
        """Tell whether this is the end of the list, after which nothing comes."""
        return self.token == END_ID

    def refusal(self, reason: str) -> ValidationError:
        """Return the error that says why this is no place to continue from."""
        return ValidationError({self.source: [reason]})


def start_of(request: Request, *, events: bool) -> Start | None:
    """Return where a request wants to continue; a header is newer than the URL it comes with."""
    if events and (token := request.headers.get(LAST_EVENT_ID)):
        return Start(LAST_EVENT_ID, token)
    parameters = [LAST_EVENT_ID_PARAMETER] if events else []
    for parameter in [*parameters, settings.get("AFTER_PARAMETER")]:
        if token := request.query_params.get(parameter):
            return Start(parameter, token)
    return None


def marks_of(request: Request) -> int:
    """Return after how many rows each a request wants a mark; with 1 only at the end.

    Errors: ValidationError for what is no whole number.
    """
    return _number(request, "MARKS_PARAMETER", "a whole number of rows, or 1 for the end")


def counts(request: Request) -> bool:
    """Tell whether a request wants to know how many rows there are.

    Errors: ValidationError for what is neither 0 nor 1.
    """
    return bool(_number(request, "COUNT_PARAMETER", "1 for a count, or 0", most=1))


def _number(request: Request, setting: str, expected: str, most: int = 999_999_999) -> int:
    parameter = settings.get(setting)
    wanted = request.query_params.get(parameter)
    if wanted is None:
        return 0
    if not fullmatch("[0-9]{1,9}", wanted) or int(wanted) > most:
        raise ValidationError({parameter: [f"Expected {expected}, got {wanted!r}."]})
    return int(wanted)
