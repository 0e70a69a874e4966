"""What middleware does around a view, and takes back when the view has returned."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import iscoroutinefunction

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation
from django.utils.decorators import sync_and_async_middleware, sync_only_middleware

tenant = ContextVar("tenant", default="nobody")

GetResponse = Callable[[HttpRequest], HttpResponseBase]
AsyncGetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@contextmanager
def the_context_of(request: HttpRequest) -> Iterator[None]:
    """Set language, time zone and a context variable as the request's header X-Tenant says."""
    if (name := request.headers.get("X-Tenant")) is None:
        yield
        return
    token = tenant.set(name)
    try:
        with translation.override("fr"), timezone.override("Asia/Tokyo"):
            yield
    finally:
        tenant.reset(token)


@sync_and_async_middleware
def context(get_response: GetResponse | AsyncGetResponse) -> GetResponse | AsyncGetResponse:
    if not iscoroutinefunction(get_response):
        return sync_context(get_response)

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        with the_context_of(request):
            return await get_response(request)

    return middleware


@sync_only_middleware
def sync_context(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        with the_context_of(request):
            return get_response(request)

    return middleware
