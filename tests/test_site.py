"""The built site: every page opens, looks for nothing on another host, and can be searched."""

import os
import re
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from browser import Tab
from pages import DOCS

BUILT = "DOCS_SITE" in os.environ
SITE = Path(os.environ.get("DOCS_SITE", ""))
ELSEWHERE = re.compile(r"(https?:)?//")

pytestmark = pytest.mark.skipif(not BUILT, reason="DOCS_SITE isn't set: tox run -e docs builds it")


class Assets(HTMLParser):
    """What a browser gets for a page without being asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        names = ("src", "srcset", "data", "poster", *(["href"] if tag in ("link", "use") else []))
        self.found += [attributes[name] for name in names if name in attributes]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_there_is_a_page_for_each_of_the_docs():
    pages = {each.relative_to(DOCS).with_suffix(".html") for each in DOCS.rglob("*.md")}
    assert {each.relative_to(SITE) for each in SITE.rglob("*.html")} == {*pages, Path("404.html")}


def test_no_page_takes_anything_from_another_host():
    for page in SITE.rglob("*.html"):
        assets = Assets()
        assets.feed(page.read_text())
        assert len(assets.found) > 4
        assert [each for each in assets.found if ELSEWHERE.match(each)] == [], page


def test_no_stylesheet_takes_anything_from_another_host():
    styles = [each.read_text() for each in SITE.rglob("*.css")]
    assert len(styles) > 2
    assert re.findall(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^)]*""", "".join(styles)) == []


def test_a_browser_opens_the_pages_and_asks_nobody_else(site: str, tab: Tab):
    for page in ("index.html", "how-it-works.html", "performance.html", "moving/restflow.html"):
        tab.open(f"{site}/{page}")
        tab.until("() => document.readyState === 'complete'")
    assert [
        url for url, status in tab.answers if not url.startswith(site) or status not in (200, 304)
    ] == []
    assert tab.complaints == []


def test_the_site_can_be_searched(site: str, tab: Tab):
    tab.open(f"{site}/index.html")
    tab.until("() => document.readyState === 'complete'")
    tab.click("input.md-search__input")
    for key in "heartbeat":
        tab.press(key)
    tab.until("() => document.querySelector('.md-search-result__item a[href*=events]')")
