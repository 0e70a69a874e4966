"""The view that an `@sse_stream` is: a function that gives events, behind DRF's policies."""

from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from inspect import isawaitable, isclass
from types import MethodType
from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views import View
from rest_framework.exceptions import NotAcceptable
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from drf_streaming.renderers import SSERenderer
from drf_streaming.responses import SSEResponse
from drf_streaming.sources import rows_of


class EventStream:
    """Be a view function; or a method of a view, whose class then accepts `text/event-stream`.

    Shape: `told` is what events hold, by their names, as far as it was told.
    """

    def __init__(
        self,
        source: Callable[..., Any],
        options: dict[str, Any],
        policies: dict[str, Any],
        told: Mapping[str, Any],
    ) -> None:
        if not callable(source) or isclass(source) or isinstance(source, staticmethod):
            raise TypeError(f"@sse_stream decorates a function or a method, got {source!r}")
        update_wrapper(self, source)
        self._source = source
        self._options = options
        self._policies = policies
        self.told = told
        self._gates = [
            _Gate.as_view(respond=partial(self._pass, at), **policies) for at in range(2)
        ]

    def __set_name__(self, owner: type, name: str) -> None:
        if issubclass(owner, APIView) or not issubclass(owner, View):
            _introduce(self, owner)

    def __get__(self, view: Any, owner: type | None = None) -> Any:
        return self if view is None else MethodType(self, view)

    def __call__(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a request with the events of the source."""
        at = next((n for n, each in enumerate(args[:2]) if _is_request(each)), None)
        if at is None:
            raise TypeError(f"{self._name} must be called with a request, got {args[:2]!r}")
        if isinstance(args[at], Request):
            self._expect_policies(args[0])
            return self._respond(args[at], args, kwargs)
        return self._gates[at](args[at], *args[:at], *args[at + 1 :], **kwargs)

    def prepare(self, view: APIView) -> None:
        """Let a view of DRF ask for what was given here, and answer in the format of events."""
        for name, classes in self._policies.items():
            setattr(view, name, classes)
        view.renderer_classes = [*view.renderer_classes, SSERenderer]
        view._sse_stream = self  # type: ignore[attr-defined]
        view.always_streams = True  # type: ignore[attr-defined]

    @property
    def _name(self) -> str:
        return f"{getattr(self._source, '__qualname__', self._source)}()"

    def _expect_policies(self, view: object) -> None:
        if self._policies and getattr(view, "_sse_stream", None) is not self:
            raise ImproperlyConfigured(
                f"DRF has checked this request without the {', '.join(self._policies)} of "
                f"{self._name}. Make @sse_stream the decorator next to a method of the view's "
                "class; with @api_view, use DRF's own decorators."
            )

    def _pass(self, at: int, request: Request, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._respond(request, (*args[:at], request, *args[at:]), kwargs)

    def _respond(
        self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase:
        items = () if request.method == "HEAD" else self._items(args, kwargs)
        if isinstance(items, HttpResponseBase):
            return items
        response = SSEResponse(items, **self._options)
        if request.method == "HEAD":
            response.streaming_content = ()
        response.close_with(request._request)
        return response

    def _items(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = self._source(*args, **kwargs)
        if isawaitable(given):
            given = async_to_sync(_wait_for)(given)
        try:
            return given if isinstance(given, HttpResponseBase) else rows_of(given)
        except TypeError:
            raise TypeError(
                f"{self._name} is decorated with @sse_stream: it must yield events, or return an "
                f"iterable of them or a response; got {given!r}"
            ) from None


def _is_request(each: object) -> bool:
    return isinstance(each, HttpRequest | Request)


async def _wait_for(given: Any) -> Any:
    return await given


def _introduce(stream: EventStream, owner: Any) -> None:
    """Let views of this class learn of the stream before they look at a request to it."""
    own = vars(owner).get("initialize_request")

    def initialize_request(view: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        method = "get" if request.method == "HEAD" else str(request.method).lower()
        called = (getattr(view, "action_map", None) or {}).get(method, method)
        if getattr(type(view), called, None) is stream:
            stream.prepare(view)
        ordinary = super(owner, view).initialize_request if own is None else partial(own, view)
        initialized: Request = ordinary(request, *args, **kwargs)
        return initialized

    owner.initialize_request = initialize_request


class _Gate(APIView):
    """Stand before a function outside of DRF with DRF's authentication, permissions, throttles."""

    respond: Any = None
    always_streams = True
    renderer_classes = (JSONRenderer, SSERenderer)

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Choose the format of errors; whoever asks for events gets events."""
        try:
            return super().perform_content_negotiation(request, force)
        except (NotAcceptable, Http404):
            return SSERenderer(), SSERenderer.media_type

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer as the function does."""
        answer: HttpResponseBase = self.respond(request, *args, **kwargs)
        return answer

    post = put = patch = delete = get
