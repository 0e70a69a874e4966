"""How many streams may be open: which requests count, and for how long."""

import asyncio
import gc
import logging
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from adrf.viewsets import GenericViewSet as AsyncGenericViewSet
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.db import OperationalError, connection
from django.http import HttpResponse, HttpResponseBase
from django.test import AsyncRequestFactory, override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from clients import read_until
from drf_streaming import checks, leases
from drf_streaming.decorators import sse_stream
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.leases import Lease
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.renderers import NDJSONRenderer
from drf_streaming.responses import NDJSONResponse
from drf_streaming.test import OpenStream, leave, open_items
from drf_streaming.throttling import OpenStreamsThrottle
from flights.views import AirlineViewSet
from servers import Server, eventually, url_of
from streamtests import settings as test_settings

pytestmark = pytest.mark.django_db

LEASE = 4


@pytest.fixture(scope="session")
def redis_server() -> None:
    """Need a Redis: where `CI` is set a missing one is a failure, elsewhere a reason to skip."""
    url = test_settings.CACHES["redis"]["LOCATION"]
    client = redis.Redis.from_url(url)
    try:
        client.ping()
    except redis.ConnectionError as error:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"no Redis at REDIS_URL = {url}: {error}")
    finally:
        client.close()


@pytest.fixture(scope="session")
def cache_table(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        call_command("createcachetable", verbosity=0)


@pytest.fixture(params=["default", "redis", "database"])
def cache(request: pytest.FixtureRequest) -> str:
    """Return the name of a cache; the default one is that of the process."""
    needs = {"redis": "redis_server", "database": "cache_table"}
    if request.param in needs:
        request.getfixturevalue(needs[request.param])
    return request.param


def throttle(**attributes: Any) -> type[OpenStreamsThrottle]:
    """Return a throttle that counts apart from all others."""
    defaults = {"scope": uuid4().hex, "max_open_streams": 1, "lease": LEASE}
    return type("Throttle", (OpenStreamsThrottle,), defaults | attributes)


class Numbers(StreamingListMixin, APIView):
    """Stream numbers; `?fail` fails before the first."""

    is_async = False

    def get(self, request: Request) -> HttpResponseBase:
        return self.stream(self.arows() if self.is_async else self.rows(), serializer_class=None)

    def rows(self) -> Iterator[dict[str, int]]:
        if "fail" in self.request.query_params:
            raise ZeroDivisionError
        yield from ({"n": n} for n in range(100))

    async def arows(self) -> AsyncIterator[dict[str, int]]:
        for n in range(100):
            yield {"n": n}


@contextmanager
def site(*views: type[APIView], **settings: Any) -> Iterator[APIClient]:
    """Serve each view under its number, counted from 0."""

    class URLs:
        urlpatterns = [path(f"{n}/", view.as_view()) for n, view in enumerate(views)]

    with override_settings(ROOT_URLCONF=URLs, **settings):
        yield APIClient(raise_request_exception=False)


def limited(
    *throttles: type[BaseThrottle], base: type[APIView] = Numbers, **attributes: Any
) -> Any:
    return type("View", (base,), {"throttle_classes": throttles, **attributes})


STREAM = "/0/?stream=ndjson"


def status(client: APIClient, path: str = STREAM, **kwargs: Any) -> int:
    """Return the status of an answer that is closed at once."""
    response = client.get(path, **kwargs)
    leave(response)
    return response.status_code


@contextmanager
def opened(client: APIClient, url: str = STREAM, **kwargs: Any) -> Iterator[OpenStream[Any]]:
    """Read the beginning of a stream, and leave in the end."""
    response: Any = client.get(url, **kwargs)
    assert response.status_code == 200
    with open_items(response) as items:
        next(items)
        yield items


def test_one_stream_too_many_is_refused_with_the_time_to_wait(cache: str):
    with site(limited(throttle(cache_alias=cache, max_open_streams=2))) as client:
        with opened(client), opened(client):
            refused = client.get(STREAM)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
        assert refused.headers["Content-Type"] == "application/x-ndjson"
        with opened(client), opened(client):
            pass


def test_a_stream_that_has_ended_is_open_no_more_when_its_end_is_read(cache: str):
    with site(limited(throttle(cache_alias=cache))) as client, opened(client) as items:
        assert status(client) == 429
        assert list(items)
        assert status(client) == 200


def test_an_async_source_counts_like_a_sync_one(cache: str):
    with (
        site(limited(throttle(cache_alias=cache), is_async=True)) as client,
        opened(client) as items,
    ):
        assert status(client) == 429
        assert list(items)
        assert status(client) == 200


def test_a_client_that_leaves_an_async_source_frees_its_slot():
    with site(limited(throttle(), is_async=True)) as client:
        with opened(client):
            assert status(client) == 429
        assert status(client) == 200


@pytest.mark.parametrize(
    "answer",
    [
        {"path": "/0/"},
        {"path": "/0/", "headers": {"accept": "application/json"}},
        {"path": "/0/?stream=sse", "headers": {"last-event-id": "~end"}},
        {"path": "/0/?stream=ndjson&after=~end"},
    ],
)
def test_what_is_no_stream_is_not_counted_and_not_refused(answer: dict[str, Any]):
    with site(limited(throttle())) as client:
        unclosed = [client.get(**answer) for _ in range(3)]
        with opened(client):
            assert status(client, **answer) in (200, 204)
    assert {response.status_code for response in unclosed} <= {200, 204}


def test_head_is_neither_counted_nor_refused():
    with site(limited(throttle())) as client:
        unclosed = [client.head(STREAM) for _ in range(3)]
        with opened(client):
            assert client.head(STREAM).status_code == 200
    assert {response.status_code for response in unclosed} == {200}


def test_an_action_that_does_not_stream_is_not_counted():
    view = type("View", (AirlineViewSet,), {"throttle_classes": [throttle()]})
    detail = view.as_view({"get": "retrieve"})
    for _ in range(3):
        assert detail(APIRequestFactory().get(STREAM), pk="AA").status_code == 200


class Denies(BaseThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        return False


def test_a_request_that_another_throttle_refuses_frees_its_slot():
    mine = throttle()
    with site(limited(mine, Denies), limited(mine)) as client:
        assert [status(client) for _ in range(3)] == [429] * 3
        assert status(client, "/1/?stream=ndjson") == 200


def test_a_stream_that_fails_before_the_first_byte_frees_its_slot():
    with site(limited(throttle())) as client:
        assert [status(client, f"{STREAM}&fail") for _ in range(3)] == [500] * 3
        assert status(client) == 200


def test_a_response_that_is_never_read_frees_its_slot_when_it_is_closed():
    with site(limited(throttle())) as client:
        response = client.get(STREAM)
        assert status(client) == 429
        leave(response)
        assert status(client) == 200


def replace_response(get_response: Any) -> Any:
    def middleware(request: Any) -> HttpResponse:
        get_response(request)
        return HttpResponse("instead")

    return middleware


def test_a_response_that_middleware_replaces_frees_its_slot():
    middleware = [f"{__name__}.replace_response"]
    with site(limited(throttle()), MIDDLEWARE=middleware) as client:
        assert [client.get(STREAM).content for _ in range(3)] == [b"instead"] * 3


def test_the_slot_is_free_even_if_the_request_cannot_be_closed(rf: Any):
    request = rf.get("/")
    request.close = lambda: 1 / 0
    lease = Lease("default", LEASE)
    lease.release_with(request)
    name = uuid4().hex
    assert lease.take(name, 1)
    with pytest.raises(ZeroDivisionError):
        request.close()
    assert Lease("default", LEASE).take(name, 1)


def test_users_and_addresses_are_counted_apart():
    one, two = User(username="one", pk=1), User(username="two", pk=2)
    with site(limited(throttle())) as client, ExitStack() as stack:
        for user in (one, two):
            client.force_authenticate(user)
            stack.enter_context(opened(client))
            assert status(client) == 429
            assert status(client, REMOTE_ADDR="10.0.0.1") == 429
        client.force_authenticate(None)
        for address in ("10.0.0.1", "10.0.0.2"):
            stack.enter_context(opened(client, REMOTE_ADDR=address))
            assert status(client, REMOTE_ADDR=address) == 429


def test_an_address_behind_proxies_is_what_drf_makes_of_it(settings: Any):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    with (
        site(limited(throttle())) as client,
        opened(client, headers={"x-forwarded-for": "1.1.1.1, 2.2.2.2"}),
    ):
        assert status(client, headers={"x-forwarded-for": "made-up, 2.2.2.2"}) == 429
        assert status(client, headers={"x-forwarded-for": "1.1.1.1, 3.3.3.3"}) == 200


def test_all_together_have_a_limit_too(cache: str):
    both = throttle(cache_alias=cache, max_open_streams=2, max_open_streams_in_all=3)
    with site(limited(both)) as client, ExitStack() as stack:
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
            stack.enter_context(opened(client, REMOTE_ADDR=address))
        assert status(client, REMOTE_ADDR="10.0.0.3") == 429
        stack.pop_all().close()
        # The refused one has left nothing behind.
        with opened(client, REMOTE_ADDR="10.0.0.3"), opened(client, REMOTE_ADDR="10.0.0.3"):
            assert status(client, REMOTE_ADDR="10.0.0.3") == 429


def test_views_share_a_scope_and_scopes_share_nothing():
    mine, other = throttle(), throttle()
    with site(limited(mine), limited(mine), limited(other)) as client, opened(client):
        assert status(client, "/1/?stream=ndjson") == 429
        assert status(client, "/2/?stream=ndjson") == 200


def test_limits_are_those_of_the_settings_where_the_class_has_none():
    unset = throttle(max_open_streams=None, lease=None)
    with site(limited(unset)) as client:
        with opened(client), opened(client):
            assert status(client) == 200
        with override_settings(DRF_STREAMING={"MAX_OPEN_STREAMS": 1}), opened(client):
            assert status(client) == 429
            assert status(client, REMOTE_ADDR="10.0.0.1") == 200
        with override_settings(DRF_STREAMING={"MAX_OPEN_STREAMS_IN_ALL": 1}), opened(client):
            assert status(client, REMOTE_ADDR="10.0.0.1") == 429


def test_a_limit_may_depend_on_the_request_and_be_none_at_all():
    class ByUser(throttle()):  # type: ignore[misc]
        def get_max_open_streams(self, request: Request, view: APIView) -> int | None:
            return None if request.user.is_staff else 0

    with site(limited(ByUser)) as client:
        assert status(client) == 429
        client.force_authenticate(User(username="staff", pk=1, is_staff=True))
        with opened(client), opened(client):
            pass


def test_a_view_that_makes_its_response_itself_is_counted():
    class Own(APIView):
        always_streams = True

        def get(self, request: Request) -> HttpResponseBase:
            response = NDJSONResponse({"n": n} for n in range(3))
            response.close_with(request._request)
            return response

    with site(limited(throttle(), base=Own)) as client:
        with opened(client, "/0/"):
            assert status(client, "/0/") == 429
        assert status(client, "/0/") == 200


def test_live_events_are_counted():
    limits = throttle()

    @sse_stream(throttle_classes=[limits])
    def function(request: Request) -> Iterator[dict[str, int]]:
        yield from ({"n": n} for n in range(3))

    class Method(APIView):
        throttle_classes = [limits]

        @sse_stream
        def get(self, request: Request) -> Iterator[dict[str, int]]:
            yield from ({"n": n} for n in range(3))

    class URLs:
        urlpatterns = [path("function/", function), path("method/", Method.as_view())]

    client = APIClient()
    with override_settings(ROOT_URLCONF=URLs):
        for first, second in [("function", "method"), ("method", "function")]:
            with opened(client, f"/{first}/"):
                assert status(client, f"/{second}/") == 429
            assert status(client, f"/{second}/") == 200


def test_a_view_without_the_mixin_streams_where_its_renderer_does():
    class Own(APIView):
        renderer_classes = [NDJSONRenderer]

        def get(self, request: Request) -> Response:
            return Response([status(client, "/0/")])

    with site(limited(throttle(), base=Own)) as client:
        assert client.get("/0/").content == b"429\n"
        # Only the mixin answers with 204 then.
        assert client.get("/0/?after=~end").content == b"429\n"


async def test_async_views_of_adrf_are_limited():
    class View(StreamingListMixin, AsyncGenericViewSet):
        throttle_classes = [throttle()]

        async def list(self, request: Request) -> HttpResponseBase:
            return await self.astream([{"n": n} for n in range(3)], serializer_class=None)

    view = View.as_view({"get": "list"})
    factory = AsyncRequestFactory()
    first = await view(factory.get(STREAM))
    assert (await view(factory.get(STREAM))).status_code == 429
    assert [part async for part in first]
    again = await view(factory.get(STREAM))
    assert again.status_code == 200
    assert [part async for part in again]


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "TICK", 0.05)


def test_a_stream_that_stands_still_stays_counted_and_one_thread_sees_to_it(quick: None):
    with site(limited(throttle(max_open_streams=2))) as client:
        with opened(client), opened(client):
            time.sleep(LEASE + 1)
            assert names_of_threads().count("leases") == 1
            assert status(client) == 429
        assert eventually(lambda: "leases" in names_of_threads(), False, within=2) is False
        with opened(client), opened(client):
            assert "leases" in names_of_threads()


def test_a_stream_that_has_not_begun_is_forgotten_after_its_lease():
    # Its view was killed, or cancelled, or takes longer than that.
    with site(limited(throttle())) as client:
        response: Any = client.get(STREAM)
        assert status(client) == 429
        time.sleep(LEASE + 0.5)
        with opened(client):
            # What is over takes nothing from those who came after it.
            leave(response)
            assert status(client) == 429


def test_a_slot_that_is_given_back_late_takes_nothing_from_who_has_it_by_then():
    name = uuid4().hex
    late, later = Lease("default", LEASE), Lease("default", LEASE)
    assert late.take(name, 1)
    time.sleep(LEASE + 0.1)
    assert later.take(name, 1)
    late.release()
    assert not Lease("default", LEASE).take(name, 1)
    later.release()


def test_what_is_given_back_while_it_is_renewed_stays_free(
    cache: str, monkeypatch: pytest.MonkeyPatch
):
    name = uuid4().hex
    lease = Lease(cache, LEASE)
    assert lease.take(name, 1)
    touch = caches[cache].touch

    def released_meanwhile(*args: Any) -> Any:
        lease.release()
        return touch(*args)

    monkeypatch.setattr(caches[cache], "touch", released_meanwhile)
    lease.renew()
    again = Lease(cache, LEASE)
    assert again.take(name, 1)
    again.release()


def test_a_stream_that_nobody_closes_is_free_when_the_garbage_collector_finds_it(quick: None):
    view = limited(throttle()).as_view()

    def ask() -> Any:
        return view(APIRequestFactory().get(STREAM))

    response = ask()
    next(iter(response))
    assert ask().status_code == 429
    response.cycle = response
    del response
    gc.collect()
    assert eventually(lambda: ask().status_code, 200, within=2) == 200


def test_the_garbage_collector_asks_no_cache(monkeypatch: pytest.MonkeyPatch):
    lease = Lease("default", LEASE)
    assert lease.take(uuid4().hex, 1)
    blocks = leases.held(lease, iter([b"1", b"2"]))
    next(blocks)
    cycle = [blocks]
    cycle.append(cycle)  # type: ignore[arg-type]
    del blocks, cycle
    # As if it came while another stream is counted: this cache has a lock that is held meanwhile.
    with caches["default"]._lock:
        gc.collect()
    assert lease.ended
    lease.release()


class Broken:
    """A cache that is down."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("down")


def test_a_cache_that_is_down_for_a_while_breaks_no_stream_off(
    quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with site(limited(throttle())) as client, opened(client) as items:
        monkeypatch.setattr(leases, "caches", {"default": Broken()})
        assert eventually(lambda: len(caplog.records), 1, within=2) == 1
        assert list(items)
    assert [(each.name, each.levelno, each.getMessage()) for each in caplog.records][:2] == [
        ("drf_streaming", logging.WARNING, "Slots of streams could not be renewed"),
        (
            "drf_streaming",
            logging.WARNING,
            "A stream's slot could not be given back; it is free in 4 s at the latest",
        ),
    ]


def test_a_slot_that_the_cache_has_forgotten_is_taken_again_at_the_next_renewal(quick: None):
    mine = throttle()
    with site(limited(mine)) as client, opened(client):
        caches["default"].clear()
        assert eventually(lambda: status(client), 429, within=2) == 429


def counted(calls: list[str], method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(method.__name__)
        return method(*args, **kwargs)

    return call


def round_trips(cache: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    for name in ("add", "get_many", "set_many", "delete_many", "get", "set", "delete", "touch"):
        monkeypatch.setattr(caches[cache], name, counted(calls, getattr(caches[cache], name)))
    return calls


def test_a_stream_costs_two_round_trips_and_a_refusal_no_more(
    redis_server: None, monkeypatch: pytest.MonkeyPatch
):
    calls = round_trips("redis", monkeypatch)
    first, second = Lease("redis", LEASE), Lease("redis", LEASE)
    many, one, two = uuid4().hex, uuid4().hex, uuid4().hex
    assert first.take(many, 100)
    first.release()
    assert calls == ["add", "delete_many"]
    assert first.take(one, 1)
    calls.clear()
    assert not second.take(one, 1)
    assert calls == ["add", "get_many"]
    assert first.take(two, 2)
    assert first.take(two, 2)
    calls.clear()
    assert not second.take(two, 2)
    assert calls == ["add", "get_many"]
    first.release()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases wait for a write")
@pytest.mark.parametrize(("times", "taken"), [(1, True), (2, True), (3, False)])
def test_a_free_slot_that_other_writes_have_overtaken_is_asked_for_again(
    cache_table: None,
    committed: None,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
    taken: bool,
):
    monkeypatch.setattr(leases, "PAUSES", leases.PAUSES[:3])
    overtaken = []

    def overtake(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("INSERT") and len(overtaken) < times:
            name = connection.settings_dict["NAME"]
            with closing(sqlite3.connect(name)) as other, other:
                other.execute(
                    "REPLACE INTO test_open_streams VALUES ('nobody', '', '2000-01-01 00:00:00')"
                )
            with pytest.raises(OperationalError) as refused:
                execute(sql, *args)
            overtaken.append(str(refused.value))
            raise refused.value
        return execute(sql, *args)

    def take() -> bool:
        try:
            with connection.execute_wrapper(overtake):
                return lease.take(uuid4().hex, 1)
        finally:
            lease.release()
            connection.close()

    lease = Lease("database", LEASE)
    # Without the transaction around the test.
    with ThreadPoolExecutor() as threads:
        assert threads.submit(take).result() == taken
    assert overtaken == ["database is locked"] * times


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases wait for a write")
def test_a_free_slot_is_not_refused_while_another_write_takes_its_time(
    cache_table: None, committed: None
):
    lease = Lease("database", LEASE)

    def take() -> bool:
        try:
            return lease.take(uuid4().hex, 1)
        finally:
            lease.release()
            connection.close()

    name = connection.settings_dict["NAME"]
    with ThreadPoolExecutor() as threads, closing(sqlite3.connect(name)) as other:
        other.execute("BEGIN IMMEDIATE")
        taken = threads.submit(take)
        with pytest.raises(TimeoutError):
            taken.result(0.3)
        other.rollback()
        assert taken.result()


@pytest.mark.parametrize("limit", [1, 31, 32, 33, 999])
def test_every_slot_is_found_and_none_twice(limit: int):
    name = uuid4().hex
    lease = Lease("slots", 30)
    backend = "django.core.cache.backends.locmem.LocMemCache"
    cache = {"BACKEND": backend, "LOCATION": name, "OPTIONS": {"MAX_ENTRIES": 2000}}
    with override_settings(CACHES={**test_settings.CACHES, "slots": cache}):
        assert [lease.take(name, limit) for _ in range(limit + 2)] == [True] * limit + [False] * 2
        assert len(set(lease.keys)) == limit
        lease.release()


def test_of_very_many_slots_no_more_are_looked_at_than_can_be_afforded(
    redis_server: None, monkeypatch: pytest.MonkeyPatch
):
    name = uuid4().hex
    lease = Lease("redis", LEASE)
    monkeypatch.setattr(leases, "LOOKED_AT", 5)
    taken = [lease.take(name, 20) for _ in range(200)].count(True)
    assert 5 <= taken <= 20
    assert len(set(lease.keys)) == taken
    lease.release()


def test_a_renewal_costs_a_round_trip_when_it_is_due(
    redis_server: None, monkeypatch: pytest.MonkeyPatch
):
    lease = Lease("redis", LEASE)
    assert lease.take(uuid4().hex, 1)
    calls = round_trips("redis", monkeypatch)
    leases.renew([lease])
    lease.due = 0
    leases.renew([lease])
    leases.renew([lease])
    assert calls == ["touch"]
    lease.release()


def test_a_cache_that_is_down_is_asked_once_for_many_streams(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    held = [Lease("down", LEASE) for _ in range(3)] + [Lease("default", LEASE)]
    for lease in held:
        lease.keys = [uuid4().hex]
        lease.due -= LEASE
    monkeypatch.setattr(leases, "caches", {"down": Broken(), "default": caches["default"]})
    leases.renew(held)
    assert len(caplog.records) == 1
    assert held[-1].keys[0] in caches["default"]


def taken_at_once(cache: str, name: str, limit: int, count: int) -> list[Lease]:
    """Let that many threads ask for a slot at the same time."""
    wanted = [Lease(cache, LEASE) for _ in range(count)]
    together = threading.Barrier(count, timeout=30)

    def take(lease: Lease) -> None:
        if cache == "database":
            connection.ensure_connection()
        together.wait()
        lease.take(name, limit)
        connection.close()

    threads = [threading.Thread(target=take, args=(lease,)) for lease in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [lease for lease in wanted if lease.keys]


def test_two_hundred_at_once_take_each_slot_once(redis_server: None):
    name = uuid4().hex
    taken = taken_at_once("redis", name, 20, 200)
    keys = sorted(key for lease in taken for key in lease.keys)
    assert keys == sorted(f"{name}:{n}" for n in range(20))
    for lease in taken:
        lease.release()


@pytest.mark.parametrize("cache", ["default", "database"], indirect=True)
def test_no_slot_is_taken_twice_at_once(cache: str, committed: None):
    # SQLite lets only one write, and the others do not get a slot then.
    taken = taken_at_once(cache, uuid4().hex, 10, 50)
    assert 0 < len(taken) <= 10
    for lease in taken:
        lease.release()


def test_slots_of_a_server_that_was_killed_are_taken_once(redis_server: None):
    name = uuid4().hex
    assert len(taken_at_once("redis", name, 10, 50)) == 10
    time.sleep(LEASE + 1)
    assert len(taken_at_once("redis", name, 10, 50)) == 10


# System checks


def ids(messages: list[CheckMessage]) -> list[str]:
    assert all(message.hint for message in messages)
    return sorted(message.id for message in messages)


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        ({}, []),
        ({"MAX_OPEN_STREAMS": 1, "MAX_OPEN_STREAMS_IN_ALL": 1, "OPEN_STREAMS_LEASE": 4}, []),
        ({"MAX_OPEN_STREAMS": 0}, ["drf_streaming.E020"]),
        ({"MAX_OPEN_STREAMS_IN_ALL": "10/day"}, ["drf_streaming.E020"]),
        ({"MAX_OPEN_STREAMS": True}, ["drf_streaming.E020"]),
        ({"OPEN_STREAMS_LEASE": 3}, ["drf_streaming.E021"]),
        ({"OPEN_STREAMS_LEASE": None}, ["drf_streaming.E021"]),
        ({"OPEN_STREAMS_CACHE": "nowhere"}, ["drf_streaming.E022"]),
        ([], []),
    ],
)
def test_a_wrong_limit_in_the_settings_is_named(configured: Any, expected: list[str]):
    with override_settings(DRF_STREAMING=configured):
        assert ids(checks.check_limits()) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, []),
        ({"lease": None}, []),
        ({"max_open_streams": 0}, ["drf_streaming.E020"]),
        ({"max_open_streams_in_all": -1}, ["drf_streaming.E020"]),
        ({"max_open_streams": property(lambda self: 1)}, []),
        ({"lease": 2.5}, ["drf_streaming.E021"]),
        ({"lease": property(lambda self: 1)}, []),
        ({"cache_alias": "nowhere"}, ["drf_streaming.E022"]),
        ({"cache_alias": property(lambda self: "redis")}, []),
        ({"cache_alias": "default"}, ["drf_streaming.W020"]),
        ({"cache_alias": "dummy"}, ["drf_streaming.W020"]),
        ({"cache_alias": "files"}, ["drf_streaming.W020"]),
        ({"cache_alias": None}, ["drf_streaming.W020"]),
        ({"max_open_streams": None}, ["drf_streaming.W021"]),
        ({"max_open_streams": None, "get_max_open_streams": lambda *_: 1}, []),
        ({"max_open_streams": None, "get_max_open_streams_in_all": lambda *_: 1}, []),
    ],
)
def test_a_wrong_throttle_is_named(
    attributes: dict[str, Any], expected: list[str], settings: Any, tmp_path: Any
):
    backends = "django.core.cache.backends"
    settings.CACHES = {
        **settings.CACHES,
        "dummy": {"BACKEND": f"{backends}.dummy.DummyCache"},
        "files": {"BACKEND": f"{backends}.filebased.FileBasedCache", "LOCATION": tmp_path},
    }
    mine = throttle(**{"cache_alias": "database", **attributes})
    with site(limited(mine, Denies), limited(mine, base=APIView), StreamingListAPIView):
        messages = checks.check_throttles()
    assert ids(messages) == expected
    assert all("Throttle" in message.msg for message in messages)


# Real servers


@pytest.fixture(scope="module")
def start(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Server]]:
    """Start servers that are stopped in the end."""
    database_url = url_of(connection.settings_dict)
    with ExitStack() as stack:

        def start(name: str) -> Server:
            server = Server(name, database_url, tmp_path_factory.mktemp(name))
            stack.callback(server.ends, within=10)
            stack.callback(server.terminate)
            return server

        yield start


@pytest.fixture(scope="module")
def running(start: Callable[[str], Server]) -> Callable[[str], Server]:
    """Return the one server of a kind that these tests share."""
    servers: dict[str, Server] = {}

    def running(name: str) -> Server:
        if name not in servers:
            servers[name] = start(name)
        return servers[name]

    return running


@pytest.fixture
def server(request: pytest.FixtureRequest, running: Callable[[str], Server]) -> Server:
    return running(request.param)


on_both = pytest.mark.parametrize("server", ["uvicorn", "gunicorn-gthread"], indirect=True)
of_each_source = pytest.mark.parametrize("source", ["sync", "async"])


def a_limit(limit: int, *, source: str = "sync", cache: str = "redis", more: str = "") -> str:
    """Return the path of a view with a limit that is no other test's."""
    query = f"stream=ndjson&limit={limit}&cache={cache}&scope={uuid4().hex}"
    return f"/limited/{source}/?{query}{more}"


ENDLESS = "&pause=0.02"


def status_of(server: Server, path: str) -> int:
    with httpx.stream("GET", server.url + path) as response:
        return response.status_code


def becomes_free(server: Server, path: str, *, within: float) -> bool:
    """Tell whether a stream of one row is accepted, and read to its end, within that time."""
    url = f"{server.url}{path}&rows=1"
    return eventually(lambda: httpx.get(url).status_code, 200, within=within) == 200


@on_both
@of_each_source
@pytest.mark.parametrize("cache", ["redis", "database"], indirect=True)
def test_a_client_that_leaves_frees_its_slot(server: Server, source: str, cache: str):
    url = a_limit(1, source=source, cache=cache, more=ENDLESS)
    with server.connect(url) as client:
        read_until(client, b'{"n":1}')
        assert status_of(server, url) == 429
    assert becomes_free(server, url, within=2)


@on_both
@of_each_source
def test_a_client_may_ask_again_as_soon_as_it_has_read_the_end(
    server: Server, source: str, redis_server: None
):
    url = server.url + a_limit(1, source=source, more="&rows=3")
    with httpx.Client() as client:
        assert [client.get(url).status_code for _ in range(20)] == [200] * 20


@on_both
@of_each_source
def test_a_stream_that_fails_frees_its_slot(server: Server, source: str, redis_server: None):
    url = a_limit(1, source=source, more="&fail_at=3")
    for _ in range(3):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(server.url + url)
        assert becomes_free(server, url, within=2)


@on_both
def test_an_error_before_the_first_byte_frees_the_slot(server: Server, redis_server: None):
    failing = a_limit(1, more="&fail_at=1")
    for _ in range(3):
        assert eventually(lambda: status_of(server, failing), 500, within=1) == 500
    assert becomes_free(server, failing.removesuffix("&fail_at=1"), within=1)


@on_both
def test_silent_streams_and_clients_that_do_not_read_stay_counted(
    server: Server, redis_server: None
):
    silent = [a_limit(1, source=each, more="&rows=2&pause=9") for each in ("sync", "async")]
    unread = a_limit(1)
    with ExitStack() as stack:
        for url in (*silent, unread):
            client = stack.enter_context(server.connect(url))
            read_until(client, b'{"n":1}')
        time.sleep(LEASE + 1.5)
        assert [status_of(server, url) for url in (*silent, unread)] == [429] * 3
    assert becomes_free(server, unread, within=2)


@on_both
def test_a_client_that_leaves_before_the_first_byte_is_counted_no_longer_than_its_lease(
    server: Server, redis_server: None
):
    url = a_limit(1, more="&pause=1&burst=0")
    with server.connect(url):
        assert eventually(lambda: status_of(server, url), 429, within=2) == 429
    assert becomes_free(server, url, within=LEASE + 3)


@pytest.mark.parametrize("cache", ["redis", "database"], indirect=True)
def test_a_server_that_was_killed_frees_its_slots_when_their_lease_is_over(
    start: Callable[[str], Server], running: Callable[[str], Server], cache: str
):
    url = a_limit(2, cache=cache, more=ENDLESS)
    killed, survivor = start("uvicorn"), running("gunicorn-gthread")
    with killed.connect(url) as one, killed.connect(url) as two:
        read_until(one, b'{"n":1}')
        read_until(two, b'{"n":1}')
        for process in killed.processes:
            process.kill()
        assert killed.ends(within=2)
        assert status_of(survivor, url) == 429
        assert becomes_free(survivor, url, within=LEASE + 1)


async def opening(servers: list[Server], path: str, count: int, stack: AsyncExitStack) -> list[int]:
    """Open that many streams at once, and leave those that were accepted open."""
    limits = httpx.Limits(max_connections=None)
    client = await stack.enter_async_context(httpx.AsyncClient(limits=limits, timeout=30))

    async def status(n: int) -> int:
        stream = client.stream("GET", servers[n % len(servers)].url + path)
        return (await stack.enter_async_context(stream)).status_code

    return await asyncio.gather(*map(status, range(count)))


async def test_two_hundred_openings_on_two_servers_never_exceed_the_limit(
    start: Callable[[str], Server], running: Callable[[str], Server], redis_server: None
):
    servers = [running("uvicorn"), start("uvicorn")]
    url = a_limit(20, source="async", more="&pause=0.1")
    async with AsyncExitStack() as stack:
        statuses = await opening(servers, url, 200, stack)
        assert sorted(statuses) == [200] * 20 + [429] * 180
    assert becomes_free(servers[0], url, within=5)
