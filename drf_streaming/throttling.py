"""A throttle for DRF's `throttle_classes` that limits how many streams are open."""

from hashlib import blake2b

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from drf_streaming import parameters, settings
from drf_streaming.leases import Lease
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.renderers import BaseStreamingRenderer


class OpenStreamsThrottle(BaseThrottle):
    """Refuse a stream where a user or address, or all together, have too many open.

    Shape: streams of the same `scope` are counted together, whatever their view; None as a limit,
        a lease or a cache leaves it to the settings.
    Unit: `lease` and `retry_after` are in seconds.
    """

    scope = "streams"
    max_open_streams: int | None = None
    max_open_streams_in_all: int | None = None
    lease: int | None = None
    cache_alias: str | None = None
    # When a stream will end is not known to anyone.
    retry_after = 10

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Take a slot for the stream that this request opens, and tell whether one was free."""
        if not self.opens_stream(request, view):
            return True
        identity = blake2b(self.get_identity(request, view).encode(), digest_size=16).hexdigest()
        limits = {
            f"drf_streaming:{self.scope}:{identity}": self.get_max_open_streams(request, view),
            f"drf_streaming:{self.scope}:all": self.get_max_open_streams_in_all(request, view),
        }
        lease = Lease(
            self.cache_alias or settings.get("OPEN_STREAMS_CACHE"),
            self.lease or settings.get("OPEN_STREAMS_LEASE"),
        )
        # First of all: whatever fails from here on, the request ends.
        lease.release_with(request._request)
        if all(limit is None or lease.take(name, limit) for name, limit in limits.items()):
            return True
        lease.release()
        return False

    def wait(self) -> float | None:
        """Return after how many seconds it is worth asking again."""
        return self.retry_after

    def opens_stream(self, request: Request, view: APIView) -> bool:
        """Tell whether this request would open a stream.

        Shape: a view with `always_streams = True` opens one whatever the renderer is.
        """
        if request.method == "HEAD":
            return False
        if getattr(view, "always_streams", False):
            return True
        renderer = getattr(request, "accepted_renderer", None)
        if not isinstance(renderer, BaseStreamingRenderer):
            return False
        if not isinstance(view, StreamingListMixin):
            return True
        start = parameters.start_of(request, events=renderer.framing.identified)
        ended = start is not None and start.is_end
        return view.streams() and not ended

    def get_identity(self, request: Request, view: APIView) -> str:
        """Return whose streams are counted together: the user's, or else the address's."""
        if request.user and request.user.is_authenticated:
            return f"user {request.user.pk}"
        return f"address {self.get_ident(request)}"

    def get_max_open_streams(self, request: Request, view: APIView) -> int | None:
        """Return how many streams one user or address may have open, or None for no limit."""
        limit = self.max_open_streams
        return settings.get("MAX_OPEN_STREAMS") if limit is None else limit

    def get_max_open_streams_in_all(self, request: Request, view: APIView) -> int | None:
        """Return how many streams may be open in all, or None for no limit."""
        limit = self.max_open_streams_in_all
        return settings.get("MAX_OPEN_STREAMS_IN_ALL") if limit is None else limit
