"""What drf-spectacular would leave out, or say otherwise than the API does."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema


class LocalTime(OpenApiSerializerFieldExtension):
    """A time of day has no offset, which the format `time` asks for."""

    target_class = "rest_framework.serializers.TimeField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\d{2}:\d{2}:\d{2}(\.\d{1,6})?$"}


NOT_FOUND = {"description": "No such object, page or format."}


def tell_the_rest(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"].setdefault("404", NOT_FOUND)
            for parameter in operation["parameters"]:
                # django-filter takes an empty date as none.
                if parameter["in"] == "query" and "format" in parameter["schema"]:
                    parameter["allowEmptyValue"] = True
    return result
