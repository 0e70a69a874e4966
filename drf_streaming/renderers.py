"""One class per format: what DRF negotiates, and what writes the stream."""

import json
from collections.abc import Iterator, Mapping
from copy import copy
from functools import lru_cache
from typing import Any, ClassVar

from django.utils.http import content_disposition_header
from django.utils.text import slugify
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer

from drf_streaming import framing
from drf_streaming.body import Body
from drf_streaming.encoders import CSVRecords, Encoder, JSONRecords, Path
from drf_streaming.framing import Framing


class BaseStreamingRenderer(BaseRenderer):
    """Write items as a stream, and everything else as one answer in the same format.

    Shape: `aliases` are media types that ask for this renderer too. With `negotiated = False`
        only the query parameter chooses it, and DRF by the name `listed_format` if it has one.
        `disposition` is "inline" or "attachment" for a format that browsers save as a file.
    """

    framing: ClassVar[Framing]
    aliases: ClassVar[tuple[str, ...]] = ()
    negotiated: ClassVar[bool] = True
    listed_format: ClassVar[str | None] = None
    disposition: ClassVar[str | None] = None
    encoder_class: type[json.JSONEncoder] = JSONRenderer.encoder_class
    charset: str | None = None

    @classmethod
    @lru_cache(maxsize=100)
    def listed(cls) -> "type[BaseStreamingRenderer] | None":
        """Return the class that belongs among the renderers of a view, if one does."""
        if cls.negotiated:
            return cls
        if cls.listed_format is None:
            return None
        return type(cls.__name__, (cls,), {"format": cls.listed_format})

    def under_each_name(self) -> list["BaseStreamingRenderer"]:
        """Return this renderer once for each media type, by the name that DRF knows it by."""
        name = self.format if self.negotiated else self.listed_format
        if name is None:
            return []
        renderers: list[BaseStreamingRenderer] = []
        for media_type in (self.media_type, *self.aliases):
            alias = copy(self)
            alias.format, alias.media_type = name, media_type
            renderers.append(alias)
        return renderers

    def get_encoder(self, serializer: BaseSerializer[Any] | None = None) -> Encoder:
        """Return what turns the items of one stream into records."""
        return self.get_json()

    def get_json(self) -> JSONRecords:
        """Return JSON records as the project has configured DRF's JSON."""
        return JSONRecords(
            self.encoder_class,
            ascii_only=JSONRenderer.ensure_ascii,
            strict=JSONRenderer.strict,
            compact=JSONRenderer.compact,
        )

    def get_headers(self, name: str) -> Mapping[str, str]:
        """Return the headers of a stream that is called so, besides those of the framing."""
        if self.disposition is None:
            return {}
        return {"Content-Disposition": _disposition(self.disposition, name, self.format)}

    def begin(self, serializer: BaseSerializer[Any] | None = None, **options: Any) -> Body:
        """Return one stream of this format, nothing of which is written yet.

        Shape: `options` are those of `Body`.
        """
        return Body(self.framing, self.get_encoder(serializer), **options)

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return an error, a single object or a whole list in this format."""
        if data is None:
            return b""
        items = data if isinstance(data, list | tuple) else [data]
        return self.framing.join(self.get_encoder().records(items), first=True)


class NDJSONRenderer(BaseStreamingRenderer):
    """Write each item as a line of JSON."""

    media_type = "application/x-ndjson"
    aliases: ClassVar[tuple[str, ...]] = (
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
    )
    format = "ndjson"
    disposition = "inline"
    framing = framing.NDJSON


class StreamingJSONRenderer(BaseStreamingRenderer):
    """Write the items as one JSON array."""

    media_type = "application/json"
    format = "json"
    framing = framing.JSON
    # Format and media type are those of DRF's own JSON, and stay so.
    negotiated = False
    listed_format = "json-stream"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return any data as one JSON document."""
        return b"" if data is None else self.get_json().dumps(data).encode()


class SSERenderer(BaseStreamingRenderer):
    """Write each item as a server-sent event."""

    media_type = "text/event-stream"
    format = "sse"
    framing = framing.SSE


class JSONSeqRenderer(BaseStreamingRenderer):
    """Write the items as a JSON text sequence, RFC 7464."""

    media_type = "application/json-seq"
    format = "json-seq"
    disposition = "inline"
    framing = framing.JSON_SEQ


class CSVRenderer(BaseStreamingRenderer):
    """Write a header and then each item as a row of CSV, RFC 4180."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"
    disposition = "attachment"
    framing = framing.CSV
    guard_formulas = True

    def get_encoder(self, serializer: BaseSerializer[Any] | None = None) -> Encoder:
        """Return rows under the fields of the serializer, or of the first item without one."""
        row = getattr(serializer, "child", serializer)
        fields = list(_fields(row))
        return CSVRecords(
            self.get_json(),
            columns=[path for path, nested in fields if not nested],
            more_columns=not (_has_its_fields(row) and _lists_its_rows(serializer)),
            nested=[path for path, nested in fields if nested],
            guard_formulas=self.guard_formulas,
        )


@lru_cache(maxsize=256)
def _disposition(kind: str, name: str, extension: str | None) -> str:
    file_name = f"{slugify(name) or 'export'}.{extension}"
    return str(content_disposition_header(kind == "attachment", file_name))


def _has_its_fields(serializer: object) -> bool:
    """Tell whether the keys of the items are the names of the fields."""
    return (
        isinstance(serializer, Serializer)
        and type(serializer).to_representation is Serializer.to_representation
    )


def _lists_its_rows(serializer: object) -> bool:
    """Tell whether a list of items is that of its rows."""
    return not isinstance(serializer, ListSerializer) or (
        type(serializer).to_representation is ListSerializer.to_representation
    )


def _fields(
    serializer: object, prefix: Path = (), above: tuple[type, ...] = ()
) -> Iterator[tuple[Path, bool]]:
    """Yield the path of each readable field, and whether others lie below it.

    Shape: a nested serializer is one column if it may give something else than its fields, or
        would contain itself.
    """
    if not isinstance(serializer, Serializer):
        return
    above = (*above, type(serializer))
    for name, field in serializer.fields.items():
        if not field.write_only:
            path = (*prefix, name)
            nested = _has_its_fields(field) and type(field) not in above
            yield path, nested
            if nested:
                yield from _fields(field, path, above)
