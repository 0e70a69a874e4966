"""A plugin for DRF's own test suite: what it serializes is streamed as well, and compared."""

from typing import Any

import pytest


# After DRF's suite has put its settings together, without which nothing of DRF can be imported.
@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    from drf_suite import beside

    beside.watch()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    from drf_suite.beside import grades, reasons

    terminalreporter.section("streamed beside DRF")
    for grade, lists in grades.most_common():
        terminalreporter.line(f"{lists:5} lists by {grade}")
    for reason, lists in reasons.most_common():
        terminalreporter.line(f"{lists:5} because {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    from drf_suite.beside import grades

    if not {"columns", "objects"} <= grades.keys():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
