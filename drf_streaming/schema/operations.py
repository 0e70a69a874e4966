"""What the description of every operation that streams has."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from drf_spectacular.plumbing import ResolvedComponent, get_doc
from drf_spectacular.settings import spectacular_settings

from drf_streaming.generics import StreamingListAPIView
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.schema import openapi, samples
from drf_streaming.schema.openapi import Schema
from drf_streaming.viewsets import StreamingModelViewSet, StreamingReadOnlyModelViewSet

_OURS = {
    inspect.getdoc(told)
    for told in (
        StreamingListMixin,
        StreamingListMixin.list,
        StreamingListMixin.alist,
        StreamingListAPIView,
        StreamingReadOnlyModelViewSet,
        StreamingModelViewSet,
    )
}

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema as Base
else:
    Base = object


class OfViews(Base):
    """Be what a class of drf-spectacular's lacks for every operation of a view that streams."""

    def get_description(self) -> str:  # type: ignore[override]  # the stubs are those of DRF's
        """Return what the project says, and not what the package says of itself."""
        said = super().get_description()
        if said in _OURS:
            # A docstring of the method counts for more than the one of the view.
            said = get_doc(self.view.__class__)
        return "" if said in _OURS else said


class OfStreams(OfViews):
    """Be what a class of drf-spectacular's lacks for operations that stream."""

    _of_one = False

    @contextmanager
    def _one(self) -> Iterator[None]:
        """Have a single item described, where a list would be."""
        self._of_one = True
        try:
            yield
        finally:
            self._of_one = False

    def _ordinary_bodies(self, *args: Any) -> tuple[Schema, Schema]:
        """Return the responses as they are without streams, and their content if it were one item.

        Shape: by status, and by media type.
        """
        responses: Schema = super()._get_response_bodies(*args)
        with self._one():
            items = super()._get_response_bodies(*args)
        found = [items[code] for code in sorted(items) if code.startswith("2")]
        return responses, found[0].get("content", {}) if found else {}

    @property
    def _sequential(self) -> bool:
        return not spectacular_settings.OAS_VERSION.startswith(("3.0", "3.1"))

    def _refer_to(self, name: str) -> None:
        schema = openapi.COMPONENTS[name]
        component = ResolvedComponent(name, ResolvedComponent.SCHEMA, schema, name)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)

    def _sample(self, schema: Schema) -> Any:
        return samples.sample(schema, self._component)

    def _component(self, reference: str) -> Schema:
        name = reference.rpartition("/")[2]
        try:
            found: Schema | None = self.registry[name, ResolvedComponent.SCHEMA].schema
        except KeyError:
            return {}
        # One that is being made has no schema yet.
        return found or {}

    def _refuse(self, responses: Schema, refusals: Mapping[str, str]) -> None:
        throttled = {"429": openapi.THROTTLED} if self.view.get_throttles() else {}
        for code, description in {**refusals, **throttled}.items():
            responses.setdefault(code, {"description": description})


def item_of(content: Schema) -> Schema:
    """Return the schema of an item, where a list of them is the schema."""
    schema: Schema = content["schema"]
    items: Schema = schema.get("items", {})
    return items if schema.get("type") == "array" else schema
