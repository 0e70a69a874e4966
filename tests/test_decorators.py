"""`@sse_stream` on functions and methods, in DRF's views and outside of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path
from django.views import View
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.decorators import action, api_view
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.throttling import BaseThrottle
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from drf_streaming.decorators import sse_stream
from drf_streaming.events import SSEEvent
from drf_streaming.test import aread_events, read_events

on = pytest.mark.parametrize
EVENTS = "text/event-stream"


class Header(BasicAuthentication):
    """Take the name in a header for the user."""

    def authenticate(self, request: Any) -> Any:
        name = request.headers.get("X-User")
        if name == "wrong":
            raise AuthenticationFailed("No such user.")
        return (User(username=name, is_staff=name == "admin"), "token") if name else None

    def authenticate_header(self, request: Any) -> str:
        return "X-User"


class Never(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> int:
        return 7


GUARDED: dict[str, Any] = {
    "authentication_classes": [Header],
    "permission_classes": [IsAdminUser],
}


def numbers(request: Any, n: int = 2) -> Iterator[int]:
    yield from range(n)


async def anumbers(request: Any, n: int = 2) -> AsyncIterator[int]:
    for number in range(n):
        yield number


def listed(request: Any, n: int = 2) -> list[int]:
    return list(range(n))


def made(request: Any, n: int = 2) -> AsyncIterator[int]:
    return anumbers(request, n)


async def awaited(request: Any, n: int = 2) -> AsyncIterator[int]:
    await asyncio.sleep(0)
    return anumbers(request, n)


SOURCES = [numbers, anumbers, listed, made, awaited]
of_each_source = on("source", SOURCES)


def in_a_view(source: Any, base: type, **options: Any) -> Any:
    """Return the view of a class with this source as the method that answers GET."""

    def method(self: Any, request: Any, **kwargs: Any) -> Any:
        return source(request, **kwargs)

    return type("V", (base,), {"get": sse_stream(**options)(method)}).as_view()


def in_an_action(source: Any, **options: Any) -> Any:
    def live(self: Any, request: Any, **kwargs: Any) -> Any:
        return source(request, **kwargs)

    decorated = action(detail=False)(sse_stream(**options)(live))
    return type("V", (GenericViewSet,), {"live": decorated}).as_view({"get": "live"})


PLACES = {
    "function": lambda source, **options: sse_stream(**options)(source),
    "View": lambda source, **options: in_a_view(source, View, **options),
    "APIView": lambda source, **options: in_a_view(source, APIView, **options),
    "action": in_an_action,
}
in_each_place = on("place", PLACES)


def ask(view: Any, method: str = "get", *, accept: str = EVENTS, **headers: str) -> Any:
    request = getattr(RequestFactory(), method)("/", headers={"Accept": accept, **headers})
    response = view(request)
    if hasattr(response, "render"):
        response.render()
    return response


def data(response: Any) -> list[str]:
    assert response.headers["Content-Type"] == EVENTS
    return [event.data for event in read_events(response)]


@in_each_place
@of_each_source
def test_a_function_that_gives_items_is_a_view_of_events(place: str, source: Any):
    response = ask(PLACES[place](source))
    assert response.status_code == 200
    assert data(response) == ["0", "1"]


@on("accept", ["*/*", "application/json", EVENTS])
@in_each_place
def test_whatever_is_accepted_the_answer_are_events(place: str, accept: str):
    assert data(ask(PLACES[place](numbers), accept=accept)) == ["0", "1"]


def test_it_decorates_bare_and_with_arguments():
    assert data(ask(sse_stream(numbers))) == ["0", "1"]
    assert data(ask(sse_stream()(numbers))) == ["0", "1"]
    response = ask(sse_stream(retry=5, encoder=JSONEncoder)(numbers))
    assert b"".join(response).startswith(b"retry: 5\n:\n")


def test_a_view_keeps_the_name_and_the_docstring_of_the_function():
    @sse_stream
    def ticks(request: Any) -> Iterator[int]:
        """Tick."""
        yield 1

    assert (ticks.__name__, ticks.__doc__) == ("ticks", "Tick.")


@in_each_place
def test_arguments_of_the_url_arrive(place: str):
    view = PLACES[place](numbers)
    response = view(RequestFactory().get("/"), n=3)
    assert data(response) == ["0", "1", "2"]


@in_each_place
def test_options_are_those_of_the_response(place: str):
    view = PLACES[place](numbers, heartbeat=1, max_age=2, send_timeout=3, hold_connections=True)
    live = ask(view)._live
    assert (live.heartbeat, live.max_age, live.send_timeout) == (1, 2, 3)
    assert live.hold_connections is True


@in_each_place
@on(
    ("user", "status"),
    [("admin", 200), ("somebody", 403), ("", 401), ("wrong", 401)],
)
def test_authentication_and_permissions_are_drfs(place: str, user: str, status: int):
    response = ask(PLACES[place](numbers, **GUARDED), **{"X-User": user})
    assert response.status_code == status
    if status == 401:
        assert response.headers["WWW-Authenticate"] == "X-User"
    if status != 200:
        assert response.headers["Content-Type"] == EVENTS
        assert b"detail" in response.content


@in_each_place
def test_those_who_do_not_ask_for_events_get_errors_as_json(place: str):
    response = ask(PLACES[place](numbers, **GUARDED), accept="*/*")
    assert json.loads(response.content) == {
        "detail": "Authentication credentials were not provided."
    }


@in_each_place
def test_throttles_are_drfs(place: str):
    response = ask(PLACES[place](numbers, throttle_classes=[Never]))
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


@on("place", ["function", "View"])
def test_outside_of_drf_the_defaults_of_drf_hold(place: str, monkeypatch: Any):
    monkeypatch.setattr(APIView, "permission_classes", [IsAuthenticated])
    assert ask(PLACES[place](numbers)).status_code in (401, 403)


@on("guard", [[IsAdminUser], [AllowAny]])
def test_classes_of_a_method_replace_those_of_its_view(guard: Any):
    class Live(APIView):
        authentication_classes = [Header]
        permission_classes = [IsAuthenticated]

        @sse_stream(permission_classes=guard)
        def get(self, request: Any) -> Iterator[int]:
            yield 1

        def post(self, request: Any) -> Response:
            return Response([])

    assert ask(Live.as_view()).status_code == (200 if guard == [AllowAny] else 401)
    assert ask(Live.as_view(), "post", accept="*/*").status_code == 401


def test_only_the_method_that_streams_accepts_events():
    class Live(APIView):
        @sse_stream
        def get(self, request: Any) -> Iterator[int]:
            yield 1

        def post(self, request: Any) -> Response:
            return Response([])

    assert ask(Live.as_view()).status_code == 200
    assert ask(Live.as_view(), "post").status_code == 406


class Named:
    """A part of views, of DRF or not."""

    @sse_stream(**GUARDED)
    def get(self, request: Any) -> Iterator[str]:
        yield request.user.username


@on("base", [View, APIView])
def test_a_method_may_come_from_a_mixin(base: type):
    view = type("V", (Named, base), {}).as_view()
    assert data(ask(view, **{"X-User": "admin"})) == ["admin"]
    assert ask(view).status_code == 401


def test_a_class_may_have_several_streams_and_its_own_way_to_requests():
    seen = []

    class Live(GenericViewSet):
        def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(self.permission_classes)
            return super().initialize_request(request, *args, **kwargs)

        @action(detail=False)
        @sse_stream(**GUARDED)
        def first(self, request: Any) -> Iterator[str]:
            yield "first"

        @action(detail=False)
        @sse_stream
        async def second(self, request: Any) -> AsyncIterator[str]:
            yield "second"

    assert data(ask(Live.as_view({"get": "first"}), **{"X-User": "admin"})) == ["first"]
    assert ask(Live.as_view({"get": "first"})).status_code == 401
    assert data(ask(Live.as_view({"get": "second"}))) == ["second"]
    assert seen == [[IsAdminUser], [IsAdminUser], [AllowAny]]
    assert [each.url_name for each in Live.get_extra_actions()] == ["first", "second"]


def test_the_function_gets_the_request_of_drf():
    @sse_stream(authentication_classes=[Header])
    def me(request: Any) -> Iterator[list[str]]:
        yield [request.user.username, request.auth, request.query_params["a"], request.GET["a"]]

    request = RequestFactory().get("/?a=b", headers={"X-User": "somebody"})
    assert data(me(request)) == ['["somebody","token","b","b"]']


@in_each_place
def test_forced_authentication_of_tests_holds(place: str):
    request = APIRequestFactory().get("/")
    force_authenticate(request, User(username="x", is_staff=True))
    assert PLACES[place](numbers, **GUARDED)(request).status_code == 200


@in_each_place
def test_head_has_the_headers_and_asks_the_source_for_nothing(place: str):
    asked = []

    def source(request: Any) -> Iterator[int]:
        asked.append(True)
        yield 1

    response = ask(PLACES[place](source), "head")
    assert (response.status_code, response.headers["Content-Type"]) == (200, EVENTS)
    assert (b"".join(response), asked) == (b"", [])


def test_a_format_in_the_query_string_is_the_functions_own():
    response = sse_stream(numbers)(RequestFactory().get("/?format=short"))
    assert data(response) == ["0", "1"]


@in_each_place
@on("answer", [HttpResponse(status=204), Response(status=204)])
def test_a_response_is_sent_as_it_is(place: str, answer: Any):
    assert ask(PLACES[place](lambda request: answer)).status_code == 204


@on(
    "item",
    [
        "text",
        ("tick", "text"),
        ("tick", "text", 7),
        {"data": "text"},
        {"data": "text", "event": "tick", "id": 7, "retry": 5},
        SSEEvent("text", event="tick", id="7"),
    ],
)
def test_each_kind_of_item_is_an_event(item: Any):
    response = ask(sse_stream(lambda request: [item]))
    (event,) = read_events(response)
    assert event.data == "text"


def test_data_may_hold_times_decimals_and_uuids():
    item = {
        "at": datetime(2013, 1, 1, 5, tzinfo=UTC),
        "price": Decimal("1.50"),
        "key": UUID(int=7),
    }
    for each in (item, ("tick", item), {"data": item}, SSEEvent(item)):
        (event,) = read_events(ask(sse_stream(lambda request, each=each: [each])))
        assert json.loads(event.data) == {
            "at": "2013-01-01T05:00:00Z",
            "price": "1.50",
            "key": "00000000-0000-0000-0000-000000000007",
        }


class TestWrongUse:
    @on("wrong", [5, None, "events", View, staticmethod(numbers), classmethod(numbers)])
    def test_what_is_no_function_is_refused_at_once(self, wrong: Any):
        with pytest.raises(TypeError, match="@sse_stream decorates a function or a method, got"):
            sse_stream()(wrong)

    @on(
        ("options", "error", "message"),
        [
            ({"retry": "3000"}, ValueError, "whole number of milliseconds, got '3000'"),
            ({"heartbeat": 0}, ValueError, "heartbeat must be a number of seconds above 0"),
            ({"hold_connections": "no"}, ValueError, "must be True or False, got 'no'"),
            ({"max_age": "1h"}, ValueError, "max_age must be .* got '1h'"),
            ({"encoder": dict}, TypeError, "encoder must be a subclass"),
            ({"permission_classes": IsAdminUser}, TypeError, "permission_classes must be a list"),
            ({"throttle_classes": ["x"]}, TypeError, r"must be a list of classes, got \['x'\]"),
            ({"events": [int]}, TypeError, "events must be a dict of what each event holds, got"),
            ({"events": {"a\nb": int}}, ValueError, "event must not contain CR or LF"),
            ({"events": {1: int}}, ValueError, "event must be text, got 1"),
        ],
    )
    def test_a_wrong_option_is_refused_at_once(
        self, options: Any, error: type[Exception], message: str
    ):
        with pytest.raises(error, match=message):
            sse_stream(**options)

    def test_a_wrong_setting_is_left_to_the_system_check(self, settings: Any):
        settings.DRF_STREAMING = {"HEARTBEAT": "often"}
        sse_stream(numbers)

    @in_each_place
    @on("given", [None, 5, "text", {"data": 1}])
    def test_a_function_that_gives_no_items_fails_before_the_first_byte(
        self, place: str, given: Any
    ):
        with pytest.raises(TypeError, match=r"must yield events, or return an iterable .* got"):
            ask(PLACES[place](lambda request: given))

    @in_each_place
    def test_a_coroutine_that_returns_nothing_fails_before_the_first_byte(self, place: str):
        async def nothing(request: Any) -> None:
            """Forget to yield."""

        message = r"nothing\(\) .* must yield events.* got None|method\(\)|live\(\)"
        with pytest.raises(TypeError, match=message):
            ask(PLACES[place](nothing))

    def test_a_call_without_a_request_is_refused(self):
        with pytest.raises(TypeError, match=r"numbers\(\) must be called with a request, got"):
            sse_stream(numbers)("request")

    def test_permissions_that_drf_could_not_see_are_refused(self):
        view = api_view(["GET"])(sse_stream(**GUARDED)(numbers))
        with pytest.raises(ImproperlyConfigured, match=r"checked this request without the auth"):
            ask(view, accept="*/*")
        assert data(ask(api_view(["GET"])(sse_stream(numbers)), accept="*/*")) == ["0", "1"]


@sse_stream(permission_classes=[IsAuthenticated], authentication_classes=[SessionAuthentication])
async def whoami(request: Any) -> AsyncIterator[str]:
    yield request.user.username
    yield (await User.objects.aget(pk=request.user.pk)).username


class Who(APIView):
    @sse_stream(
        permission_classes=[IsAuthenticated], authentication_classes=[SessionAuthentication]
    )
    async def get(self, request: Any) -> AsyncIterator[str]:
        yield request.user.username


urlpatterns = [path("function", whoami), path("view", Who.as_view())]


@pytest.mark.django_db
class TestSessions:
    @pytest.fixture(autouse=True)
    def urls(self, settings: Any) -> None:
        settings.ROOT_URLCONF = __name__

    @on("url", ["/function", "/view"])
    def test_a_session_counts_under_wsgi(self, url: str):
        client = Client(headers={"Accept": EVENTS})
        assert client.get(url).status_code == 403
        client.force_login(User.objects.create(username="somebody"))
        assert set(data(client.get(url))) == {"somebody"}

    @on("url", ["/function", "/view"])
    def test_a_session_counts_under_asgi(self, url: str):
        async def ask() -> Any:
            response = await client.get(url)
            return response.status_code, await aread_events(response) if response.streaming else []

        client = AsyncClient(headers={"Accept": EVENTS})
        assert async_to_sync(ask)() == (403, [])
        client.force_login(User.objects.create(username="somebody"))
        status, events = async_to_sync(ask)()
        assert (status, {event.data for event in events}) == (200, {"somebody"})
