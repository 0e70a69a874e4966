"""`StreamingListMixin`: the one place that sees the whole line."""

import inspect
from collections.abc import AsyncIterable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from drf_streaming import negotiation, places, serialization, settings, snapshots, sources
from drf_streaming.body import Started, ablocks, blocks
from drf_streaming.bridge import RequestContext
from drf_streaming.events import END_ID
from drf_streaming.ordering import NoPlace
from drf_streaming.places import Places, Start
from drf_streaming.renderers import BaseStreamingRenderer, SSERenderer
from drf_streaming.responses import StreamResponse
from drf_streaming.serialization import Serialization

if TYPE_CHECKING:
    from rest_framework.mixins import ListModelMixin
    from rest_framework.viewsets import GenericViewSet

    class _View(ListModelMixin, GenericViewSet[Any]): ...
else:
    _View = object

AnyRows = Iterable[Any] | AsyncIterable[Any]
FROM_VIEW: Final = object()


class StreamingListMixin(_View):
    """Stream the list of a view wherever a request asks for it.

    Shape: `stream_actions` are the actions of a viewset that can stream; a view without actions
        streams its GET.
    Unit: `stream_chunk_size` and `stream_max_rows` are in rows.
    """

    streaming_renderer_classes: Sequence[type[BaseStreamingRenderer] | str] | None = None
    stream_actions: Sequence[str] = ("list", "alist")
    stream_chunk_size: int | None = None
    stream_max_rows: int | None = None

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
        return [(import_string(each) if isinstance(each, str) else each)() for each in classes]

    def get_stream_chunk_size(self) -> int:
        """Return how many rows are fetched, serialized and sent together, at most."""
        size: int = self.stream_chunk_size or settings.get("CHUNK_SIZE")
        return size

    def get_stream_max_rows(self) -> int | None:
        """Return how many rows one stream may have, or None for no limit."""
        limit: int | None = self.stream_max_rows
        return settings.get("MAX_ROWS") if limit is None else limit

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
        start = places.start_of(self.request, events=isinstance(renderer, SSERenderer))
        if start is not None and start.token == END_ID:
            # https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
            # A browser comes back after the end of every stream; 204 tells it to stay away.
            sources.close(rows)
            return Response(status=204)
        context = RequestContext()
        if self.request.method == "HEAD":
            sources.close(rows)
            content: Any = iter(())
        else:
            serializer = self._serializer(rows, serializer_class)
            content = context.run(self._blocks, renderer, rows, serializer, start)
        headers = renderer.get_headers(self.get_view_name())
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
        if hasattr(self, "action_map"):
            return self.action in self.stream_actions
        return self.request.method in ("GET", "HEAD")

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Let DRF know of the streaming formats where the action streams."""
        initialized = super().initialize_request(request, *args, **kwargs)
        if self.streams():
            # `Vary` and the menu of the browsable API are made of this attribute.
            added = [type(each) for each in self.get_streaming_renderers() if each.negotiated]
            self.renderer_classes = [*self.renderer_classes, *added]
        return initialized

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Choose a streaming renderer, or leave the choice to DRF."""
        if self.streams():
            try:
                return self._negotiate(request)
            except Exception:
                if not force:
                    raise
        return super().perform_content_negotiation(request, force)

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
    ) -> Any:
        limit, marks = self.get_stream_max_rows(), places.marks_of(self.request)
        body = renderer.begin(serializer, max_rows=limit, marks=marks, resume=start and start.token)
        if not isinstance(rows, Iterable):
            if start is not None:
                raise start.refusal("This list cannot be continued: its rows are no queryset.")
            return ablocks(body, serialization.aitems(serializer, sources.achunks(rows)))
        prepared = self._prepared(renderer, rows, serializer, start)
        size = self.get_stream_chunk_size()
        chunks = sources.chunks(prepared.rows, min(size, marks) if marks > 1 else size, limit)
        content: Generator[bytes] = blocks(body, serialization.items(prepared, chunks))
        if sources.is_query(rows):
            content = snapshots.within(rows.db, content)
        return Started(content)

    def _prepared(
        self,
        renderer: BaseStreamingRenderer,
        rows: Iterable[Any],
        serializer: BaseSerializer[Any] | None,
        start: Start | None,
    ) -> Serialization:
        """Decide how the rows are serialized, and where each has its place if it has one."""
        if start is None and not renderer.framing.has_places:
            return serialization.prepare(serializer, rows)
        try:
            if not serialization.is_row_by_row(serializer):
                raise NoPlace("its serializer represents the list as a whole")
            found = Places(rows, self)
            wanted = found.rows if start is None else found.after(start)
            prepared = serialization.prepare(serializer, wanted, found.names)
            return found.mark(prepared, each=renderer.framing.identified)
        except NoPlace as error:
            if start is not None:
                raise start.refusal(f"This list cannot be continued: {error}.") from error
            return serialization.prepare(serializer, rows)

    def _ordinary(self, rows: AnyRows, serializer_class: Any) -> Response:
        if not isinstance(rows, Iterable):
            rows = async_to_sync(_collect)(rows)
        elif not (sources.is_query(rows) or isinstance(rows, Sequence)):
            rows = [*rows]
        paginate = getattr(self, "paginate_queryset", None)
        page = paginate(rows) if paginate else None
        listed = rows if page is None else page
        serializer = self._serializer(listed, serializer_class)
        data = listed if serializer is None else serializer.data
        return Response(data) if page is None else self.get_paginated_response(data)


async def _collect(rows: AsyncIterable[Any]) -> Sequence[Any]:
    return [row async for row in rows]
