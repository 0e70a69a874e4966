"""What is said of the list of a view that has the mixin."""

from typing import Any

from drf_spectacular.plumbing import (
    force_instance,
    is_serializer,
    modify_media_types_for_versioning,
    whitelisted,
)
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ViewSetMixin

from drf_streaming import sources
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.reading import Reading
from drf_streaming.renderers import BaseStreamingRenderer, StreamingJSONRenderer
from drf_streaming.schema import openapi, samples
from drf_streaming.schema.openapi import Schema
from drf_streaming.schema.operations import OfStreams, item_of

JSON = StreamingJSONRenderer.media_type


class OfList(OfStreams):
    """Describe the list of a view with `StreamingListMixin`."""

    _of_filters = False

    def _is_list_view(self, serializer: Any = None) -> bool:
        if self._of_one:
            return False
        # Whatever answers with stream() answers with a list; its filters are its own.
        listed = super()._is_list_view(serializer)
        answers = is_serializer(self._said() if serializer is None else serializer)
        return listed or (answers and not self._of_filters)

    def get_filter_backends(self) -> list[Any]:
        """Return those of the view, where it is known that they are used."""
        self._of_filters = True
        try:
            backends: list[Any] = super().get_filter_backends()
        finally:
            self._of_filters = False
        return backends

    def get_override_parameters(self) -> list[Any]:
        """Return what a stream takes, and what the view says, which counts for more."""
        told = openapi.parameters(renderers_of(self.view), places=_may_have_places(self.view))
        ours = [
            OpenApiParameter(each.name, each.schema, each.location, description=each.description)
            for each in told
        ]
        return [*ours, *super().get_override_parameters()]

    def map_renderers(self, attribute: str) -> list[Any]:
        """Return what renderers have; that of the array, which is listed too, gives no page."""
        told: list[Any] = super().map_renderers(attribute)
        if attribute != "media_type":
            return told
        own = [r for r in self.view.get_renderers() if not isinstance(r, StreamingJSONRenderer)]
        return [each for each in told if each in {str(r.media_type).partition(";")[0] for r in own}]

    def _get_response_bodies(self, *args: Any) -> Schema:
        responses, items = self._ordinary_bodies(*args)
        renderers = renderers_of(self.view)
        ordinary = responses.setdefault("200", {"description": ""})
        content = ordinary.setdefault("content", {})
        ordinary.setdefault("headers", {}).setdefault("X-Total-Count", openapi.TOTAL)
        # With a version after the media type, where that is how the project has versions.
        keys = {key.partition(";")[0]: key for key in content}
        first: Schema = next(iter(items.values()), {"schema": {}})
        as_json: Schema = items.get(keys.get(JSON, ""), first)
        for renderer in renderers:
            name = str(renderer.media_type)
            key = keys.get(name) or modify_media_types_for_versioning(self.view, [name])[0]
            one: Schema = items.get(key, as_json)
            if isinstance(renderer, StreamingJSONRenderer):
                content[key] = self._either(content.get(key), openapi.array(item_of(one)))
            else:
                content[key] = self._stream(renderer, one, as_json)
        for name in openapi.components(renderers):
            self._refer_to(name)
        self._refuse(responses, openapi.refusals(renderers, places=_may_have_places(self.view)))
        return dict(sorted(responses.items()))

    def _stream(self, renderer: BaseStreamingRenderer, one: Schema, as_json: Schema) -> Schema:
        """Return the media type object of a stream of what is said to be one item."""
        given = [each.get("value") for each in as_json.get("examples", {}).values()]
        sample = given[0] if given else self._sample(item_of(one))
        said = self._said()
        serializer = said if isinstance(said, BaseSerializer) else None
        example = samples.list_example(renderer, serializer, sample)
        stream = openapi.list_stream(renderer, item_of(one), example, sequential=self._sequential)
        if "examples" in one and one is not as_json:
            # The project has its own for this media type.
            stream = {**stream, "examples": one["examples"]}
            stream.pop("example", None)
        return stream

    def _either(self, ordinary: Schema | None, stream: Schema) -> Schema:
        """Return the one media type of two answers: without a stream, and as one."""
        if ordinary is None:
            return {"schema": stream}
        page = ordinary["schema"]
        if stream in (page, self._component(page.get("$ref", ""))):
            return ordinary
        return {**ordinary, "schema": {"oneOf": [page, stream]}}

    def _said(self) -> Any:
        """Return what is said to make the answer."""
        found = self.get_response_serializers()
        if isinstance(found, dict):
            codes = {str(code[0] if isinstance(code, tuple) else code): code for code in found}
            found = found.get(codes.get("200"))
        if isinstance(found, OpenApiResponse):
            found = found.response
        return force_instance(found)  # type: ignore[no-untyped-call]


def renderers_of(view: Any) -> list[BaseStreamingRenderer]:
    """Return what the current operation of a view streams, of what is to be shown."""
    # Before there is a request, nobody knows of the operation.
    if not (isinstance(view, StreamingListMixin) and view.request and view.streams()):
        return []
    shown = spectacular_settings.RENDERER_WHITELIST
    return [each for each in view.get_streaming_renderers() if whitelisted(each, shown)]


def _may_have_places(view: Any) -> bool:
    """Tell whether a list may have places to go on from, as far as nobody has asked for it yet."""
    if not hasattr(view, "get_queryset"):
        return False
    if isinstance(view, ViewSetMixin) and view.action not in ("list", "alist"):
        return True
    try:
        rows = sources.rows_of(view.get_queryset())
        serializer = view.get_serializer(rows, many=True)
        # How they would be read is of no matter, and may have to be asked of the database.
        return Reading(rows, serializer, view, "cursor").places is not None
    except Exception:
        # It depends on who asks.
        return True
