"""The fixtures, in a project that has asked for them."""

import re
from pathlib import Path

import pytest

from drf_streaming import test

PAGE = Path(__file__).resolve().parent.parent / "docs" / "testing.md"

pytest_plugins = ["pytester"]

TEST = """
from drf_streaming.responses import NDJSONResponse, SSEResponse

closed = []


def numbers(name):
    try:
        yield 1
        yield 2
    finally:
        closed.append(name)


def test_streams_stay_open(open_items, open_events):
    items = open_items(NDJSONResponse(numbers("items")))
    events = open_events(SSEResponse(numbers("events")))
    assert (next(items), next(events).data, closed) == (1, "1", [])
    assert next(items) == 2
    open_items(NDJSONResponse([])).close()


def test_they_were_closed():
    assert sorted(closed) == ["events", "items"]
"""


def passed(pytester: pytest.Pytester, conftest: str, test: str) -> int:
    """Return how many of these tests pass."""
    pytester.makeconftest(conftest)
    pytester.makepyfile(test)
    # Django has been set up for this test already.
    run = pytester.runpytest_inprocess("-p", "no:django", "-p", "no:asyncio")
    return run.parseoutcomes().get("passed", 0)


def test_fixtures_leave_at_the_end_of_a_test(pytester: pytest.Pytester):
    assert passed(pytester, 'pytest_plugins = ["drf_streaming.test.fixtures"]', TEST) == 2


def test_the_example_of_the_page_passes(pytester: pytest.Pytester):
    section = PAGE.read_text().partition("## Fixtures for pytest")[2]
    conftest, test = re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[:2]
    assert passed(pytester, conftest, test) == 1


def test_all_that_tests_import_is_on_the_page():
    page = PAGE.read_text()
    assert [name for name in test.__all__ if not re.search(rf"`[^`\n]*\b{name}\b", page)] == []
