"""`changes`: settings that hold from a run month on."""

from pydantic import Field

from ..section import DatasetNames, Month, Section, Text
from .promotion import Promotion
from .train import Train
from .window import Window


class Dated(Section):
    """The settings that may change from a run month on, as they hold in one month."""

    window: Window
    train: Train
    promotion: Promotion


DATED = tuple(Dated.model_fields)


class Change(Section):
    """Settings that hold from a run month on; earlier months keep what they were made with. Oldest first."""

    start: Month = Field(alias="from", description="The first run month.", examples=["2024-09"])
    datasets: DatasetNames | None = Field(default=None, description="Datasets; `null`: all.", examples=[["green"]])
    reason: Text = Field(description="Why.", examples=["more leaves won the trial of August"])
    window: Window = Field(default=Window(), description="Keys of `window` that change.")
    train: Train = Field(default=Train(), description="Keys of `train` that change.")
    promotion: Promotion = Field(default=Promotion(), description="Keys of `promotion` that change.")

    def holds(self, dataset: str, month: str | None = None) -> bool:
        """Return whether the change applies to a dataset, and to `month` if it is given."""
        return (self.datasets is None or dataset in self.datasets) and (month is None or self.start <= month)
