"""Examples that are made of schemas."""

from typing import Any

import pytest

from drf_streaming.schema.samples import sample

SCHEMAS: dict[str, Any] = {
    "#/Name": {"type": "string", "maxLength": 3},
    "#/Tree": {
        "type": "object",
        "properties": {
            "name": {"$ref": "#/Name"},
            "above": {"$ref": "#/Tree"},
            "below": {"type": "array", "items": {"$ref": "#/Tree"}},
            "secret": {"type": "string", "writeOnly": True},
        },
    },
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "number", "minimum": -3}, 0),
        ({"type": "boolean"}, True),
        ({"type": "string"}, "string"),
        ({"type": "string", "maxLength": 2}, "st"),
        ({"type": "string", "format": "date"}, "2013-01-01"),
        ({"type": "string", "format": "unheard-of"}, "string"),
        ({"type": ["string", "null"], "format": "time"}, "12:00:00"),
        ({"type": "array", "items": {"type": "integer"}}, [0]),
        ({"type": "array"}, [None]),
        ({"type": "object", "additionalProperties": {}}, {}),
        ({"type": "integer", "default": 7}, 7),
        ({"type": "string", "default": None}, "string"),
        ({"type": "string", "example": "as said"}, "as said"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"allOf": [{"$ref": "#/Name"}], "description": "A name."}, "str"),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, True),
        ({}, None),
        ({"$ref": "#/Unknown"}, None),
        ({"$ref": "#/Tree"}, {"name": "str", "above": None, "below": [None]}),
    ],
)
def test_a_sample_is_what_its_schema_says(schema: Any, expected: Any):
    assert sample(schema, lambda name: SCHEMAS.get(name, {})) == expected
