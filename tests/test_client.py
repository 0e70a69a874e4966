"""The client: what it writes over cut connections and killed servers, and when it gives up."""

import os
import random
import runpy
import signal
import ssl
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from email.utils import formatdate
from inspect import getfile
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection
from rest_framework.renderers import JSONRenderer

from drf_streaming.__main__ import main
from drf_streaming.client import Export, Incomplete, Refused
from flights.models import Flight
from flights.serializers import FlightSerializer
from relays import answer, answering, relay
from servers import Server, eventually, url_of

# To load certificates takes longer than most of these exports.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

pytestmark = pytest.mark.django_db
both = pytest.mark.parametrize("wire", ["ndjson", "sse"])


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server("uvicorn", url_of(connection.settings_dict), tmp_path_factory.mktemp("client"))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def flights(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> list[bytes]:
    with django_db_blocker.unblock():
        queryset = Flight.objects.select_related("carrier")
        return [as_drf_writes(item) for item in FlightSerializer(queryset, many=True).data]


def as_drf_writes(item: Any) -> bytes:
    return JSONRenderer().render(item)


def lines(records: list[bytes]) -> bytes:
    return b"".join(record + b"\n" for record in records)


def no_pause(seconds: float) -> None:
    pass


def exported(url: str, **options: Any) -> list[bytes]:
    with httpx.Client(timeout=30, verify=PLAIN) as client:
        return [*Export(client, url, **{"wait": no_pause, "attempts": 1000} | options)]


def run(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    """Start the client as people do, without settings of Django."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    command = [sys.executable, "-m", "drf_streaming", *arguments]
    return subprocess.Popen(command, env=env, **options)


@both
def test_a_file_holds_the_whole_list(
    server: Server, wire: str, flights: list[bytes], tmp_path: Path
) -> None:
    file = tmp_path / "flights"
    assert main([f"{server.url}/flights/?stream={wire}", "-o", str(file)]) == 0
    assert file.read_bytes() == lines(flights)
    assert [*tmp_path.iterdir()] == [file]


@both
def test_an_empty_list_is_complete(server: Server, wire: str, tmp_path: Path) -> None:
    file = tmp_path / "flights"
    assert main([f"{server.url}/flights/?stream={wire}&search=nothing", "-o", str(file)]) == 0
    assert file.read_bytes() == b""


def test_standard_output_gets_rows_and_nothing_else(
    server: Server, flights: list[bytes], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main([f"{server.url}/flights/"]) == 0
    assert capfdbinary.readouterr() == (lines(flights), b"")


@both
def test_no_row_is_lost_or_doubled_over_random_cuts(
    server: Server, wire: str, flights: list[bytes]
) -> None:
    cuts: list[float] = []
    chance = random.Random(f"cuts of {wire}")
    limits = (chance.randrange(40_000) for _ in repeat(None))
    with relay(server, limits) as url:
        got = exported(f"{url}/flights/?stream={wire}", marks=20, wait=cuts.append)
    assert got == flights
    assert len(cuts) > 20


@both
def test_a_cut_may_be_at_any_byte(server: Server, wire: str) -> None:
    path = "/airports/?search=Newark"
    expected = [as_drf_writes(item) for item in httpx.get(server.url + path).json()["results"]]
    path += f"&stream={wire}"
    with httpx.stream("GET", f"{server.url}{path}&marks=2") as response:
        body = sum(map(len, response.iter_raw()))
        # Status line, headers and the lengths of the chunks are about as many.
        size = body + 3 * sum(map(len, chain.from_iterable(response.headers.raw)))
    # All of them take half a minute.
    cuts = range(random.Random(f"a cut of {wire}").randrange(5), size, 5)
    limits = chain.from_iterable((cut, None) for cut in cuts)
    with relay(server, limits) as url:
        for cut in cuts:
            assert exported(f"{url}{path}", marks=2) == expected, cut


def test_rows_come_once_from_a_server_that_is_killed_five_times(
    server: Server, flights: list[bytes]
) -> None:
    chance = random.Random("kills")
    kills = 0
    restarts: list[float] = []

    def start_again(seconds: float) -> None:
        restarts.append(seconds)
        server.start()

    got: list[bytes] = []
    with httpx.Client(timeout=30) as client:
        url = f"{server.url}/slow-flights/?stream=ndjson&pause=0.001"
        for record in Export(client, url, marks=20, wait=start_again):
            if kills == len(restarts) and kills < 5 and chance.random() < 0.01:
                kills += 1
                server.kill()
            got.append(record)
    assert got == flights
    assert (kills, len(restarts)) == (5, 5)


def test_a_file_is_whole_after_a_server_was_killed_five_times(
    server: Server, flights: list[bytes], tmp_path: Path
) -> None:
    file = tmp_path / "flights"
    url = f"{server.url}/slow-flights/?stream=sse&pause=0.001"
    client = run(url, "-o", str(file), stderr=subprocess.PIPE)

    def written() -> int:
        return sum(each.stat().st_size for each in tmp_path.iterdir())

    for _ in range(5):
        before = written()
        assert eventually(lambda before=before: written() > before, True, within=30)
        server.kill()
        server.start()
    _, told = client.communicate(timeout=60)
    assert (client.returncode, file.read_bytes() == lines(flights)) == (0, True)
    assert told.count(b"going on in") >= 5
    assert [*tmp_path.iterdir()] == [file]


def test_a_stream_that_fails_goes_on_after_its_mark(server: Server, flights: list[bytes]) -> None:
    pauses: list[float] = []
    for wire in ("ndjson", "sse"):
        url = f"{server.url}/failing/?stream={wire}&fail_at=1600"
        assert exported(url, wait=pauses.append) == flights
    assert len(pauses) == 4


@both
def test_a_server_that_keeps_failing_is_given_up(
    server: Server, wire: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"{server.url}/failing/?stream={wire}&fail_at=1"
    assert main([url, "-o", str(tmp_path / "flights"), "--attempts", "1"]) == 4
    assert [*tmp_path.iterdir()] == []
    assert capfd.readouterr().err.startswith("500 Internal Server Error")


@both
def test_a_list_without_places_does_not_go_on(server: Server, wire: str) -> None:
    url = f"{server.url}/source/sync/?stream={wire}&rows=50&fail_at=40"
    with pytest.raises(Incomplete, match="after 39 rows; this list has no places"):
        exported(url)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/flights/?min_delay=soon", '400 Bad Request {"min_delay":["Enter a whole number."]}'),
        (
            "/flights/?stream=sse&min_delay=soon",
            '400 Bad Request data: {"min_delay":["Enter a whole number."]}',
        ),
        ("/flights/?after=me", '400 Bad Request {"after":["This is no place in this list.'),
        ("/nowhere/", "404 Not Found"),
        ("/flights", "301 Moved Permanently /flights/"),
        ("/flights/?stream=sse&last_event_id=~end", "204 No Content"),
        ("/flights/?stream=csv", "Expected NDJSON or server-sent events, got 'text/csv'"),
        ("/response/sync/?rows=3000", "The server sends no marks"),
        (":flights", "Not understood: InvalidURL"),
    ],
)
def test_what_is_refused_is_not_asked_for_again(
    server: Server, path: str, told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "flights"
    file.write_text("of yesterday")
    assert main([server.url + path, "-o", str(file)]) == 3
    assert capfd.readouterr().err.startswith(told)
    assert [(each, each.read_text()) for each in tmp_path.iterdir()] == [(file, "of yesterday")]


def test_a_request_that_cannot_be_sent_is_refused(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["ftp://127.0.0.1/"]) == 3
    assert "unsupported protocol 'ftp://'" in capfd.readouterr().err
    assert main([server.url, "-H", "no name: x"]) == 3
    assert "Illegal header name" in capfd.readouterr().err


END = b'{"$stream":"end","rows":%d,"resume":"z"}\n'
MARKED = b'{"n":1}\n{"$stream":"mark","rows":1,"resume":"a"}\n{"n":2}\n'
EVENT = b'id: %b\ndata: {"n":%d}\n\n'
EVENTS = {"Content_Type": "text/event-stream"}


def asked(answers: list[bytes], query: str = "") -> tuple[list[bytes], list[str], list[float]]:
    """Return the records, the requests and the pauses of an export from these answers."""
    requests: list[str] = []
    pauses: list[float] = []
    with answering(answers, requests) as url:
        return exported(url + query, wait=pauses.append), requests, pauses


def test_a_response_that_ends_properly_is_no_complete_list() -> None:
    records, requests, _ = asked([answer(MARKED), answer(b'{"n":2}\n{"n":3}\n' + END % 2)])
    assert records == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
    assert ["after=a" in each for each in requests] == [False, True]
    events = b"".join([EVENT % (b"a", 1), EVENT % (b"b", 2)])
    end = b'event: end\nid: ~end\ndata: {"rows":1}\n\n'
    records, requests, _ = asked(
        [answer(events + b"id: c\ndata: {", **EVENTS), answer(EVENT % (b"c", 3) + end, **EVENTS)]
    )
    assert records == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
    assert ["Last-Event-ID: b\r\n" in each for each in requests] == [False, True]
    assert "after=" not in requests[1]


def test_the_place_replaces_that_of_the_url() -> None:
    _, requests, _ = asked([answer(MARKED), answer(END % 0)], "/list/?after=0&marks=1&q=a%20b")
    assert [each.split(" ")[1] for each in requests] == [
        "/list/?after=0&marks=500&q=a+b",
        "/list/?after=a&marks=500&q=a+b",
    ]


@pytest.mark.parametrize(
    "told",
    [
        answer(b'{"n":1}\n' + END % 2),
        answer(EVENT % (b"a", 1) + b'event: end\ndata: {"rows":2}\n\n', **EVENTS),
        answer(b'{"n":1}\n{"$stream":"mark"}\n'),
    ],
)
def test_rows_that_got_lost_are_no_complete_list(told: bytes) -> None:
    with pytest.raises(Incomplete, match="but 1 arrived"):
        asked([told])


@pytest.mark.parametrize(
    "told",
    [
        answer(b'{"$stream":"error","status":400,"title":"Bad Request","rows":0}\n'),
        answer(
            b'event: problem\ndata: {"status":400,"title":"Bad Request","rows":0}\n\n', **EVENTS
        ),
    ],
)
def test_a_failure_that_stays_is_refused(told: bytes) -> None:
    with pytest.raises(Refused, match="400 Bad Request"):
        asked([told])


def test_only_the_end_is_the_end() -> None:
    for told in (
        answer(b'{"$stream":"later","rows":0}\n'),
        answer(b'event: problem\ndata: {"rows":0}\n\n', **EVENTS),
        answer(b""),
        answer(b"", **EVENTS),
    ):
        records, requests, _ = asked([told, answer(b'{"n":1}\n' + END % 1)])
        assert (records, len(requests)) == ([b'{"n":1}'], 2)


def test_a_mark_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="Not understood: JSONDecodeError"):
        asked([answer(b"event: end\ndata: [DONE]\n\n", **EVENTS)])


def test_only_a_line_feed_ends_a_line() -> None:
    row = '{"text":"a\u2028b\x85c\r\x0b\x0c\x1c"}'.encode()
    assert asked([answer(row + b"\n" + END % 1)])[0] == [row]


def test_data_of_several_lines_is_one_line() -> None:
    events = b'data: {"n":\ndata: 1}\n\nevent: end\ndata: {"rows":1}\n\n'
    assert asked([answer(events, **EVENTS)])[0] == [b'{"n": 1}']


def test_pauses_grow_until_something_new_comes() -> None:
    busy = answer(b"", "503 Service Unavailable")
    _, _, pauses = asked([*[busy] * 9, answer(MARKED), busy, answer(END % 0)])
    least = [1, 2, 4, 8, 16, 32, 60, 60, 60, 1, 2]
    assert [least <= pause <= 1.5 * least for pause, least in zip(pauses, least, strict=True)] == [
        True
    ] * len(least)
    assert len({pause / least for pause, least in zip(pauses, least, strict=True)}) > 1


@pytest.mark.parametrize("spelling", ["seconds", "date"])
def test_the_server_says_how_long_to_leave_it_alone(spelling: str) -> None:
    until = {"seconds": "300", "date": formatdate(time.time() + 300, usegmt=True)}
    throttled = answer(b"", "429 Too Many Requests", Retry_After=until[spelling])
    _, _, (pause, then) = asked([throttled, answer(b""), answer(END % 0)])
    assert 200 < pause <= 450
    assert then <= 3


def test_events_say_how_long_to_wait() -> None:
    events = b"retry: 7000\n:\n" + EVENT % (b"a", 1)
    end = b'event: end\ndata: {"rows":0}\n\n'
    busy = answer(b"", "503 Service Unavailable")
    _, _, pauses = asked([answer(events, **EVENTS), busy, answer(end, **EVENTS)])
    assert [7 <= pause <= 10.5 for pause in pauses] == [True, True]


def test_events_without_data_are_no_rows() -> None:
    events = EVENT % (b"a", 1) + b"retry: 1\n\nid: b\n\n" + b'event: end\ndata: {"rows":1}\n\n'
    assert asked([answer(events, **EVENTS)])[0] == [b'{"n":1}']


def test_a_pause_of_hours_is_not_waited_for() -> None:
    with pytest.raises(Incomplete, match=r"429 Too Many Requests, after 0 rows.*86400 s"):
        asked([answer(b"", "429 Too Many Requests", Retry_After="86400")])


def test_a_silent_server_is_a_cut(server: Server) -> None:
    with httpx.Client(timeout=0.2) as client:
        export = Export(client, f"{server.url}/source/async/?stream=ndjson&pause=60", attempts=1)
        with pytest.raises(Incomplete, match=r"timed out|ReadTimeout"):
            list(export)


def test_the_number_of_rows_is_known_where_the_server_tells(tmp_path: Path) -> None:
    answers = [answer(MARKED, X_Total_Count="9"), answer(b"", "500 No"), answer(END % 0)]
    with answering(answers, []) as url, httpx.Client() as client:
        export = Export(client, url, wait=no_pause)
        assert export.total is None
        assert [*export] == [b'{"n":1}']
        assert (export.total, export.rows) == (9, 1)


def test_headers_may_be_in_a_file(tmp_path: Path) -> None:
    requests: list[str] = []
    secret = tmp_path / "secret"
    secret.write_text("-H\nAuthorization: Token of a test\n")
    with answering([answer(END % 0)], requests) as url:
        assert main([url, f"@{secret}", "-H", "X-Tenant:us", "-o", str(tmp_path / "rows")]) == 0
    assert "\r\nAuthorization: Token of a test\r\nX-Tenant: us\r\n" in requests[0]


@pytest.mark.parametrize(
    "arguments", [[], ["http://x/", "-H", "nothing"], ["http://x/", "-H", "ä:"]]
)
def test_wrong_arguments_are_told(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


@pytest.mark.parametrize("name", [".", "missing/rows"])
def test_what_cannot_be_written_is_not_asked_for(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    requests: list[str] = []
    with answering([], requests) as url:
        assert main([url, "-o", str(tmp_path / name)]) == 1
    assert (requests, [*tmp_path.iterdir()]) == ([], [])
    assert str(tmp_path) in capfd.readouterr().err


def test_a_file_that_is_replaced_keeps_its_mode_and_its_links(tmp_path: Path) -> None:
    file, link = tmp_path / "rows", tmp_path / "link"
    file.touch(0o600)
    link.symlink_to(file)
    with answering([answer(b'{"n":1}\n' + END % 1)], []) as url:
        assert main([url, "-o", str(link)]) == 0
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b'{"n":1}\n', 0o600)
    assert link.readlink() == file


def test_a_reader_that_leaves_is_no_traceback(server: Server) -> None:
    client = run(f"{server.url}/flights/", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert client.stdout
    assert client.stderr
    assert client.stdout.read(1) == b"{"
    client.stdout.close()
    assert (client.stderr.read(), client.wait(timeout=30)) == (b"[Errno 32] Broken pipe\n", 1)
    client.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_it_leaves_no_half_file(
    server: Server, number: signal.Signals, tmp_path: Path
) -> None:
    url = f"{server.url}/slow-flights/?stream=sse"
    client = run(url, "-o", str(tmp_path / "flights"), stderr=subprocess.PIPE)

    def written() -> bool:
        return any(each.stat().st_size for each in tmp_path.iterdir())

    assert eventually(written, True, within=30)
    client.send_signal(number)
    assert (client.communicate(timeout=30)[1], client.returncode) == (b"", 130)
    assert [*tmp_path.iterdir()] == []


def test_an_interrupt_is_an_exit_code(tmp_path: Path) -> None:
    def interrupts() -> Iterator[bytes]:
        os.kill(os.getpid(), signal.SIGINT)
        yield answer(b"")

    with answering(interrupts(), []) as url:
        assert main([url, "-o", str(tmp_path / "rows")]) == 130
    assert [*tmp_path.iterdir()] == []


def test_the_packages_of_the_extra_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(getfile(main), run_name="__main__")
    assert "pip install 'drf-streaming[client]'" in capsys.readouterr().err


def test_the_module_runs_as_a_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with answering([answer(END % 0)], []) as url:
            monkeypatch.setattr(sys, "argv", ["-m", url, "-o", str(tmp_path / "rows")])
            with pytest.raises(SystemExit, match="0"):
                runpy.run_path(getfile(main), run_name="__main__")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (tmp_path / "rows").read_bytes() == b""


def test_it_needs_no_django(tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        "sys.modules |= dict.fromkeys(['django', 'rest_framework', 'msgspec', 'asgiref'])\n"
        "runpy.run_module('drf_streaming', run_name='__main__')\n"
    )
    with answering([answer(b'{"n":1}\n' + END % 1)], []) as url:
        done = subprocess.run(
            [sys.executable, "-c", code, url], capture_output=True, check=False, cwd=tmp_path
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"n":1}\n', b"")


def test_a_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    seen, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    told = answer(MARKED.replace(b'{"n":2}\n', END % 1), X_Total_Count="9")
    with answering([told], []) as url:
        client = run(url, "-o", str(tmp_path / "rows"), stderr=terminal)
        assert client.wait(timeout=30) == 0
    os.close(terminal)
    assert b"1.00/9.00" in os.read(seen, 65536)
    os.close(seen)


def test_memory_does_not_grow_with_the_list(server: Server) -> None:
    def peak(rows: int) -> int:
        client = run(f"{server.url}/source/sync/?stream=sse&rows={rows}", stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
        assert client.returncode == 0
        return usage.ru_maxrss

    assert peak(60_000) - peak(3_000) < 10_000
