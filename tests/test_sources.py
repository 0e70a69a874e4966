from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drf_streaming.exceptions import TooManyRows
from drf_streaming.sources import achunks, check_count, chunks, close, is_query
from flights.models import Airline, Flight, Plane


@given(st.lists(st.integers()), st.integers(min_value=1, max_value=60))
def test_chunks_put_together_are_the_rows(rows: list[int], size: int):
    read = [*chunks(rows, size)]
    assert [row for chunk in read for row in chunk] == rows
    assert all(0 < len(chunk) <= size for chunk in read)


def test_the_first_chunk_is_small_and_the_next_ones_grow():
    assert [len(chunk) for chunk in chunks([*range(700)], 200)] == [10, 20, 40, 80, 160, 200, 190]


def test_the_rows_of_a_generator_come_one_by_one_and_only_when_asked_for():
    pulled = []

    def rows() -> Iterator[int]:
        for n in range(3):
            pulled.append(n)
            yield n

    read = chunks(rows(), 500)
    assert (next(read), pulled) == ([0], [0])
    assert (next(read), pulled) == ([1], [0, 1])


class Closeable:
    """An iterable, its iterator, or both that can be closed."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[int]:
        return iter(range(3))

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("taken", [1, 3])
def test_an_iterable_is_closed_when_it_is_left_and_at_its_end(taken: int):
    rows = Closeable()
    read = chunks(rows, 10)
    assert [next(read) for _ in range(taken)] == [[n] for n in range(taken)]
    read.close()
    assert rows.closed


def test_what_cannot_be_closed_is_left_alone():
    assert close(object()) is None


async def test_async_rows_come_one_by_one_after_an_empty_chunk():
    async def rows() -> AsyncIterator[int]:
        yield 1
        yield 2

    assert [chunk async for chunk in achunks(rows())] == [[], [1], [2]]


async def test_an_async_generator_is_closed_when_it_is_left():
    ended = []

    async def rows() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ended.append(True)

    read = achunks(rows())
    assert [await anext(read), await anext(read)] == [[], [1]]
    await read.aclose()
    assert ended == [True]


async def test_an_async_iterator_without_aclose_is_read():
    class Rows:
        def __init__(self) -> None:
            self.left = [2, 1]

        def __aiter__(self) -> "Rows":
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    assert [chunk async for chunk in achunks(Rows())] == [[], [1], [2]]


@pytest.mark.parametrize(
    ("rows", "limit", "found"),
    [([1, 2, 3], 2, "Found 3 rows"), ((1, 2, 3), 2, "Found 3 rows")],
)
def test_too_many_rows_of_a_list_are_refused_with_their_number(rows: Any, limit: int, found: str):
    with pytest.raises(TooManyRows, match=found):
        check_count(rows, limit)
    assert check_count(rows, 3) is None


def test_a_generator_is_not_counted():
    rows = iter([1, 2, 3])
    assert check_count(rows, 2) is None
    assert [*rows] == [1, 2, 3]


@pytest.mark.django_db
class TestQueries:
    def test_what_is_a_query(self):
        queries = [Flight.objects.all(), Flight.objects.values(), Flight.objects.raw("SELECT 1")]
        assert [is_query(rows) for rows in queries] == [True] * 3
        assert [is_query(rows) for rows in ([], iter([]), Flight.objects)] == [False] * 3

    def test_a_queryset_is_read_with_one_query_and_not_kept(self, django_assert_num_queries):
        rows = Flight.objects.all()
        with django_assert_num_queries(1):
            assert sum(len(chunk) for chunk in chunks(rows, 500)) == 3_000
        assert rows._result_cache is None

    def test_too_many_rows_are_counted_no_further_than_the_limit(self, django_assert_num_queries):
        with (
            django_assert_num_queries(1) as queries,
            pytest.raises(TooManyRows, match="Found 11 or"),
        ):
            check_count(Flight.objects.all(), 10)
        assert "LIMIT 11" in queries[0]["sql"]

    def test_raw_rows_are_read_without_being_kept(self):
        rows = Airline.objects.raw("SELECT * FROM flights_airline ORDER BY code")
        read = [row.code for chunk in chunks(rows, 5) for row in chunk]
        assert read == [*Airline.objects.order_by("code").values_list("code", flat=True)]
        assert rows._result_cache is None

    def test_raw_rows_get_what_is_prefetched(self, django_assert_num_queries):
        rows = Airline.objects.raw("SELECT * FROM flights_airline").prefetch_related("fleet")
        with django_assert_num_queries(2):
            read = {
                row.code: {plane.pk for plane in row.fleet.all()}
                for chunk in chunks(rows, 5)
                for row in chunk
            }
        assert read["AA"] == {*Plane.objects.filter(airlines="AA").values_list("pk", flat=True)}
