"""`catalog`: what the files of each dataset look like (config/datasets.yaml)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ...base import months
from ...base.resources import resource
from ...base.tasks import DECIDING, PARTS
from ..section import Number, Section, Spellings, Words
from .columns import Csv, Feature, Kind, Target, Time
from .quality import Reject, Warn

Task = Literal["regression", "binary", "multiclass"]
Metric = Literal["rmse", "mae", "log_loss", "brier"]
RESERVED = ("row", "epoch_day", "time", "target", "group")  # columns of rows.parquet and features.parquet
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), Words("a name of letters, digits and _")]


class Map(Section):
    """A map of errors by place, on the page of a run month."""

    feature: Name = Field(description="The feature with the place.", examples=["store"])
    outlines: str = Field(description="A GeoJSON file.", examples=["maps/stores.geojson"])
    names: str | None = Field(
        default=None, description="A CSV file with id and name of each place.", examples=["maps/stores.csv"]
    )


class DatasetQuality(Section):
    """Bounds that differ from those of `quality`; a bound that is `null` is off."""

    reject: Reject = Field(default=Reject(), description="As quality.reject.", examples=[{"rows_below": 10}])
    warn: Warn = Field(default=Warn(), description="As quality.warn.", examples=[{"days_share_below": None}])


def from_name(kinds: object) -> BeforeValidator:
    """Return what takes a text as short for `{columns: [TEXT]}`; `kinds` are for the schema."""
    return BeforeValidator(
        lambda value: {"columns": [value]} if isinstance(value, str) else value, json_schema_input_type=kinds
    )


def _from_kind(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


FeatureOrKind = Annotated[Feature, BeforeValidator(_from_kind, json_schema_input_type=Feature | Kind)]
Edges = Annotated[tuple[Number, ...], Field(min_length=2), Words("a list of two or more numbers in ascending order")]
File = Annotated[
    str,
    Field(pattern=r"\{month\}|\{year\}.*\{mm\}|\{mm\}.*\{year\}"),
    Words("a file name with {month}, or {year} and {mm}, in it"),
]


class Dataset(Section):
    """What the files of a dataset look like; one entry is all that a new dataset needs."""

    description: str = Field(default="", description="In one sentence.", examples=["Daily sales of 40 stores"])
    file: File = Field(
        description="The name of a month's file: {month} is 2024-03; or {year} and {mm}.",
        examples=["sales_{month}.csv"],
    )
    url: Annotated[str, Field(pattern="^https?://"), Words("a URL (http:// or https://)")] | None = Field(
        default=None,
        description="The folder of the files, for `source: https`.",
        examples=["https://example.org/sales"],
    )
    format: Literal["parquet", "csv", "csv.gz"] | None = Field(
        default=None, description="Of the files; default: as `file` ends, else parquet.", examples=["csv"]
    )
    csv: Csv = Field(default=Csv(), description="How CSV files are written.")
    time: Annotated[Time, from_name(Time | str)] = Field(
        description="The column that dates a row; a text is short for `{columns: [TEXT]}`.", examples=["date"]
    )
    target: Annotated[Target, from_name(Target | str)] = Field(
        description="What is predicted; a text is short for `{columns: [TEXT]}`.", examples=["sales"]
    )
    task: Task = Field(default="regression", description="What the target is.", examples=["binary"])
    features: Annotated[dict[Name, FeatureOrKind], Field(min_length=1), Words("a mapping of names to kinds")] = Field(
        description="What a model may know about a row.", examples=[{"store": "category", "price": "number"}]
    )
    model: tuple[Name, ...] = Field(
        default=(), description="The features that models use, in order; default: all.", examples=[["store", "price"]]
    )
    baseline: tuple[Name, ...] | None = Field(
        default=None,
        description="The features of the naive baseline: it predicts the mean of the rows with the same value of the"
        " first one; where that value is new, of the next one; at last of all rows. Default: the first category.",
        examples=[["store", "city"]],
    )
    segments: Annotated[dict[Name, Edges | None], Words("a mapping of features to edges or null")] = Field(
        default={},
        description="Features by which errors are shown: by value, or by band between edges.",
        examples=[{"store": None, "price": [0, 10, 100]}],
    )
    metric: Metric | None = Field(
        default=None,
        description="The error that decides: rmse or mae; log_loss or brier. Default: rmse, log_loss.",
        examples=["mae"],
    )
    group: Spellings | None = Field(
        default=None,
        description="A column with the rows that belong together, such as a customer: the interval of a comparison"
        " redraws groups. Default: days if there are ten, else rows.",
        examples=[["customer"]],
    )
    prepare: str | None = Field(
        default=None,
        description="A module of scripts/monthwise/prepare/, or a Python file in config/ (docs/your-own-data.md).",
        examples=["config/sales.py"],
    )
    columns: Annotated[dict[Name, Spellings], Words("a mapping of names to lists of texts")] = Field(
        default={}, description="More columns for `prepare`, as spelt over the years.", examples=[{"till": ["Till"]}]
    )
    files: Annotated[dict[Name, str], Words("a mapping of names to files")] = Field(
        default={}, description="Files for `prepare`.", examples=[{"stores": "stores.csv"}]
    )
    map: Map | None = Field(default=None, description="A map of errors by place.")
    quality: DatasetQuality = Field(default=DatasetQuality(), description="Other bounds for the months of this one.")
    layout: Literal["green", "yellow", "fhv", "fhvhv"] | None = Field(
        default=None, description="Whose columns `source: demo` imitates.", examples=["fhv"]
    )

    @field_validator("segments")
    @classmethod
    def _edges_ascend(cls, segments: dict[str, tuple[float, ...] | None]) -> dict[str, tuple[float, ...] | None]:
        for name, edges in segments.items():
            if edges and list(edges) != sorted(set(edges)):
                raise ValueError(f"{name}: its edges are not in ascending order")
        return segments

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        self._check_features()
        self._check_names()
        self._check_task()
        return self

    def _check_features(self) -> None:
        for key, names in (("features", self.features), ("columns", self.columns)):
            for name in names:
                if name in RESERVED:
                    raise ValueError(f"{key}: {name} is a column of Monthwise's own; choose another name")
        for name, feature in self.features.items():
            if feature.is_read and (both := set(feature.columns or (name,)) & set(self._target_columns)):
                raise ValueError(f"features.{name} reads {both.pop()!r}, the column of the target; leave it out")
            if name in self.columns:
                raise ValueError(f"columns: {name} is a feature; its spellings belong in features.{name}.columns")
            if feature.kind == "calendar" and (feature.part or name) not in PARTS:
                raise ValueError(f"features.{name}: give its part, one of {', '.join(PARTS)}")
            if feature.derived and self.prepare is None:
                raise ValueError(f"features.{name} is derived, but there is no module: give prepare")
            if self.segments.get(name) and feature.is_category:
                raise ValueError(f"segments.{name}: edges are for numbers, and {name} is a {feature.kind}; write null")

    def _check_names(self) -> None:
        named = {"model": self.model, "baseline": self.baseline or (), "segments": tuple(self.segments)}
        named["map.feature"] = (self.map.feature,) if self.map else ()
        for key, names in named.items():
            for name in names:
                if name not in self.features:
                    raise ValueError(f"{key}: {name} is not among the features ({', '.join(self.features)})")
        place = self.features[self.map.feature] if self.map else None
        if place and (place.kind != "code" or place.ordered):
            raise ValueError(f"map.feature: a place is a code, as `id` in the outlines, and this is a {place.kind}")

    def _check_task(self) -> None:
        target, task = self.target, self.task
        if task == "binary" and target.above is None and target.positive is None:
            raise ValueError("task is binary: give target.positive (a value of the column) or target.above (a number)")
        if task == "multiclass" and len(target.classes) < 3:
            raise ValueError("task is multiclass: give target.classes, three or more values")
        if task == "regression" and (target.positive is not None or target.above is not None or target.classes):
            raise ValueError("target has classes: give task: binary or multiclass")
        if self.metric and self.metric not in DECIDING[task]:
            raise ValueError(f"metric of a {task} is {' or '.join(DECIDING[task])}, not {self.metric}")

    @property
    def published_format(self) -> str:
        """The format of the files."""
        if self.format:
            return self.format
        return next((ending for ending in ("csv.gz", "csv") if self.file.endswith(f".{ending}")), "parquet")

    @property
    def decides_by(self) -> str:
        """The metric of decisions."""
        return self.metric or DECIDING[self.task][0]

    @property
    def model_features(self) -> tuple[str, ...]:
        """The features that models use by default, in order."""
        return self.model or tuple(self.features)

    @property
    def baseline_features(self) -> tuple[str, ...]:
        """The features by which the baseline groups rows: from the finest to the coarsest."""
        if self.baseline is not None:
            return self.baseline
        return tuple(name for name, feature in self.features.items() if feature.is_category)[:1]

    @property
    def _target_columns(self) -> tuple[str, ...]:
        return self.target.columns or self.target.until or ()

    @property
    def class_names(self) -> list[str]:
        """The names of the classes in the order of their codes; empty for a regression."""
        if self.task == "binary":
            other = f"not {self.target.positive}" if self.target.positive else f"up to {self.target.above:g}"
            return [other, self.target.positive or f"above {self.target.above:g}"]
        return list(self.target.classes)

    def module_paths(self) -> list[str]:
        """Return the Python files of the module `prepare`, relative to the clone; none if there is no module."""
        if self.prepare is None or self.prepare.endswith(".py"):
            return [self.prepare] if self.prepare else []
        folder = resource(f"scripts/monthwise/prepare/{self.prepare}")
        names = [f"/{path.name}" for path in sorted(folder.glob("*.py"))] if folder.is_dir() else [".py"]
        return [f"scripts/monthwise/prepare/{self.prepare}{name}" for name in names]

    def sources(self) -> list[str]:
        """Return the Python files of the module and the files that it reads, relative to the clone."""
        return [*self.module_paths(), *self.files.values()]

    def file_of(self, month: str) -> str:
        """Return the name of the file of a month."""
        return months.in_name(self.file, month)

    def spellings(self) -> dict[str, list[str]]:
        """Return the spellings of the columns that are read, by role."""
        columns: dict[str, Any] = {"time": self.time.columns, "target": self._target_columns}
        columns |= {name: feature.columns or (name,) for name, feature in self.features.items() if feature.is_read}
        columns |= self.columns
        if self.group:
            columns["group"] = self.group
        return {role: list(names) for role, names in columns.items()}


DatasetName = Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$"), Words("a name of letters, digits, - and _")]
Catalog = Annotated[dict[DatasetName, Dataset], Words("a mapping of datasets to descriptions")]
