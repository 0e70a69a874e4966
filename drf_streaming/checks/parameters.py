"""The check of query parameters that mean two things."""

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage

from drf_streaming import settings
from drf_streaming.parameters import LAST_EVENT_ID_PARAMETER, PARAMETERS


def check_parameters(name: str, view: Any) -> list[CheckMessage]:
    """Warn where a filter or the pagination of a view takes a query parameter of this package."""
    ours = [
        (settings.get(each), f", or set {settings.NAME}[{each!r}] to another")
        for each in PARAMETERS
    ]
    owners = [*getattr(view, "filter_backends", ()), getattr(view, "pagination_class", None)]
    return [
        checks.Warning(
            f"{name}: {owner.__name__} takes the query parameter {parameter!r}, which means "
            "something else to a stream.",
            hint=f"Use another name there{alternative}.",
            id="drf_streaming.W002",
        )
        for owner in filter(None, owners)
        for parameter in _parameters(owner, view)
        for our, alternative in [*ours, (LAST_EVENT_ID_PARAMETER, "")]
        if parameter == our
    ]


def _parameters(owner: Any, view: Any) -> list[str]:
    """Return what is known of the query parameters that a filter or a pagination takes."""
    try:
        if hasattr(owner, "get_filterset_class"):
            # django-filter does not tell it as DRF's own classes do.
            filterset = owner().get_filterset_class(view(), view.queryset)
            return [*filterset.base_filters] if filterset else []
        return [each["name"] for each in owner().get_schema_operation_parameters(view())]
    except Exception:
        # It needs a request to know, or is of another kind.
        return []
