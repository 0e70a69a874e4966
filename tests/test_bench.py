"""What the benchmark makes of its measures; measuring is `tox -e bench`."""

import json
from pathlib import Path

from bench import report
from bench.endpoints import ORDERS, SOURCES, Endpoint, Subject, subjects
from bench.measures import Measure, ratio, summarize

COLUMNS = Subject("sqlite", Endpoint("columns", "flat", "ndjson"), 100, "new")
LIST = COLUMNS.of(peer="list", format="json")


def measure(subject: Subject, seconds: float, first_byte_ms: float = 1.0) -> Measure:
    return Measure(subject, seconds, first_byte_ms, cpu_us_per_row=8.25, memory_mb=2.5, load=0.5)


def test_each_figure_is_the_median_of_its_rounds():
    rounds = [measure(COLUMNS, 0.5, 9), measure(COLUMNS, 0.1, 4), measure(COLUMNS, 0.2, 7)]
    assert summarize([*rounds, measure(LIST, 1)]) == {
        COLUMNS: measure(COLUMNS, 0.2, 7),
        LIST: measure(LIST, 1),
    }


def test_a_ratio_is_that_of_rows_per_second():
    results = summarize([measure(COLUMNS, 0.1), measure(LIST, 0.8)])
    assert results[COLUMNS].rows_per_second == 1000
    assert ratio(results, COLUMNS, peer="list", format="json") == 8
    assert ratio(results, COLUMNS, peer="limit") is None


def test_a_table_has_a_line_for_each_peer_that_was_measured():
    results = summarize([measure(COLUMNS, 0.1, 12.34), measure(LIST, 0.75, 740)])
    assert report.tables(results, 100).splitlines() == [
        "### SQLite, flat, 100 rows",
        "",
        "|  | rows/s | to DRF's list | to the limit | first byte | CPU a row | memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| drf_streaming, columns | 1,000 | 7.50 |  | 12.3 ms | 8.2 µs | 2.5 MB |",
        "| DRF's own list | 133 | 1.00 |  | 740.0 ms | 8.2 µs | 2.5 MB |",
    ]


def test_formats_are_compared_with_their_own_slow_form():
    csv = COLUMNS.of(format="csv")
    results = summarize([measure(csv, 0.1), measure(csv.of(peer="DRF"), 0.5)])
    assert report.tables(results, 100).splitlines()[-1] == "| SQLite | csv | 1,000 | 200 | 5.00 |"


def test_lists_of_different_lengths_are_sorted_by_length():
    longer = COLUMNS._replace(rows=1000)
    lines = report.tables(summarize([measure(longer, 0.4), measure(COLUMNS, 0.1)]), 5).splitlines()
    assert [line.split(" | ")[2] for line in lines[-2:]] == ["100", "1,000"]


def test_reading_by_place_is_compared_with_a_cursor():
    keyset = COLUMNS.of(peer="keyset", case="indexed")._replace(database="postgresql")
    results = summarize([measure(keyset, 0.2), measure(keyset.of(peer="cursor"), 0.16)])
    assert report.tables(results, 5).splitlines()[2:] == [
        "|  | rows | cursor, rows/s | keyset, rows/s | keyset to cursor |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| by another index | 100 | 625 | 500 | 0.80 |",
    ]


def test_the_tables_of_a_page_are_replaced(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}old\n{report.END}after\n")
    report.insert("new \\1", page)
    assert page.read_text() == f"before\n{report.BEGIN}\nnew \\1\n{report.END}after\n"


def test_nothing_is_measured_twice_in_a_round():
    found = [*subjects("sqlite", 100, [10, 1000])]
    assert len(found) == len({*map(str, found)}) > 40
    assert {subject.rows for subject in found} == {10, 100, 1000}


def test_sources_are_compared_with_the_most_rows_on_postgresql():
    found = [
        each for each in subjects("postgresql", 100, [10, 1000]) if each.endpoint.case in ORDERS
    ]
    read = [each for each in found if each.endpoint.peer in SOURCES]
    assert [(each.endpoint.name, each.rows) for each in read] == [
        ("flat/cursor/ndjson", 1000),
        ("flat/keyset/ndjson", 1000),
        ("indexed/cursor/ndjson", 1000),
        ("indexed/keyset/ndjson", 1000),
    ]


def test_every_single_measure_is_kept(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(report, "PACKAGES", ["django"])
    report.write([measure(COLUMNS, 0.1)], tmp_path / "kept.json")
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["measures"] == [
        {
            "database": "sqlite",
            "peer": "columns",
            "case": "flat",
            "format": "ndjson",
            "rows": 100,
            "connection": "new",
            "seconds": 0.1,
            "first_byte_ms": 1.0,
            "cpu_us_per_row": 8.25,
            "memory_mb": 2.5,
            "load": 0.5,
        }
    ]
