"""Models of every kind that may or may not be read from columns."""

from collections.abc import Mapping
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Lower
from django.db.models.signals import post_init
from django.dispatch import receiver


class EmptyText(models.CharField):
    """Text that is never None, whatever the database holds."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str:
        return "" if value is None else value


class Loud(models.CharField):
    """Text that the database holds in small letters; it cannot be made of None."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str:
        return value.upper()


class Function(models.CharField):
    """Text that is read as a function that gives it."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return lambda: value


class ComputedDescriptor:
    def __init__(self, field: Any) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else f"<{instance.__dict__[self.field.attname]}>"

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class Computed(models.CharField):
    descriptor_class = ComputedDescriptor


class Single(models.FloatField):
    """A number of single precision, as databases have that Django did not make."""

    def db_type(self, connection: Any) -> str:
        single = {"postgresql": "real", "mysql": "float"}
        return single.get(connection.vendor) or super().db_type(connection)


class Status(models.TextChoices):
    NEW = "new", "New"
    OLD = "old", "Old"


class Maker(models.Model):
    name = models.CharField(max_length=40, unique=True)
    motto = EmptyText(max_length=40, default="", null=True)
    country = models.CharField(max_length=20, null=True)
    founded = models.DateField(null=True)
    owner = models.ForeignKey("self", models.CASCADE, null=True, related_name="owned")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.country})"


class Tag(models.Model):
    label = models.CharField(max_length=20)
    weight = models.IntegerField(default=0)
    maker = models.ForeignKey(Maker, models.CASCADE, null=True, related_name="tags")
    similar = models.ManyToManyField("self")
    above = models.ManyToManyField("self", symmetrical=False, related_name="below")

    class Meta:
        ordering = ["-weight", "id"]

    def __str__(self) -> str:
        return self.label


class Thing(models.Model):
    name = models.CharField(max_length=40)
    text = models.TextField(null=True)
    flag = models.BooleanField(default=False)
    maybe = models.BooleanField(null=True)
    number = models.IntegerField(default=0)
    big = models.BigIntegerField(null=True)
    real = models.FloatField(null=True)
    price = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    exact = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    moment = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    at = models.TimeField(null=True)
    span = models.DurationField(null=True)
    uuid = models.UUIDField(null=True)
    status = models.CharField(max_length=3, choices=Status.choices, default="new", blank=True)
    rank = models.IntegerField(choices=[(1, "One"), (2, "Two")], null=True)
    data = models.JSONField(null=True)
    ip = models.GenericIPAddressField(null=True)
    slug = models.SlugField(default="")
    url = models.URLField(default="")
    email = models.EmailField(default="")
    blob = models.BinaryField(null=True)
    file = models.FileField(null=True)
    double = models.GeneratedField(
        expression=models.F("number") * 2,
        output_field=models.IntegerField(),
        db_persist=True,
    )
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="things")
    backup = models.ForeignKey(Maker, models.CASCADE, null=True, related_name="backups")
    named = models.ForeignKey(
        Maker, models.CASCADE, null=True, to_field="name", related_name="named"
    )
    loose = models.ForeignKey(
        Maker, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    tags = models.ManyToManyField(Tag, related_name="things")
    hidden_tags = models.ManyToManyField(Tag, related_name="+")
    labelled = models.ManyToManyField(Tag, through="Labelling", related_name="labelled_things")
    notes = GenericRelation("Note")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    @property
    def shout(self) -> str:
        return self.name.upper()

    def method(self) -> int:
        return self.number + 1


class Labelling(models.Model):
    thing = models.ForeignKey(Thing, models.CASCADE)
    tag = models.ForeignKey(Tag, models.CASCADE)
    since = models.IntegerField(default=0)


class Note(models.Model):
    text = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, models.CASCADE, db_constraint=False)
    object_id = models.BigIntegerField()
    subject = GenericForeignKey()

    class Meta:
        ordering = ["id"]


class Detail(models.Model):
    thing = models.OneToOneField(Thing, models.CASCADE, related_name="detail")
    size = models.IntegerField()


class ThingProxy(Thing):
    class Meta:
        proxy = True


class Gadget(Thing):
    """A thing of a table of its own, which refers to that of its parent."""

    power = models.IntegerField(default=1)


class Coded(Thing):
    """A thing whose key is not that of its parent."""

    thing = models.OneToOneField(Thing, models.CASCADE, parent_link=True)
    code = models.BigIntegerField(primary_key=True)


class Pair(models.Model):
    pk = models.CompositePrimaryKey("left", "right")
    left = models.IntegerField()
    right = models.IntegerField()
    name = models.CharField(max_length=10)


class Filtered(models.Manager):
    """A manager that is told what to leave out."""

    def __init__(self, leave_out: str = "") -> None:
        super().__init__()
        self.leave_out = leave_out

    def get_queryset(self) -> Any:
        return super().get_queryset().exclude(name=self.leave_out)


class Part(models.Model):
    """Reached through a manager that a related manager is not a copy of."""

    name = models.CharField(max_length=10)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="parts")
    objects = Filtered("a")

    class Meta:
        ordering = ["id"]


class Ordered(models.QuerySet):
    def loud(self) -> Any:
        return self.filter(name="a")


class Wheel(models.Model):
    """Its default manager prefetches with a queryset of its own, and its objects are ordered."""

    name = models.CharField(max_length=10)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="wheels")
    tags = models.ManyToManyField(Tag, related_name="wheels")
    objects = models.Manager.from_queryset(Ordered)()

    class Meta:
        ordering = ["-name", "id"]


class WithPrefetch(models.Manager):
    def get_queryset(self) -> Any:
        few = models.Prefetch("tags", queryset=Tag.objects.filter(weight=1))
        return super().get_queryset().prefetch_related(few)


class Bolt(models.Model):
    name = models.CharField(max_length=10)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="bolts")
    tags = models.ManyToManyField(Tag, related_name="bolts")
    objects = WithPrefetch()

    class Meta:
        ordering = ["id"]


class Joining(models.Manager):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(maker__name__startswith="")


class Nut(models.Model):
    """Its default manager joins."""

    name = models.CharField(max_length=10)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="nuts")
    objects = Joining()

    class Meta:
        ordering = ["id"]


class OwnRows(models.QuerySet):
    def iterator(self, chunk_size: int | None = None) -> Any:
        for row in super().iterator(chunk_size):
            row.name += "!"
            yield row

    def _fetch_all(self) -> None:
        fetched = self._result_cache is not None
        super()._fetch_all()
        for row in () if fetched else self._result_cache:
            row.name += "!"


class Screw(models.Model):
    name = models.CharField(max_length=10)
    objects = OwnRows.as_manager()


class FromDb(models.Model):
    name = models.CharField(max_length=10)

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().from_db(*args, **kwargs)
        made.name += "!"
        return made


class Built(models.Model):
    name = models.CharField(max_length=10)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name += "!"


class Received(models.Model):
    name = models.CharField(max_length=10)


@receiver(post_init, sender=Received)
def exclaim(instance: Received, **_: Any) -> None:
    instance.name += "!"


class Watched(models.Model):
    name = models.CharField(max_length=10)

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return found + "!" if name == "name" else found


class Described(models.Model):
    bare = Computed(max_length=10)


class Serializable(models.Model):
    """Tells DRF something else than its foreign key."""

    maker = models.ForeignKey(Maker, models.CASCADE, related_name="+")

    def serializable_value(self, field_name: str) -> Any:
        return -1


@Mapping.register
class Item(models.Model):
    """Also a mapping, of which DRF takes items rather than attributes."""

    name = models.CharField(max_length=10)

    def __getitem__(self, key: str) -> Any:
        return f"item {key}"


class WithAll(models.Manager):
    def all(self) -> Any:
        return super().all().filter(name="a")


class Washer(models.Model):
    """Its manager says itself what all of them are."""

    name = models.CharField(max_length=10)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="washers")
    objects = WithAll()

    class Meta:
        ordering = ["id"]


class Aware(models.Manager):
    """A manager that knows whose objects it manages."""

    def get_queryset(self) -> Any:
        found = super().get_queryset()
        return found.filter(name="a") if hasattr(self, "instance") else found


class Spring(models.Model):
    name = models.CharField(max_length=10)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="springs")
    objects = Aware()

    class Meta:
        ordering = ["id"]


class Lazy(models.Model):
    name = Function(max_length=10)


class BasedManager(models.Manager):
    def get_queryset(self) -> Any:
        return super().get_queryset()


class Based(models.Model):
    name = models.CharField(max_length=10)
    objects = BasedManager()

    class Meta:
        base_manager_name = "objects"


class Holder(models.Model):
    """Refers to objects that are made in every unusual way."""

    from_db_object = models.ForeignKey(FromDb, models.CASCADE, null=True)
    built = models.ForeignKey(Built, models.CASCADE, null=True)
    received = models.ForeignKey(Received, models.CASCADE, null=True)
    watched = models.ForeignKey(Watched, models.CASCADE, null=True)
    based = models.ForeignKey(Based, models.CASCADE, null=True)
    described = models.ForeignKey(Described, models.CASCADE, null=True)
    item = models.ForeignKey(Item, models.CASCADE, null=True)
    loud = models.ForeignKey("LoudName", models.CASCADE, null=True)
    receiveds = models.ManyToManyField(Received, related_name="holders")
    screws = models.ManyToManyField(Screw, related_name="holders")

    class Meta:
        ordering = ["id"]


class LoudName(models.Model):
    name = Loud(max_length=10)


class Crate(models.Model):
    code = models.CharField(max_length=10)
    labels = models.ManyToManyField("Label", through="Sticking")


class Label(models.Model):
    text = models.CharField(max_length=10, unique=True)


class Sticking(models.Model):
    """Knows a label by its text, not by its key."""

    crate = models.ForeignKey(Crate, models.CASCADE)
    label = models.ForeignKey(Label, models.CASCADE, to_field="text")


class Member(models.Model):
    """Refers to a pair by both parts of its key."""

    left = models.IntegerField()
    right = models.IntegerField()
    pair = models.ForeignObject(
        Pair, models.CASCADE, from_fields=["left", "right"], to_fields=["left", "right"]
    )


class Sorted(models.Model):
    """Its objects are ordered by an expression."""

    name = models.CharField(max_length=10)

    class Meta:
        ordering = [Lower("name")]


class OfSorted(models.Model):
    sorted = models.ForeignKey(Sorted, models.CASCADE)


class Shouter(models.Model):
    """Some of its objects are made of a class of their own."""

    name = models.CharField(max_length=10)
    kind = models.CharField(max_length=10)

    class Meta:
        ordering = ["id"]

    @property
    def voice(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().from_db(*args, **kwargs)
        if made.kind == "loud":
            made.__class__ = LoudShouter
        return made


class LoudShouter(Shouter):
    class Meta:
        proxy = True

    @property
    def voice(self) -> str:
        return self.name.upper()


class Measure(models.Model):
    single = Single(null=True)
    double = models.FloatField(null=True)
