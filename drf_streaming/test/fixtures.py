"""Fixtures for pytest: `pytest_plugins = ["drf_streaming.test.fixtures"]` in a `conftest.py`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.http import HttpResponseBase

from drf_streaming import test
from drf_streaming.events import SSEEvent


@pytest.fixture
def open_items() -> Iterator[Callable[[HttpResponseBase], test.OpenStream[Any]]]:
    """Give `drf_streaming.test.open_items`; the clients leave at the end of the test."""
    with ExitStack() as opened:
        yield lambda response: opened.enter_context(test.open_items(response))


@pytest.fixture
def open_events() -> Iterator[Callable[[HttpResponseBase], test.OpenStream[SSEEvent]]]:
    """Give `drf_streaming.test.open_events`; the clients leave at the end of the test."""
    with ExitStack() as opened:
        yield lambda response: opened.enter_context(test.open_events(response))
