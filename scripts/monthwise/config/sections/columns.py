"""How the columns of a dataset are read: its CSV files, its time, its target, its features."""

import codecs
import zoneinfo
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ...base.tasks import SECONDS
from ..section import Flag, Number, Section, Spellings, Text, Words

ONE_CHARACTER = Words("one character")
Character = Annotated[str, Field(min_length=1, max_length=1), ONE_CHARACTER]
Part = Literal["hour", "weekday", "day", "week", "month", "day_of_year", "minute_of_day"]
Kind = Literal["number", "category", "code", "flag", "calendar"]


def _as_published(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("in YAML yes, no, true and false are no texts; write the value as it is published, in quotes")
    return str(value) if isinstance(value, int) else value


ClassName = Annotated[
    str,
    Field(min_length=1),
    BeforeValidator(_as_published, json_schema_input_type=str | int),
    Words("a value of the column, in quotes"),
]


class Csv(Section):
    """How the CSV files are written. The types of columns follow from the kinds of features, never from the data."""

    delimiter: Character = Field(default=",", description="Between two values.", examples=[";"])
    encoding: Text = Field(default="utf-8", description="Of the text.", examples=["latin-1"])
    decimal: Character = Field(default=".", description="Before the decimals of a number.", examples=[","])
    missing: tuple[str, ...] = Field(
        default=("", "NA", "NaN", "null"), description="Texts of a missing value.", examples=[["", "-"]]
    )

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise ValueError(f"there is no encoding {encoding!r}; usual ones are utf-8, latin-1 and cp1252") from None
        return encoding

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        if self.decimal == self.delimiter:
            raise ValueError(f"decimal and delimiter are both {self.decimal!r}; where decimal is ',', delimiter is ';'")
        return self


class Time(Section):
    """The column that dates a row."""

    columns: Spellings = Field(
        description="Its name, and how the publisher has spelt it over the years.", examples=[["date"]]
    )
    format: Text | None = Field(
        default=None, description="Of a text, as in strptime; default: ISO 8601.", examples=["%d.%m.%Y %H:%M"]
    )
    zone: Text | None = Field(
        default=None,
        description="The time zone in which days begin, for moments in UTC; default: times are taken as they are.",
        examples=["America/New_York"],
    )

    @field_validator("zone")
    @classmethod
    def _is_time_zone(cls, name: str | None) -> str | None:
        try:
            return name and zoneinfo.ZoneInfo(name).key
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            raise ValueError(f"there is no time zone {name!r}; write one such as Europe/Berlin") from None


class Target(Section):
    """What is predicted: a column, the time from `time` until a column, or whether a column is above a number."""

    columns: Spellings | None = Field(
        default=None, description="The column with the target, as spelt over the years.", examples=[["sales"]]
    )
    until: Spellings | None = Field(
        default=None, description="A column with the end of a duration that begins at `time`.", examples=[["ended_at"]]
    )
    above: Number | None = Field(
        default=None, description="The target is whether the column is above this.", examples=[15]
    )
    positive: ClassName | None = Field(
        default=None, description="The value of the column that is to be found, for `task: binary`.", examples=["yes"]
    )
    classes: tuple[ClassName, ...] = Field(
        default=(), description="The values of the column, for `task: multiclass`.", examples=[["a", "b", "c"]]
    )
    min: Number | None = Field(default=None, description="Rows with a smaller target are dropped.", examples=[0])
    max: Number | None = Field(default=None, description="Rows with a larger target are dropped.", examples=[1000])
    unit: str = Field(
        default="",
        description="The unit of the target; of a duration s, min, h or days.",
        examples=["EUR"],
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.columns is None) == (self.until is None):
            raise ValueError("give either columns (of the target) or until (the end of a duration)")
        if self.until and self.unit not in SECONDS:
            raise ValueError(f"a duration has a unit: {', '.join(SECONDS)}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max, so that no row is left")
        if sum((self.above is not None, self.positive is not None, bool(self.classes))) > 1:
            raise ValueError("give one of above, positive and classes")
        if self.positive is not None or self.classes:
            if self.until:
                raise ValueError("a duration has no positive and no classes: give above, a number")
            if self.min is not None or self.max is not None:
                raise ValueError("min and max are bounds of a number, and the column has classes")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class is named twice")
        return self


# The kinds that a key is for; without an entry: all.
KINDS_OF: dict[str, tuple[Kind, ...]] = {
    "part": ("calendar",),
    **dict.fromkeys(("min", "max", "above", "whole", "scale"), ("number",)),
    "outside": ("number", "code"),
    **dict.fromkeys(("numeric", "ordered"), ("code",)),
}
OF_COLUMN = ("columns", "optional", "min", "max", "above", "whole", "scale", "outside", "numeric")


class Feature(Section):
    """What a model may know about a row. `NAME: KIND` is short for `NAME: {kind: KIND}`."""

    kind: Kind = Field(
        description="`number`; `category` (a text); `code` (a category of whole numbers; texts get a stable number);"
        " `flag` (true or false); `calendar` (a part of `time`).",
        examples=["category"],
    )
    columns: Spellings | None = Field(
        default=None,
        description="Its column, as the publisher has spelt it over the years; default: its name.",
        examples=[["price", "Price"]],
    )
    part: Part | None = Field(
        default=None, description="Of `time`, for `calendar`; default: its name.", examples=["weekday"]
    )
    derived: Flag = Field(
        default=False, description="The module `prepare` derives it from the clean rows.", examples=[True]
    )
    min: Number | None = Field(default=None, description="The smallest plausible number.", examples=[0])
    max: Number | None = Field(default=None, description="The largest plausible number.", examples=[100])
    above: Number | None = Field(default=None, description="Plausible numbers are larger than this one.", examples=[0])
    whole: Flag = Field(default=False, description="Only whole numbers are plausible.", examples=[True])
    scale: Number = Field(default=1, gt=0, description="Numbers are multiplied by this.", examples=[0.001])
    outside: Literal["missing", "drop"] = Field(
        default="missing",
        description="What happens to an implausible number: it becomes missing, or its row is dropped.",
        examples=["drop"],
    )
    optional: Flag = Field(
        default=False, description="A file without the column is taken; all values are missing.", examples=[True]
    )
    numeric: Flag = Field(
        default=False, description="All codes are numbers: `0132` is 132, `A1` is missing.", examples=[True]
    )
    ordered: Flag = Field(default=False, description="Models take the code as a number.", examples=[True])

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        fields = type(self).model_fields
        for key in (key for key in fields if getattr(self, key) != fields[key].default):
            if key in KINDS_OF and self.kind not in KINDS_OF[key]:
                raise ValueError(f"{key} is for kind {' or '.join(KINDS_OF[key])}, and this is a {self.kind}")
            if key in OF_COLUMN and not self.is_read:
                raise ValueError(f"{key} is for a column of the file; this feature comes from {self._origin}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        if self.above is not None and self.max is not None and self.above >= self.max:
            raise ValueError("above is not less than max")
        return self

    @property
    def _origin(self) -> str:
        return "time" if self.kind == "calendar" else "the module `prepare`"

    @property
    def is_category(self) -> bool:
        """Whether models take it as a category."""
        return self.kind == "category" or (self.kind == "code" and not self.ordered)

    @property
    def is_read(self) -> bool:
        """Whether it is a column of the published file."""
        return self.kind != "calendar" and not self.derived
