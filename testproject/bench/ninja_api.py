"""django-ninja's own JSON Lines."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.http import HttpRequest
from ninja import NinjaAPI, Schema
from ninja.streaming import JSONL
from pydantic import Field

from .models import Order
from .serializers import label, orders, unit_price
from .views import READ_AT_ONCE


class Customer(Schema):
    id: int
    name: str
    country: str


class Tag(Schema):
    id: int
    name: str


class Common(Schema):
    id: int
    uuid: UUID
    created: datetime
    updated: datetime
    status: str
    customer_name: str
    email: str
    total: Decimal
    quantity: int
    paid: bool
    note: str | None


class Flat(Common):
    customer: int = Field(alias="customer_id")


class Nested(Common):
    customer: Customer


class Method(Flat):
    label: str
    status_label: str = Field(alias="get_status_display")
    unit_price: str

    @staticmethod
    def resolve_label(order: Order) -> str:
        return label(order.customer_name, order.id)

    @staticmethod
    def resolve_unit_price(order: Order) -> str:
        return unit_price(order.total, order.quantity)


class Many(Flat):
    tags: list[Tag]


api = NinjaAPI(docs_url=None, openapi_url=None)


def add(case: str, schema: type[Schema]) -> None:
    @api.get(f"/{case}/", response=JSONL[schema], by_alias=False, operation_id=case)
    async def stream(request: HttpRequest, rows: int) -> AsyncIterator[Order]:
        async for order in orders(case, rows).aiterator(chunk_size=READ_AT_ONCE):
            yield order


add("flat", Flat)
add("nested", Nested)
add("method", Method)
add("many", Many)
