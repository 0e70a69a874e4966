"""`StreamingListMixin`: the one place that sees the whole line."""

import inspect
from collections.abc import AsyncIterable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from drf_streaming import negotiation, parameters, serialization, settings, sources
from drf_streaming.body import ablocks
from drf_streaming.bridge import RequestContext
from drf_streaming.parameters import Start
from drf_streaming.reading import Reading
from drf_streaming.renderers import BaseStreamingRenderer
from drf_streaming.stream_response import StreamResponse

if TYPE_CHECKING:
    from rest_framework.mixins import ListModelMixin
    from rest_framework.viewsets import GenericViewSet

    class _View(ListModelMixin, GenericViewSet[Any]): ...
else:
    _View = object

AnyRows = Iterable[Any] | AsyncIterable[Any]
FROM_VIEW: Final = object()
_imported = lru_cache(maxsize=100)(import_string)


class StreamingListMixin(_View):
    """Stream the list of a view wherever a request asks for it.

    Shape: `stream_actions` are the actions of a viewset that can stream; a view without actions
        streams its GET.
    Unit: `stream_chunk_size` and `stream_max_rows` are in rows, `stream_timeout` in seconds.
    """

    streaming_renderer_classes: Sequence[type[BaseStreamingRenderer] | str] | None = None
    stream_actions: Sequence[str] = ("list", "alist")
    stream_chunk_size: int | None = None
    stream_isolation: str | None = None
    stream_max_rows: int | None = None
    stream_source: str | None = None
    stream_timeout: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Some async views keep the name `list` for their coroutine, and look at the function to
        # learn whether to await it.
        ordinary = getattr(super(), "list", None)
        if inspect.iscoroutinefunction(ordinary) and cls.list is StreamingListMixin.list:
            cls.list = StreamingListMixin.alist  # type: ignore[method-assign]

    def get_streaming_renderers(self) -> Sequence[BaseStreamingRenderer]:
        """Return the renderers of the formats that this view can stream."""
        classes = self.streaming_renderer_classes
        if classes is None:
            classes = settings.get("RENDERER_CLASSES")
        return [(_imported(each) if isinstance(each, str) else each)() for each in classes]

    def get_stream_chunk_size(self) -> int:
        """Return how many rows are fetched, serialized and sent together, at most."""
        size: int = self.stream_chunk_size or settings.get("CHUNK_SIZE")
        return size

    def get_stream_isolation(self) -> str | None:
        """Return "repeatable read" for a stream of one moment, or None for the database's own."""
        isolation: str | None = self.stream_isolation or settings.get("ISOLATION")
        return isolation

    def get_stream_max_rows(self) -> int | None:
        """Return how many rows one stream may have, or None for no limit."""
        limit: int | None = self.stream_max_rows
        return settings.get("MAX_ROWS") if limit is None else limit

    def get_stream_source(self) -> str:
        """Return "cursor", "keyset", or "auto" for what the database and the order allow."""
        source: str = self.stream_source or settings.get("SOURCE")
        return source

    def get_stream_timeout(self) -> float | None:
        """Return how many seconds one stream may take, or None for no limit."""
        timeout: float | None = self.stream_timeout
        return settings.get("TIMEOUT") if timeout is None else timeout

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Stream the list where a stream is asked for; else list it as before."""
        if self._stream_renderer() is None:
            return super().list(request, *args, **kwargs)
        return self.stream(self.filter_queryset(self.get_queryset()))

    async def alist(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Stream the list where a stream is asked for; else list it as before."""
        if self._stream_renderer() is None:
            ordinary = getattr(super(), "alist", None) or super().list
            if inspect.iscoroutinefunction(ordinary):
                return await ordinary(request, *args, **kwargs)
            return await sync_to_async(ordinary)(request, *args, **kwargs)
        queryset = await sync_to_async(self.get_queryset)()
        if hasattr(self, "afilter_queryset"):
            queryset = await self.afilter_queryset(queryset)
        else:
            queryset = await sync_to_async(self.filter_queryset)(queryset)
        return await self.astream(queryset)

    def stream(self, rows: AnyRows, *, serializer_class: Any = FROM_VIEW) -> HttpResponseBase:
        """Answer an action with these rows: as a stream where one is asked for, else as a list.

        Shape: `serializer_class` is a class, or None for rows that are items already; without it
            the view's own serializer is used.
        Errors: ImproperlyConfigured in an action that is not one of `stream_actions`.
        """
        self._check_action()
        rows = sources.rows_of(rows)
        renderer = self._stream_renderer()
        if renderer is None:
            return self._ordinary(rows, serializer_class)
        start = parameters.start_of(self.request, events=renderer.framing.identified)
        if start is not None and start.is_end:
            # https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
            # A browser comes back after the end of every stream; 204 tells it to stay away.
            sources.close(rows)
            return Response(status=204)
        context = RequestContext()
        content: Any = iter(())
        if self.request.method == "HEAD":
            total = sources.count(rows) if parameters.counts(self.request) else None
            sources.close(rows)
        else:
            serializer = self._serializer(rows, serializer_class)
            content, total = context.run(self._blocks, renderer, rows, serializer, start)
        headers = {**renderer.get_headers(self.get_view_name())}
        if total is not None:
            headers["X-Total-Count"] = str(total)
        response = StreamResponse(content, renderer.framing, context=context, headers=headers)
        response.close_with(self.request._request)
        return response

    async def astream(
        self, rows: AnyRows, *, serializer_class: Any = FROM_VIEW
    ) -> HttpResponseBase:
        """Answer an async action with these rows; the same as `stream`."""
        return await sync_to_async(self.stream)(rows, serializer_class=serializer_class)

    def streams(self) -> bool:
        """Tell whether the action of this request is one that streams."""
        if getattr(self, "action_map", None):
            return self.action in self.stream_actions
        return self.request.method in ("GET", "HEAD")

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Let DRF know of the streaming formats where the action streams."""
        initialized = super().initialize_request(request, *args, **kwargs)
        if self.request is None:
            # A generator of schemas makes the request when the view is there already.
            self.request = initialized
        if self.streams():
            # `Vary` and the menu of the browsable API are made of this attribute.
            listed = [each.listed() for each in self.get_streaming_renderers()]
            self.renderer_classes = [*self.renderer_classes, *filter(None, listed)]
        return initialized

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Choose a streaming renderer, or leave the choice to DRF."""
        if self.streams() or self._refuses(request):
            try:
                return self._negotiate(request)
            except Exception:
                if not force:
                    raise
        return super().perform_content_negotiation(request, force)

    def _refuses(self, request: Request) -> bool:
        """Tell whether the method is none of this URL, where another one streams."""
        actions = getattr(self, "action_map", None)
        elsewhere = actions is None or {*actions.values()} & {*self.stream_actions}
        return request.method not in self.allowed_methods and bool(elsewhere)

    def _negotiate(self, request: Request) -> tuple[BaseRenderer, str]:
        streaming = self.get_streaming_renderers()
        own = [each for each in self.get_renderers() if not isinstance(each, BaseStreamingRenderer)]
        negotiator = self.get_content_negotiator()
        return negotiation.by_name(request, own, streaming, negotiator) or negotiation.by_header(
            request,
            own,
            [name for each in streaming for name in each.under_each_name()],
            negotiator,
            self.format_kwarg,
        )

    def _stream_renderer(self) -> BaseStreamingRenderer | None:
        renderer = self.request.accepted_renderer
        if isinstance(renderer, BaseStreamingRenderer) and self.streams():
            return renderer
        return None

    def _check_action(self) -> None:
        if not self.streams():
            raise ImproperlyConfigured(
                f"{type(self).__name__}.{self.action}() calls stream(), but {self.action!r} is not "
                f"in stream_actions = {tuple(self.stream_actions)!r}. Add it there."
            )

    def _serializer(self, rows: AnyRows, serializer_class: Any) -> BaseSerializer[Any] | None:
        if serializer_class is None:
            return None
        if serializer_class is FROM_VIEW:
            return self.get_serializer(rows, many=True) if hasattr(self, "get_serializer") else None
        context = {"request": self.request, "format": self.format_kwarg, "view": self}
        made: BaseSerializer[Any] = serializer_class(rows, many=True, context=context)
        return made

    def _blocks(
        self,
        renderer: BaseStreamingRenderer,
        rows: AnyRows,
        serializer: BaseSerializer[Any] | None,
        start: Start | None,
    ) -> tuple[Any, int | None]:
        limit, marks = self.get_stream_max_rows(), parameters.marks_of(self.request)
        counted = parameters.counts(self.request)
        options: dict[str, Any] = {"max_rows": limit, "marks": marks}
        if not isinstance(rows, Iterable):
            if start is not None:
                raise start.refusal("This list cannot be continued: its rows are no queryset.")
            body = renderer.begin(serializer, **options)
            return ablocks(body, serialization.aitems(serializer, sources.achunks(rows))), None
        source, isolation = self.get_stream_source(), self.get_stream_isolation()
        reading = Reading(rows, serializer, self, source, isolation)
        prepared = reading.prepare(renderer.framing, start)
        if counted:
            options["count"] = reading.count
        body = renderer.begin(serializer, resume=start and start.token, **options)
        if limit is not None:
            sources.check_count(prepared.rows, limit)
        size, timeout = self.get_stream_chunk_size(), self.get_stream_timeout()
        content = reading.blocks(body, prepared, size, marks=marks, timeout=timeout)
        return content, body.total

    def _ordinary(self, rows: AnyRows, serializer_class: Any) -> Response:
        rows = sources.listed(rows)
        paginate = getattr(self, "paginate_queryset", None)
        page = paginate(rows) if paginate else None
        listed = rows if page is None else page
        serializer = self._serializer(listed, serializer_class)
        data = listed if serializer is None else serializer.data
        return Response(data) if page is None else self.get_paginated_response(data)
