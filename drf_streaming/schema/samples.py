"""Examples of streams, made by the renderers from schemas."""

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.serializers import BaseSerializer

from drf_streaming.events import MESSAGE, SSEEvent
from drf_streaming.renderers import BaseStreamingRenderer

Schema = Mapping[str, Any]
Resolve = Callable[[str], Schema]

_TEXTS = {
    "binary": "",
    "byte": "",
    "date": "2013-01-01",
    "date-time": "2013-01-01T12:00:00Z",
    "decimal": "0",
    "duration": "00:00:00",
    "email": "user@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "12:00:00",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def list_example(
    renderer: BaseStreamingRenderer, serializer: BaseSerializer[Any] | None, item: Any
) -> str | None:
    """Return a stream of this item, or its header where the format has one; None if it has none."""
    try:
        headed = renderer.get_encoder(serializer).header()
        body = renderer.begin(serializer)
        written = body.write([]) if headed else body.write([item]) + body.finish()
        return written.decode()
    except Exception:
        # It may want items of its own kind; the schema does not depend on an example.
        return None


def event_example(told: Mapping[str, Any]) -> str:
    """Return live events that hold these values, by their names."""
    events = [SSEEvent(value, None if name == MESSAGE else name) for name, value in told.items()]
    return b"".join(each.encode() for each in events).decode()


def sample(schema: Schema, resolve: Resolve, above: tuple[str, ...] = ()) -> Any:
    """Return a value that the schema allows, as far as that is easily found.

    Shape: `resolve` finds what a reference means; what contains itself is null there.
    """
    if name := schema.get("$ref"):
        return None if name in above else sample(resolve(name), resolve, (*above, name))
    for key in ("example", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            return sample(schema[key][0], resolve, above)
    return _of_type(schema, resolve, above)


def _of_type(schema: Schema, resolve: Resolve, above: tuple[str, ...]) -> Any:
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            properties = schema.get("properties", {})
            return {
                name: sample(each, resolve, above)
                for name, each in properties.items()
                if not each.get("writeOnly")
            }
        case "array":
            return [sample(schema.get("items", {}), resolve, above)]
        case "integer" | "number":
            return max(0, schema.get("minimum", 0))
        case "boolean":
            return True
        case "string":
            return _TEXTS.get(schema.get("format", ""), "string"[: schema.get("maxLength")])
    return None
