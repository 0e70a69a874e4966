from collections.abc import Iterator
from typing import Any

from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2)


class Tag(models.Model):
    name = models.CharField(max_length=30)


class WithOwnIterator(models.QuerySet):
    """May do anything to the objects, for all that a stream knows, so it has to make them."""

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        return super().iterator(chunk_size)


class Order(models.Model):
    class Status(models.TextChoices):
        NEW = "new", "Not paid yet"
        PAID = "paid", "Paid"
        SENT = "sent", "On its way"
        RETURNED = "returned", "Sent back"

    uuid = models.UUIDField()
    created = models.DateTimeField()
    updated = models.DateTimeField()
    status = models.CharField(max_length=12, choices=Status)
    customer_name = models.CharField(max_length=100)
    email = models.EmailField()
    total = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.IntegerField()
    paid = models.BooleanField()
    note = models.TextField(null=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    tags = models.ManyToManyField(Tag)

    objects = models.Manager()
    as_objects = WithOwnIterator.as_manager()
