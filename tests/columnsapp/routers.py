from typing import Any


class MakersElsewhere:
    """Makers are read from the other database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "other" if model.__name__ == "Maker" else None
