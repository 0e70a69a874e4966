"""The same orders on every machine and in every database."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from tqdm import tqdm

from .models import Customer, Order, Tag

NAMES = (
    "Amélie Straße",
    "Bjørn Åkesson",
    "Chiara D'Amico",
    "Dvořák Žaneta",
    "Ελένη Παππά",
    "Фёдор Лебедев",
    "Grace Hopkins",
    "田中 陽菜",
    "İbrahim Çelik",
    "João Conceição",
)
NOTES = (
    "leave it with the neighbour",
    'the bell says "Möller"',
    "a gift: no invoice, please",
    "after 18:00 only;\nring twice",
    "thanks 🙂",
)
COUNTRIES = ("BR", "CZ", "DE", "GR", "IT", "JP", "SE", "TR", "UA", "US")
CUSTOMERS = 2000
TAGS = 50
CHUNK = 2000
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)


@transaction.atomic
def load(rows: int) -> None:
    """Replace all data with that many orders."""
    for model in (Order.tags.through, Order, Customer, Tag):
        model._base_manager.all().delete()
    chance = random.Random(2025)
    customers = [
        Customer(id=key, name=chance.choice(NAMES), country=chance.choice(COUNTRIES))
        for key in range(1, CUSTOMERS + 1)
    ]
    Customer.objects.bulk_create(customers)
    Tag.objects.bulk_create(Tag(id=key, name=f"tag {key}") for key in range(1, TAGS + 1))
    with tqdm(total=rows, desc=f"Orders for {connection.vendor}", unit=" orders") as bar:
        for first in range(1, rows + 1, CHUNK):
            keys = range(first, min(first + CHUNK, rows + 1))
            Order.objects.bulk_create(order(key, chance.choice(customers), chance) for key in keys)
            Order.tags.through.objects.bulk_create(tags_of(keys, chance))
            bar.update(len(keys))


def order(key: int, customer: Customer, chance: random.Random) -> Order:
    # Whole milliseconds: django-ninja writes no more, and rows are to be equal.
    created = NEW_YEAR + timedelta(milliseconds=chance.randrange(31_536_000_000))
    return Order(
        id=key,
        uuid=UUID(int=chance.getrandbits(128), version=4),
        created=created,
        updated=created + timedelta(milliseconds=chance.randrange(864_000_000)),
        status=chance.choice(Order.Status.values),
        customer_name=customer.name,
        email=f"customer{customer.id}@example.com",
        total=Decimal(chance.randrange(100, 10_000_000)) / 100,
        quantity=chance.randrange(1, 40),
        paid=chance.random() < 0.6,
        note=None if chance.random() < 0.2 else ", ".join(chance.choices(NOTES, k=3)),
        customer=customer,
    )


def tags_of(keys: range, chance: random.Random) -> Iterator[Order.tags.through]:
    """Yield none to three tags for each order."""
    for key in keys:
        for tag in sorted(chance.sample(range(1, TAGS + 1), chance.randrange(4))):
            yield Order.tags.through(order_id=key, tag_id=tag)


def index() -> None:
    """Make what lists in another order are read by, also where the orders are there already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX IF NOT EXISTS bench_order_created ON bench_order (created, id)"
        )


def tidy() -> None:
    """Let the database clean up now, and not while it's measured."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("ANALYZE")
