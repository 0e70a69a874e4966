"""Chromium, driven from a thread of its own.

Playwright keeps an event loop in the thread that uses it. In the thread of the tests, Django would
refuse to use the database, and async tests to start.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from programs import module, program
from servers import PATIENCE

T = TypeVar("T")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Chromium:
    """A running browser."""

    def __init__(self) -> None:
        path = program("chromium", "chromium-browser", "google-chrome")
        playwright = module("playwright.sync_api").sync_playwright
        self._thread = ThreadPoolExecutor(1)
        self._driver = self.call(lambda: playwright().start())
        self._browser = self.call(
            lambda: self._driver.chromium.launch(executable_path=path, args=OPTIONS)
        )

    def call(self, do: Callable[[], T]) -> T:
        return self._thread.submit(do).result()

    def close(self) -> None:
        self.call(self._browser.close)
        self.call(self._driver.stop)
        self._thread.shutdown()

    @contextmanager
    def tab(self, **options: Any) -> Iterator["Tab"]:
        """Open a tab that shares no cookie with the others."""
        context = self.call(lambda: self._browser.new_context(**options))
        try:
            yield Tab(self, context)
        finally:
            self.call(context.close)


class Tab:
    """A page of the browser, and what its console and its network tell."""

    def __init__(self, browser: Chromium, context: Any) -> None:
        self._call = browser.call
        self._context = context
        self._page = self._call(context.new_page)
        self.complaints: list[str] = []
        self.answers: list[tuple[str, int]] = []
        """The URL and the status of each answer."""
        self.unanswered: list[tuple[str, str]] = []
        """The URL of each request that failed, and why."""
        self._call(self._watch)

    def _watch(self) -> None:
        page = self._page
        page.on("console", lambda message: self._complain(message))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda each: self.unanswered.append((each.url, each.failure)))
        page.on("response", lambda each: self.answers.append((each.url, each.status)))

    def _complain(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, url: str) -> None:
        self._call(lambda: self._page.goto(url))

    def run(self, script: str, *given: Any) -> Any:
        """Return what a function of JavaScript gives, or what it promises."""
        return self._call(lambda: self._page.evaluate(script, list(given)))

    def until(self, script: str, *given: Any, within: float = 15) -> Any:
        """Return what a function of JavaScript gives as soon as that is true."""

        def wait() -> Any:
            found = self._page.wait_for_function(
                script, arg=list(given), timeout=within * PATIENCE * 1000, polling=20
            )
            return found.json_value()

        return self._call(wait)

    def download(self, selector: str) -> tuple[str, bytes]:
        """Return the name and the bytes of the file that a click saves."""

        def save() -> tuple[str, bytes]:
            with self._page.expect_download() as saving:
                self._page.click(selector)
            return saving.value.suggested_filename, Path(saving.value.path()).read_bytes()

        return self._call(save)

    def text(self, selector: str) -> str:
        return str(self._call(lambda: self._page.inner_text(selector)))

    def click(self, selector: str) -> None:
        self._call(lambda: self._page.click(selector))

    def press(self, key: str) -> None:
        self._call(lambda: self._page.keyboard.press(key))

    def before_each_page(self, script: str) -> None:
        self._call(lambda: self._context.add_init_script(script))

    def set_cookie(self, url: str, name: str, value: str) -> None:
        cookie = {"name": name, "value": value, "url": url}
        self._call(lambda: self._context.add_cookies([cookie]))
