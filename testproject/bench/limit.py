"""The limit: a bare ASGI application, the database's own driver, and orjson."""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qs

import orjson
import psycopg

URL = os.environ["DATABASE_URL"]
READ_AT_ONCE = 2000
BLOCK_SIZE = 64 * 1024
STATUS = {"new": "Not paid yet", "paid": "Paid", "sent": "On its way", "returned": "Sent back"}
OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

KEYS = [
    "id",
    "uuid",
    "created",
    "updated",
    "status",
    "customer_name",
    "email",
    "total",
    "quantity",
    "paid",
    "note",
    "customer",
]
POSTGRESQL = (
    "o.id, o.uuid, o.created, o.updated, o.status, o.customer_name, o.email, o.total::text,"
    " o.quantity, o.paid, o.note, o.customer_id"
)
SQLITE = (
    "o.id, substr(o.uuid, 1, 8) || '-' || substr(o.uuid, 9, 4) || '-' || substr(o.uuid, 13, 4)"
    " || '-' || substr(o.uuid, 17, 4) || '-' || substr(o.uuid, 21),"
    " replace(o.created, ' ', 'T') || 'Z', replace(o.updated, ' ', 'T') || 'Z',"
    " o.status, o.customer_name, o.email, printf('%.2f', o.total),"
    " o.quantity, o.paid, o.note, o.customer_id"
)
COLUMNS, PLACE = (SQLITE, "?") if URL.startswith("sqlite") else (POSTGRESQL, "%s")
FLAT = f"SELECT {COLUMNS} FROM bench_order o WHERE o.id <= {PLACE} ORDER BY o.id"
NESTED = (
    f"SELECT {COLUMNS}, c.id, c.name, c.country FROM bench_order o"
    f" JOIN bench_customer c ON c.id = o.customer_id WHERE o.id <= {PLACE} ORDER BY o.id"
)
TAGS = (
    "SELECT l.order_id, t.id, t.name FROM bench_order_tags l JOIN bench_tag t ON t.id = l.tag_id"
    f" WHERE l.order_id BETWEEN {PLACE} AND {PLACE} ORDER BY l.order_id"
)

Row = tuple[Any, ...]
Item = dict[str, Any]
Read = Callable[[str, Row], AsyncIterator[list[Row]]]


def flat(row: Row) -> Item:
    item = dict(zip(KEYS, row, strict=False))
    item["paid"] = bool(item["paid"])
    return item


def nested(row: Row) -> Item:
    *_, key, name, country = row
    return {**flat(row), "customer": {"id": key, "name": name, "country": country}}


def method(row: Row) -> Item:
    item = flat(row)
    item["label"] = f"{item['customer_name']} #{item['id']}"
    item["status_label"] = STATUS[item["status"]]
    item["unit_price"] = str(round(Decimal(item["total"]) / item["quantity"], 2))
    return item


CASES = {"flat": (FLAT, flat), "nested": (NESTED, nested), "method": (FLAT, method)}


async def items(case: str, rows: int, read: Read) -> AsyncIterator[list[Item]]:
    query, make = CASES.get(case, (FLAT, flat))
    async for chunk in read(query, (rows,)):
        made = [make(row) for row in chunk]
        if case == "many":
            await add_tags(made, read)
        yield made


async def add_tags(chunk: list[Item], read: Read) -> None:
    found = [row async for rows in read(TAGS, (chunk[0]["id"], chunk[-1]["id"])) for row in rows]
    tags = {
        key: [{"id": tag, "name": name} for _, tag, name in group]
        for key, group in groupby(found, itemgetter(0))
    }
    for item in chunk:
        item["tags"] = tags.get(item["id"], ())


@asynccontextmanager
async def sqlite_reader() -> AsyncIterator[Read]:
    with closing(sqlite3.connect(URL.removeprefix("sqlite:///"))) as connection:

        async def read(query: str, values: Row) -> AsyncIterator[list[Row]]:
            cursor = connection.execute(query, values)
            while rows := cursor.fetchmany(READ_AT_ONCE):
                yield rows

        yield read


@asynccontextmanager
async def postgresql_reader() -> AsyncIterator[Read]:
    in_utc = "-c timezone=UTC"
    async with await psycopg.AsyncConnection.connect(URL, options=in_utc) as connection:
        opened = 0

        async def read(query: str, values: Row) -> AsyncIterator[list[Row]]:
            nonlocal opened
            opened += 1
            async with connection.cursor(name=f"rows{opened}", binary=True) as cursor:
                await cursor.execute(query, values)
                while rows := await cursor.fetchmany(READ_AT_ONCE):
                    yield rows

        yield read


reader = sqlite_reader if URL.startswith("sqlite") else postgresql_reader


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    case = scope["path"].strip("/").rpartition("/")[2]
    rows = int(parse_qs(scope["query_string"].decode())["rows"][0])
    headers = [(b"content-type", b"application/x-ndjson")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    block = bytearray()
    async with reader() as read:
        async for chunk in items(case, rows, read):
            for item in chunk:
                block += orjson.dumps(item, option=OPTIONS)
                if len(block) >= BLOCK_SIZE:
                    await send(body(block, more=True))
                    block.clear()
    await send(body(block, more=False))


def body(block: bytearray, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": bytes(block), "more_body": more}
