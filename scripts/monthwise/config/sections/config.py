"""All of config."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, field_validator

from ...base import months
from ...base.exits import WrongConfig
from ..errors import Layer, origin
from ..section import DatasetNames, Month, Section, Words
from ..words import closest
from .alerts import Alerts
from .changes import Change
from .datasets import Catalog, Dataset
from .demo import Demo
from .history import History
from .promotion import Promotion
from .publisher import Publisher
from .quality import Quality
from .run import Run
from .tracking import Tracking
from .train import Train
from .window import Window


class Config(Section):
    """What to do: which months of which datasets, and how."""

    source: Annotated[str, Field(pattern="^(https|demo|file:.+)$"), Words("https, demo or file:FOLDER")] = Field(
        description="Where files are: `https` (the publisher), `file:FOLDER` (relative to the clone), or `demo`"
        " (made from a seed).",
        examples=["file:published"],
    )
    datasets: DatasetNames = Field(
        description="Datasets of config/datasets.yaml that are built.", examples=[["green", "yellow"]]
    )
    begin: Annotated[dict[str, Month], Words("a mapping of datasets to months (YYYY-MM)")] = Field(
        default={},
        description="The first run month of each dataset. Without it: the first one that `demo` or the folder allows.",
        examples=[{"green": "2024-01"}],
    )
    first: Annotated[str, Field(pattern=f"^(begin|{months.PATTERN})$"), Words("a month (YYYY-MM) or `begin`")] = Field(
        default="begin", description="The first run month that is built if no target is named.", examples=["2024-03"]
    )
    last: Annotated[str, Field(pattern=f"^(newest|{months.PATTERN})$"), Words("a month (YYYY-MM) or `newest`")] = Field(
        default="newest",
        description="The last one; `newest`: the one after the newest published data month.",
        examples=["2024-06"],
    )
    skip: Annotated[dict[str, tuple[Month, ...]], Words("a mapping of datasets to lists of months")] = Field(
        default={}, description="Data months that are in no window.", examples=[{"green": ["2024-05"]}]
    )
    window: Window = Field(default=Window(), description="The training window.")
    train: Train = Field(default=Train(), description="How a challenger is trained.")
    promotion: Promotion = Field(default=Promotion(), description="When a challenger becomes the champion.")
    quality: Quality = Field(default=Quality(), description="Which rows and months are plausible.")
    history: History = Field(default=History(), description="Run months that stay as they are.")
    publisher: Publisher = Field(default=Publisher(), description="When months are published.")
    tracking: Tracking = Field(default=Tracking(), description="The MLflow store.")
    run: Run = Field(default=Run(), description="What one call may rebuild.")
    alerts: Alerts = Field(default=Alerts(), description="Which alerts are sent.")
    demo: Demo = Field(default=Demo(), description="The months that `source: demo` makes.")
    changes: Annotated[tuple[Change, ...], Words("a list of changes")] = Field(
        default=(), description="Settings that hold from a run month on."
    )
    catalog: Catalog = Field(description="What the files of each dataset look like.")
    _layers: Sequence[Layer] = PrivateAttr(default=())

    @field_validator("datasets")
    @classmethod
    def _names_each_once(cls, datasets: tuple[str, ...]) -> tuple[str, ...]:
        repeated = next((dataset for dataset in datasets if datasets.count(dataset) > 1), None)
        if repeated:
            raise ValueError(f"{repeated!r} is named twice")
        return datasets

    def read_from(self, layers: Sequence[Layer]) -> Self:
        """Remember the layers, for `file_of`."""
        self._layers = layers
        return self

    def file_of(self, *path: str) -> str:
        """Return the file that has the key at `path`, or the one above it."""
        return origin(path, self._layers)

    def describe(self, dataset: str) -> Dataset:
        """Return the description of a dataset; raises WrongConfig if there is none."""
        if dataset not in self.catalog:
            raise WrongConfig(f"unknown dataset {dataset!r}{closest(dataset, self.catalog)} (config/datasets.yaml)")
        return self.catalog[dataset]


def defaults() -> dict[str, Any]:
    """Return the defaults of all keys as a layer of config."""
    values = {name: field.default for name, field in Config.model_fields.items() if not field.is_required()}
    return {
        name: value.model_dump(by_alias=True) if isinstance(value, Section) else value for name, value in values.items()
    }
