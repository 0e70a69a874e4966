"""Events that nobody has yet: a session, a query, one event, and then a client that waits."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import django_flosse.decorators
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from restflow.responses import SSEResponse

from drf_streaming.decorators import sse_stream

from .models import Customer

LONG = 3600


async def events(request: Any) -> AsyncIterator[dict[str, str]]:
    user = await request.auser()
    yield {"data": f"{user.get_username()}, customers: {await Customer.objects.acount()}"}
    await asyncio.sleep(LONG)


async def restflow(request: HttpRequest) -> Any:
    return SSEResponse(events(request))


def sign_in(request: HttpRequest) -> HttpResponse:
    user, _ = User.objects.get_or_create(username="listener")
    login(request, user)
    return HttpResponse()


def page(request: HttpRequest) -> HttpResponse:
    """Answer an ordinary request, which needs the database too."""
    return HttpResponse(str(Customer.objects.count()))


PEERS = {
    "drf_streaming": sse_stream(
        events,
        authentication_classes=[SessionAuthentication],
        permission_classes=[IsAuthenticated],
    ),
    "django-flosse": django_flosse.decorators.sse_stream(events),
    "restflow": restflow,
}
