"""A few rows of each model, with every kind of relation missing in some of them."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from .models import Detail, Gadget, Labelling, Maker, Note, Tag, Thing


def make() -> None:
    """Make makers, tags and things."""
    first = Maker.objects.create(name="Ann", motto="go", country="NZ", founded=date(1901, 2, 3))
    second = Maker.objects.create(name="Bob", owner=first)
    third = Maker.objects.create(name="Cléo \u2028 \x85", motto=None, owner=second, country="")
    makers = [first, second, third]
    tags = [
        Tag.objects.create(label=label, weight=weight, maker=maker)
        for label, weight, maker in [("a", 1, None), ("b", 3, first), ("c", 2, third)]
    ]
    tags[0].similar.set([tags[1], tags[2]])
    tags[1].above.set([tags[0], tags[2]])
    things: list[Thing] = []
    for number in range(7):
        odd = number % 2 == 1
        thing = Thing(
            name=f'thing "{number}"',
            text="\t\x7f/\\ü" if odd else None,
            flag=odd,
            maybe=None if number % 3 == 0 else odd,
            number=number - 3,
            big=None if odd else 2**62 + number,
            real=None if odd else number / 7,
            price=None if number == 2 else Decimal(number) / 4,
            exact=Decimal(number) / 8 if odd else None,
            moment=datetime(2024, 3, 10, number, 30, 0, 5 * number, tzinfo=UTC) if odd else None,
            day=date(2024, 2, 26 + number % 3) if odd else None,
            at=time(number, 0, 0, number) if odd else None,
            span=timedelta(days=number, microseconds=1) if odd else None,
            uuid=UUID(int=number) if odd else None,
            status=["new", "old", "", "odd"][number % 4],
            rank=[1, 2, None][number % 3],
            data=[None, {"a": [1.5, None]}, [], "text", 1.0, True, 0][number],
            ip="::1" if odd else None,
            blob=b"bytes" if odd else None,
            file=f"folder/{number}.txt" if odd else "",
            maker=makers[number % 3],
            backup=None if odd else makers[(number + 1) % 3],
            named=makers[number % 3] if odd else None,
            parent=things[number // 2] if number > 2 else None,
        )
        thing.save()
        things.append(thing)
        thing.tags.set(tags[: number % 4])
        thing.hidden_tags.set(tags[number % 3 :])
        if odd:
            Detail.objects.create(thing=thing, size=number)
    for tag in [tags[0], tags[1], tags[0]]:
        Labelling.objects.create(thing=things[1], tag=tag, since=tag.pk)
    Note.objects.create(text="one", subject=things[0])
    Note.objects.create(text="two", subject=things[0])
    for power in (5, 6):
        gadget = Gadget.objects.create(name=f"gadget {power}", maker=second, power=power)
        gadget.tags.set(tags)
