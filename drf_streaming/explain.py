"""Tell how a view's list is streamed: from columns, from objects or by DRF, and why."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from rest_framework.viewsets import ViewSetMixin

from drf_streaming import sources
from drf_streaming.columns.plan import Collect, Entry, Join, Plan, Read
from drf_streaming.framing import NDJSON
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.reading import Reading

_GRADES = {
    "columns": "from columns: no object is made",
    "objects": "from objects of the model",
    "DRF": "by DRF, object by object",
}
_SOURCES = {
    "cursor": "through a cursor",
    "keyset": "by the place of each row, chunk after chunk",
}
_MOMENTS = {
    "cursor": "in one snapshot",
    "keyset": "as the rows then are",
}


def explain(view_class: type[StreamingListMixin], request: HttpRequest | None = None) -> str:
    """Return what a stream of this view's list does for each field, and why it is not faster.

    Shape: without a request, an anonymous one for the list with no query.
    """
    reading = _reading(view_class, request or _plain_request())
    prepared = reading.prepare(NDJSON)
    lines = [f"{view_class.__module__}.{view_class.__qualname__}: {_GRADES[prepared.grade]}"]
    lines += [f"  because {prepared.reason}"] if prepared.reason else []
    lines += [f"  {prepared.advice}"] if prepared.advice else []
    lines += [*_source(reading)]
    if prepared.plan is not None:
        lines += ["", *_table(prepared.plan)]
    return "\n".join(lines)


def _plain_request() -> HttpRequest:
    request = HttpRequest()
    request.method = "GET"
    request.META = {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    return request


def _reading(view_class: type[Any], request: HttpRequest) -> Reading:
    view = view_class()
    if isinstance(view, ViewSetMixin):
        view.action_map = {"get": "list"}
    view.setup(request)
    view.format_kwarg = None
    view.request = view.initialize_request(request)
    rows = sources.rows_of(view.filter_queryset(view.get_queryset()))
    source, isolation = view.get_stream_source(), view.get_stream_isolation()
    return Reading(rows, view.get_serializer(rows, many=True), view, source, isolation)


def _source(reading: Reading) -> Iterator[str]:
    if reading.choice is not None:
        source, moment = _SOURCES[reading.choice.source], _MOMENTS[reading.choice.source]
        if reading.isolation is not None:
            moment = "in one snapshot with all that is read beside the rows"
        yield f"  read {source}, {moment}, since {reading.choice.reason}"
    if reading.places is None:
        yield f"  cannot be continued, since {reading.refusal}"


def _table(plan: Plan) -> Iterator[str]:
    rows = [("field", "grade", "column", "conversion"), *_rows(plan, "", "")]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[3]]).rstrip()


def _rows(plan: Plan, prefix: str, path: str) -> Iterator[tuple[str, str, str, str]]:
    for entry in plan.entries:
        name = prefix + entry.name
        match entry.source:
            case Read():
                yield name, "column", path + "__".join(entry.source.path), _converted(entry.source)
            case Join():
                joined = path + f"{entry.source.name}__" if entry.source.name else path
                yield name, "join" if entry.source.name else "columns", joined.rstrip("_"), ""
                yield from _rows(entry.source.plan, f"{name}.", joined)
            case Collect():
                yield from _collected(entry.source, name, path)
            case _:
                yield name, "object", "", _because(entry)


def _collected(source: Collect, name: str, path: str) -> Iterator[tuple[str, str, str, str]]:
    yield name, "one query a chunk", path + source.name, ""
    joined = f"{path}{source.name}__"
    if isinstance(source.item, Plan):
        yield from _rows(source.item, f"{name}[].", joined)
    else:
        yield f"{name}[]", "column", joined + "__".join(source.item.path), _converted(source.item)


def _converted(source: Read) -> str:
    return source.convert.name


def _because(entry: Entry) -> str:
    return f"{entry.reason}. {entry.advice}" if entry.advice else f"{entry.reason}."
