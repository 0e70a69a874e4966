"""System checks of the limits for open streams."""

from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage

from drf_streaming import settings
from drf_streaming.checks.messages import must_be
from drf_streaming.checks.numbers import check_number
from drf_streaming.checks.urls import url_views
from drf_streaming.throttling import OpenStreamsThrottle

# The shortest lease, in seconds: it is renewed after a third, and some caches count whole seconds.
SHORTEST = 4

UNFIT = {
    LocMemCache: "is each process's own, so that every process has limits of its own",
    DummyCache: "stores nothing, so that nothing is limited",
    FileBasedCache: "lets two requests take the same slot, so that limits can be exceeded",
}


def check_limits(**_: Any) -> list[CheckMessage]:
    """Check the limits that are set for the project."""
    if not settings.is_dict():
        return []
    return [
        *_check_limit("MAX_OPEN_STREAMS", settings.get("MAX_OPEN_STREAMS")),
        *_check_limit("MAX_OPEN_STREAMS_IN_ALL", settings.get("MAX_OPEN_STREAMS_IN_ALL")),
        *_check_lease("OPEN_STREAMS_LEASE", settings.get("OPEN_STREAMS_LEASE")),
        *_check_alias("OPEN_STREAMS_CACHE", settings.get("OPEN_STREAMS_CACHE")),
    ]


def check_throttles(**_: Any) -> list[CheckMessage]:
    """Check every throttle for open streams that a view in the URLconf has."""
    if not settings.is_dict():
        return []
    throttles = [each for view in url_views() for each in getattr(view, "throttle_classes", ())]
    return [
        message
        for throttle in dict.fromkeys(throttles)
        if isinstance(throttle, type) and issubclass(throttle, OpenStreamsThrottle)
        for message in _check_throttle(throttle)
    ]


def _check_throttle(throttle: type[OpenStreamsThrottle]) -> list[CheckMessage]:
    name = f"{throttle.__module__}.{throttle.__qualname__}"
    messages = [
        *_check_limit(f"{name}.max_open_streams", throttle.max_open_streams),
        *_check_limit(f"{name}.max_open_streams_in_all", throttle.max_open_streams_in_all),
    ]
    if throttle.lease is not None:
        messages += _check_lease(f"{name}.lease", throttle.lease)
    if throttle.cache_alias is not None:
        messages += _check_alias(f"{name}.cache_alias", throttle.cache_alias)
    return messages + _check_effect(name, throttle)


def _check_limit(where: str, limit: object) -> list[CheckMessage]:
    return check_number(where, limit, "streams", "drf_streaming.E020", null=True)


def _check_lease(where: str, seconds: object) -> list[CheckMessage]:
    return check_number(where, seconds, "seconds", "drf_streaming.E021", at_least=SHORTEST)


def _check_alias(where: str, alias: object) -> list[CheckMessage]:
    if isinstance(alias, property) or alias in django_settings.CACHES:
        return []
    return must_be(
        "the name of a cache",
        where,
        alias,
        hint=f"One of those in CACHES: {', '.join(django_settings.CACHES)}.",
        check_id="drf_streaming.E022",
    )


def _check_effect(name: str, throttle: type[OpenStreamsThrottle]) -> list[CheckMessage]:
    """Warn where a throttle counts for nothing, or does not count right."""
    if _limits_nothing(throttle):
        return [
            checks.Warning(
                f"{name} has no limit.",
                hint="Set max_open_streams, max_open_streams_in_all, or MAX_OPEN_STREAMS or "
                f"MAX_OPEN_STREAMS_IN_ALL in {settings.NAME}.",
                id="drf_streaming.W021",
            )
        ]
    alias = throttle.cache_alias or settings.get("OPEN_STREAMS_CACHE")
    if isinstance(alias, property) or alias not in django_settings.CACHES:
        return []
    return [
        checks.Warning(
            f"{name} counts open streams in the cache {alias!r}, which {reason}.",
            hint="Use a cache on Redis, Memcached or a database.",
            id="drf_streaming.W020",
        )
        for unfit, reason in UNFIT.items()
        if isinstance(caches[alias], unfit)
    ]


def _limits_nothing(throttle: type[OpenStreamsThrottle]) -> bool:
    own = OpenStreamsThrottle
    limits = (
        throttle.max_open_streams,
        throttle.max_open_streams_in_all,
        settings.get("MAX_OPEN_STREAMS"),
        settings.get("MAX_OPEN_STREAMS_IN_ALL"),
    )
    return (
        all(limit is None for limit in limits)
        and throttle.get_max_open_streams is own.get_max_open_streams
        and throttle.get_max_open_streams_in_all is own.get_max_open_streams_in_all
    )
