"""Which renderer a request asks for, where DRF's own negotiation cannot say."""

from collections.abc import Sequence

from django.http import Http404
from django.http.request import MediaType
from rest_framework.exceptions import NotAcceptable, ValidationError
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings

from drf_streaming import settings

Chosen = tuple[BaseRenderer, str]


def by_name(
    request: Request,
    own: Sequence[BaseRenderer],
    streaming: Sequence[BaseRenderer],
    negotiator: BaseContentNegotiation,
) -> Chosen | None:
    """Return what the query parameter asks for, if it is there.

    Errors: ValidationError for a name that no renderer has.
    """
    parameter = settings.get("QUERY_PARAMETER")
    name = request.query_params.get(parameter)
    if name is None:
        return None
    for renderer in streaming:
        if renderer.format == name:
            return renderer, _with_parameters(renderer, request, own, negotiator)
    known = ", ".join(renderer.format for renderer in streaming)
    raise ValidationError({parameter: [f"Unknown format {name!r}. Choose one of: {known}."]})


def _with_parameters(
    renderer: BaseRenderer,
    request: Request,
    own: Sequence[BaseRenderer],
    negotiator: BaseContentNegotiation,
) -> str:
    """Return the media type with the parameters that `Accept` gives, such as a version."""
    if _reads_accept(negotiator) and ";" not in request.META.get("HTTP_ACCEPT", ""):
        return str(renderer.media_type)
    try:
        _, accepted = negotiator.select_renderer(request, [renderer, *own], None)
    except (NotAcceptable, Http404):
        return str(renderer.media_type)
    _, semicolon, parameters = accepted.partition(";")
    return f"{renderer.media_type}{semicolon}{parameters}"


def by_header(
    request: Request,
    own: Sequence[BaseRenderer],
    streaming: Sequence[BaseRenderer],
    negotiator: BaseContentNegotiation,
    suffix: str | None,
) -> Chosen:
    """Let DRF choose, but give the weights in `Accept` the meaning that DRF does not.

    Shape: a renderer that `Accept` never chooses is offered only where the format is named.
    """
    named = _names_format(request, suffix)
    streaming = [each for each in streaming if named or getattr(each, "negotiated", True)]
    offered = [*own, *streaming]
    if _reads_accept(negotiator) and not named:
        preferred = _preferred(request, offered)
        if preferred is not None:
            offered = [preferred] if preferred in streaming else [*own]
    choice: Chosen = negotiator.select_renderer(request, offered, suffix)
    return choice


def _reads_accept(negotiator: BaseContentNegotiation) -> bool:
    """Tell whether it is DRF's own, and not one that decides by something else."""
    found, ours = type(negotiator), DefaultContentNegotiation
    return all(
        getattr(found, name, None) is getattr(ours, name)
        for name in ("select_renderer", "get_accept_list")
    )


def _preferred(request: Request, offered: Sequence[BaseRenderer]) -> BaseRenderer | None:
    # Django puts the best range first: by weight, then by how exact it is.
    for accepted in request.accepted_types:
        for renderer in offered:
            if _matches(accepted, MediaType(renderer.media_type or "")):
                return renderer
    return None


def _matches(accepted: MediaType, offered: MediaType) -> bool:
    """Compare type and subtype; what parameters mean is for DRF to say."""
    return accepted.main_type in ("*", offered.main_type) and accepted.sub_type in (
        "*",
        offered.sub_type,
    )


def _names_format(request: Request, suffix: str | None) -> bool:
    """Tell whether a suffix or DRF's own parameter says the format."""
    override = api_settings.URL_FORMAT_OVERRIDE
    return bool(suffix or (override and request.query_params.get(override)))
