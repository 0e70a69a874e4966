"""What was measured, and what it comes to over all rounds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from .endpoints import Subject


@dataclass(frozen=True)
class Measure:
    """One answer, from a server that was started for it; or the medians of several."""

    subject: Subject
    seconds: float
    first_byte_ms: float
    cpu_us_per_row: float
    memory_mb: float
    """The peak above that of the idle server."""
    load: float
    """The machine's, over the minute before."""

    @property
    def rows_per_second(self) -> float:
        return self.subject.rows / self.seconds

    def as_dict(self) -> dict[str, Any]:
        figures = asdict(self)
        del figures["subject"]
        return {
            "database": self.subject.database,
            **asdict(self.subject.endpoint),
            "rows": self.subject.rows,
            "connection": self.subject.connection,
            **figures,
        }


Results = dict[Subject, Measure]


def summarize(measures: Iterable[Measure]) -> Results:
    """Return the median of each figure for each subject."""
    by_subject = defaultdict(list)
    for measure in measures:
        by_subject[measure.subject].append(measure)
    return {subject: medians(subject, found) for subject, found in by_subject.items()}


def medians(subject: Subject, measures: list[Measure]) -> Measure:
    return Measure(
        subject,
        *(
            median(getattr(measure, name) for measure in measures)
            for name in ("seconds", "first_byte_ms", "cpu_us_per_row", "memory_mb", "load")
        ),
    )


def ratio(results: Results, subject: Subject, **other: str) -> float | None:
    """Return how many times as fast it is as another endpoint, if that was measured."""
    reference = results.get(subject.of(**other))
    return reference and results[subject].rows_per_second / reference.rows_per_second
