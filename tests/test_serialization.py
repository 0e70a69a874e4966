from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from rest_framework import serializers

from drf_streaming import serialization
from drf_streaming.serialization import aitems
from flights.models import Flight
from flights.serializers import FlightSerializer


class Double(serializers.BaseSerializer):
    """Represent a number by its double, and count how often a serializer was made."""

    made = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        type(self).made += 1
        super().__init__(*args, **kwargs)

    def to_representation(self, instance: int) -> int:
        return 2 * instance


def items(serializer: Any, chunks: Iterator[list[Any]]) -> Iterator[Any]:
    return serialization.items(serialization.prepare(serializer, []), chunks)


def in_chunks(*chunks: list[Any]) -> Iterator[list[Any]]:
    yield from chunks


async def in_async_chunks(*chunks: list[Any]) -> AsyncIterator[list[Any]]:
    for chunk in chunks:
        yield chunk


def test_without_a_serializer_rows_are_items():
    assert [*items(None, in_chunks([1], [2, 3]))] == [[1], [2, 3]]


def test_one_serializer_serves_the_whole_stream():
    serializer = Double(many=True)
    made = Double.made
    assert [*items(serializer, in_chunks([1], [2, 3], []))] == [[2], [4, 6], []]
    assert Double.made == made


class Sorted(serializers.ListSerializer):
    def to_representation(self, data: Any) -> Any:
        return sorted(super().to_representation(data))


class WithData(serializers.ListSerializer):
    @property
    def data(self) -> Any:
        return [*super().data, "and more"]


class Summed(serializers.ListSerializer):
    @property
    def data(self) -> Any:
        return {"sum": sum(self.to_representation(self.instance))}


@pytest.mark.parametrize(
    ("list_class", "expected"), [(Sorted, [2, 4, 6]), (WithData, [6, 2, 4, "and more"])]
)
def test_a_list_serializer_of_ones_own_is_given_all_rows(list_class: Any, expected: list[Any]):
    serializer = list_class(child=Double())
    (whole,) = items(serializer, in_chunks([3], [1, 2]))
    assert whole == expected


def test_a_serializer_whose_data_is_no_list_is_refused():
    with pytest.raises(TypeError, match=r"Summed\.data must be a list to be streamed, got dict"):
        next(items(Summed(child=Double()), in_chunks([1])))


@pytest.mark.parametrize("serializer", [None, Double(many=True), Sorted(child=Double())])
def test_leaving_closes_the_rows(serializer: Any):
    ended = []

    def rows() -> Iterator[list[int]]:
        try:
            yield [1]
        finally:
            ended.append(True)

    read = items(serializer, rows())
    next(read)
    read.close()
    assert ended == [True]


async def test_async_rows_are_represented_chunk_by_chunk():
    assert [chunk async for chunk in aitems(None, in_async_chunks([], [1]))] == [[], [1]]
    read = aitems(Double(many=True), in_async_chunks([], [1], [2, 3]))
    assert [chunk async for chunk in read] == [[], [2], [4, 6]]


async def test_async_rows_cannot_be_represented_as_a_whole():
    with pytest.raises(TypeError, match="Sorted represents the list as a whole"):
        await anext(aitems(Sorted(child=Double()), in_async_chunks([1])))


@pytest.mark.django_db
async def test_fields_of_async_rows_may_read_related_rows():
    flights = [flight async for flight in Flight.objects.order_by("id")[:2]]
    serializer = FlightSerializer(many=True)
    (chunk,) = [chunk async for chunk in aitems(serializer, in_async_chunks(flights))]
    assert [item["carrier"]["code"] for item in chunk] == [each.carrier_id for each in flights]
