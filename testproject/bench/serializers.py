"""The cases: what is listed, by which serializer, from which queryset."""

from decimal import Decimal
from typing import Any

from django.db.models import Manager, QuerySet
from rest_framework import serializers

from .models import Customer, Order, Tag

FIELDS = [
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


class CustomerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Customer
        fields = ["id", "name", "country"]


class TagSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tag
        fields = ["id", "name"]


class FlatSerializer(serializers.ModelSerializer):
    class Meta:
        model = Order
        fields = FIELDS


class NestedSerializer(FlatSerializer):
    customer = CustomerSerializer()


class MethodSerializer(FlatSerializer):
    label = serializers.SerializerMethodField()
    status_label = serializers.CharField(source="get_status_display")
    unit_price = serializers.SerializerMethodField()

    class Meta(FlatSerializer.Meta):
        fields = [*FIELDS, "label", "status_label", "unit_price"]

    def get_label(self, order: Order) -> str:
        return label(order.customer_name, order.id)

    def get_unit_price(self, order: Order) -> str:
        return unit_price(order.total, order.quantity)


class ManySerializer(FlatSerializer):
    tags = TagSerializer(many=True)

    class Meta(FlatSerializer.Meta):
        fields = [*FIELDS, "tags"]


def label(customer_name: str, key: int) -> str:
    return f"{customer_name} #{key}"


def unit_price(total: Decimal, quantity: int) -> str:
    return str(round(total / quantity, 2))


SERIALIZERS: dict[str, type[serializers.ModelSerializer]] = {
    "flat": FlatSerializer,
    "indexed": FlatSerializer,
    "nested": NestedSerializer,
    "method": MethodSerializer,
    "many": ManySerializer,
}


def orders(case: str, rows: int, manager: Manager = Order.objects) -> QuerySet:
    """Return the first so many orders, with the relations that the case needs."""
    order = ["created", "id"] if case == "indexed" else ["id"]
    found = manager.filter(id__lte=rows).order_by(*order)
    if case == "nested":
        return found.select_related("customer")
    return found.prefetch_related("tags") if case == "many" else found


def overridden(serializer: type[serializers.ModelSerializer]) -> type[serializers.ModelSerializer]:
    """Return a serializer that does the same in a method of its own, so that DRF has to do it."""

    class Overridden(serializer):
        def to_representation(self, instance: Order) -> dict[str, Any]:
            return super().to_representation(instance)

    return Overridden
