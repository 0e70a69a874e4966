"""The rows a second of all peers as a picture."""

from pathlib import Path

from matplotlib import pyplot

from .endpoints import CASES, GRADES, PEERS, Endpoint, Subject, own_format
from .measures import Results, ratio
from .report import DATABASES

OURS, OTHERS = "#0a6", "#9ab"


def draw(results: Results, rows: int, path: Path) -> None:
    # The same figures give the same file.
    with pyplot.rc_context({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 8}):
        figure, axes = pyplot.subplots(
            len(CASES), len(DATABASES), figsize=(9, 11), sharex=True, layout="constrained"
        )
        for row, case in zip(axes, CASES, strict=True):
            for axis, database in zip(row, DATABASES, strict=True):
                bars(axis, results, rows, database, case)
        figure.supxlabel(f"rows a second, {rows:,} rows; in brackets: how many times DRF's list")
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


def bars(axis: pyplot.Axes, results: Results, rows: int, database: str, case: str) -> None:
    """Draw one bar for each peer, the first one on top."""
    axis.set_title(f"{DATABASES[database]}, {CASES[case]}")
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.2)
    axis.invert_yaxis()
    for peer, name in PEERS.items():
        subject = Subject(database, Endpoint(peer, case, own_format(peer)), rows, "new")
        if found := results.get(subject):
            drawn = axis.barh(name, found.rows_per_second, color=OURS if peer in GRADES else OTHERS)
            to_list = ratio(results, subject, peer="list", format="json")
            beside = f" {found.rows_per_second:,.0f}" + (f" ({to_list:.1f})" if to_list else "")
            axis.bar_label(drawn, [beside])
