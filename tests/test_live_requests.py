# ruff: noqa: F811  # a fixture of another module
"""Streams of events through Django's own handlers, as servers call them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import path

from drf_streaming.decorators import sse_stream
from live_uses import Use
from test_snapshots import configurations, configured  # noqa: F401

on = pytest.mark.parametrize


class Seen:
    """What one request has used, and whether it was in a transaction there."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.atomic: list[bool] = []
        self.go_on = threading.Event()

    def use(self) -> None:
        self.uses.append(Use())
        self.atomic.append(connection.in_atomic_block)

    def sync(self) -> Iterator[str]:
        self.use()
        yield "asked"
        assert self.go_on.wait(20)

    async def asynchronous(self) -> AsyncIterator[str]:
        await sync_to_async(self.use)()
        yield "asked"
        while not self.go_on.is_set():
            await asyncio.sleep(0.01)

    def is_over(self) -> bool:
        """Tell whether nothing is held, while the source waits; then let it end."""
        try:
            return all(use.is_over() for use in self.uses)
        finally:
            self.go_on.set()


requests: list[Seen] = []


@sse_stream(authentication_classes=[], permission_classes=[])
def live(request: Any, kind: str) -> Any:
    requests.append(Seen())
    requests[-1].use()
    return getattr(requests[-1], kind)()


urlpatterns = [path("<kind>/", live)]


@pytest.fixture(autouse=True)
def urls(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@on("kind", ["sync", "asynchronous"])
@on("configured", configurations(), indirect=True)
def test_under_wsgi_the_transaction_ends_with_the_view_and_nothing_is_held(
    configured: None, kind: str
):
    body = WSGIHandler()(RequestFactory().get(f"/{kind}/").environ, lambda *args: None)
    over: list[bool] = []
    looking = threading.Thread(target=lambda: over.append(requests[-1].is_over()))
    received = b""
    for block in body:
        received += block
        if block == b"data: asked\n\n":
            looking.start()
    body.close()
    looking.join()
    assert received == b"retry: 3000\n:\ndata: asked\n\n"
    atomic = connection.settings_dict["ATOMIC_REQUESTS"]
    assert (requests[-1].atomic, over) == ([atomic, False], [True])


@on("kind", ["sync", "asynchronous"])
@on("configured", configurations(), indirect=True)
async def test_under_asgi_the_transaction_ends_with_the_view_and_nothing_is_held(
    configured: None, kind: str
):
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    asked = [{"type": "http.request"}]

    async def receive() -> dict[str, Any]:
        return asked.pop() if asked else await asyncio.Future()

    scope = AsyncRequestFactory().get(f"/{kind}/").scope
    serving = asyncio.create_task(ASGIHandler()(scope, receive, messages.put))
    received = b""
    async with asyncio.timeout(20):
        while not received.endswith(b"data: asked\n\n"):
            received += (await messages.get()).get("body", b"")
        over = await asyncio.to_thread(requests[-1].is_over)
        await serving
    atomic = connection.settings_dict["ATOMIC_REQUESTS"]
    assert (requests[-1].atomic, over) == ([atomic, False], True)
