"""FastAPI's own JSON Lines, over SQLAlchemy's asynchronous sessions."""

import os
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, computed_field
from sqlalchemy import BigInteger, DateTime, ForeignKey, Numeric, Table, TypeDecorator, Uuid, select
from sqlalchemy import Column as TableColumn
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)

URL = os.environ["DATABASE_URL"]
READ_AT_ONCE = 2000
STATUS = {"new": "Not paid yet", "paid": "Paid", "sent": "On its way", "returned": "Sent back"}


class NaiveUTC(TypeDecorator):
    """SQLite has no time zones; Django writes UTC there."""

    impl = DateTime
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> datetime:
        return value.replace(tzinfo=UTC)


if URL.startswith("sqlite"):
    engine = create_async_engine(URL.replace("sqlite:", "sqlite+aiosqlite:", 1))
    Moment: Any = NaiveUTC()
else:
    engine = create_async_engine("postgresql+asyncpg:" + URL.partition(":")[2])
    Moment = DateTime(timezone=True)
session = async_sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class CustomerRow(Base):
    __tablename__ = "bench_customer"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    country: Mapped[str]


class TagRow(Base):
    __tablename__ = "bench_tag"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]


order_tags = Table(
    "bench_order_tags",
    Base.metadata,
    TableColumn("order_id", ForeignKey("bench_order.id"), primary_key=True),
    TableColumn("tag_id", ForeignKey("bench_tag.id"), primary_key=True),
)


class OrderRow(Base):
    __tablename__ = "bench_order"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid)
    created: Mapped[datetime] = mapped_column(Moment)
    updated: Mapped[datetime] = mapped_column(Moment)
    status: Mapped[str]
    customer_name: Mapped[str]
    email: Mapped[str]
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    quantity: Mapped[int]
    paid: Mapped[bool]
    note: Mapped[str | None]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bench_customer.id"))
    customer: Mapped[CustomerRow] = relationship()
    tags: Mapped[list[TagRow]] = relationship(secondary=order_tags)


class FromAttributes(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Customer(FromAttributes):
    id: int
    name: str
    country: str


class Tag(FromAttributes):
    id: int
    name: str


class Common(FromAttributes):
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
    customer: int = Field(validation_alias="customer_id")


class Nested(Common):
    customer: Customer


class Method(Flat):
    @computed_field
    @property
    def label(self) -> str:
        return f"{self.customer_name} #{self.id}"

    @computed_field
    @property
    def status_label(self) -> str:
        return STATUS[self.status]

    @computed_field
    @property
    def unit_price(self) -> str:
        return str(round(self.total / self.quantity, 2))


class Many(Flat):
    tags: list[Tag]


app = FastAPI(docs_url=None, openapi_url=None)


async def orders(rows: int, *options: Any) -> AsyncIterator[OrderRow]:
    query = select(OrderRow).where(OrderRow.id <= rows).order_by(OrderRow.id).options(*options)
    async with session() as opened:
        found = await opened.stream_scalars(query.execution_options(yield_per=READ_AT_ONCE))
        async for order in found:
            yield order


@app.get("/fastapi/flat/")
async def flat(rows: int) -> AsyncIterable[Flat]:
    async for order in orders(rows):
        yield order


@app.get("/fastapi/nested/")
async def nested(rows: int) -> AsyncIterable[Nested]:
    async for order in orders(rows, joinedload(OrderRow.customer)):
        yield order


@app.get("/fastapi/method/")
async def method(rows: int) -> AsyncIterable[Method]:
    async for order in orders(rows):
        yield order


@app.get("/fastapi/many/")
async def many(rows: int) -> AsyncIterable[Many]:
    async for order in orders(rows, selectinload(OrderRow.tags)):
        yield order
