"""The thread that makes the calls of a source, and is there only while there are some."""

import threading
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError

from drf_streaming.bridge import idle
from live_uses import Use
from servers import eventually


def test_a_call_that_comes_as_connections_are_given_back_has_the_same_thread(monkeypatch: Any):
    thread, calls = idle.BriefThread(), []

    def give_back() -> bool:
        if not calls:
            calls.append(thread.submit(threading.get_ident))
        return True

    monkeypatch.setattr(idle, "give_back", give_back)
    first = thread.submit(threading.get_ident).result(20)
    assert eventually(lambda: len(calls), 1, within=20) == 1
    assert calls[0].result(20) == first
    thread.shutdown()


async def test_a_brief_thread_that_was_never_needed_is_shut_down():
    idle.BriefThread().shutdown()


async def test_a_brief_thread_that_is_shut_down_is_not_waited_for_and_makes_every_call():
    thread, go_on = idle.BriefThread(), threading.Event()
    futures = [thread.submit(go_on.wait, 20), thread.submit(threading.get_ident)]
    thread.shutdown()
    futures.append(thread.submit(threading.get_ident))
    go_on.set()
    assert futures[0].result(20)
    assert futures[1].result(20) == futures[2].result(20) != threading.get_ident()


def test_a_brief_thread_that_was_shut_down_makes_the_calls_that_come_later():
    thread = idle.BriefThread()
    first = thread.submit(threading.current_thread).result(20)
    thread.shutdown()
    first.join(20)
    assert thread.submit(len, "later").result(20) == 5


def test_a_thread_that_cannot_be_started_is_an_error_of_that_call_only(monkeypatch: Any):
    thread = idle.BriefThread()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot_start)
        with pytest.raises(RuntimeError, match="can't start"):
            thread.submit(len, "first")
    assert thread.submit(len, "second").result(20) == 6


def cannot_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_connection_that_cannot_be_closed_ends_no_thread(committed: None, monkeypatch: Any):
    thread = idle.BriefThread()
    use = thread.submit(Use).result(20)

    def broken(driver: Any) -> None:
        driver.close()
        raise DatabaseError

    with monkeypatch.context() as patched:
        for each in use.connections:
            patched.setattr(each, "_close", partial(broken, each.connection))
        use.thread.join(20)
        assert not use.thread.is_alive()
    assert use.open == 0
    assert thread.submit(len, "later").result(20) == 5
