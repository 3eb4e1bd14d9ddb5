"""Derive the settings of a dataset and of a month from config.

Raises WrongConfig for every error that can be detected in config alone, before a job starts.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import checks, layers
from .sections.changes import DATED, Change, Dated
from .sections.config import Config
from .sections.datasets import Dataset


class Settings:
    """The validated config of one call, and the settings derived from it.

    `files` are additional config files, and `overrides` the `--config` values, as in layers.read.
    """

    def __init__(self, files: Iterable[str | Path] = (), overrides: Mapping[str, Any] | None = None):
        self._use(layers.read(files, overrides))

    def _use(self, config: Config) -> None:
        self.config = config
        checks.check_datasets(config)
        # Only the merged settings show whether parameters fit their recipe.
        self._dated = {dataset: self._resolve(dataset) for dataset in config.catalog}
        checks.check_changes(config)

    @property
    def datasets(self) -> list[str]:
        """The datasets of the call."""
        return list(self.config.datasets)

    def choose(self, dataset: str | None) -> list[str]:
        """Return the datasets of a call: `dataset` if it is given, else all in config."""
        if dataset is None:
            return self.datasets
        self.describe(dataset)
        return [dataset]

    def describe(self, dataset: str) -> Dataset:
        """Return the entry of a dataset in config/datasets.yaml; raises WrongConfig if there is none."""
        return self.config.describe(dataset)

    def changed(self, layer: Mapping[str, Any]) -> "Settings":
        """Return these settings updated with `layer`; raises WrongConfig if the result is invalid."""
        settings = copy.copy(self)
        settings._use(layers.validate(layers.merge(self.config.as_layer(), layer)))
        return settings

    # Settings of a month

    def at(self, dataset: str, month: str) -> Dated:
        """Return the dated settings (`window`, `train`, `promotion`) that apply to a run month."""
        return [dated for start, dated in self._dated[dataset] if start <= month][-1]

    def _resolve(self, dataset: str) -> list[tuple[str, Dated]]:
        """Return the dated settings of a dataset, each with the month from which it applies, oldest first."""
        resolved: list[tuple[str, Dated]] = []
        for start in ("", *(change.start for change in self._changes(dataset))):
            merged = self.config.as_layer(*DATED)
            for change in self._changes(dataset, start):
                merged = layers.merge(merged, change.as_layer(*DATED))
            dated = Dated.model_validate(merged)
            train = checks.check_train(dated.train, f"settings of {dataset} from {start}" if start else "train")
            if dataset in self.config.datasets:
                checks.check_features(self.describe(dataset), train, dataset)
            resolved.append((start, dated.model_copy(update={"train": train})))
        return resolved

    def _changes(self, dataset: str, month: str | None = None) -> list[Change]:
        """Return the entries of `changes` for a dataset, in their order; with `month`, those that apply to it."""
        return [change for change in self.config.changes if change.holds(dataset, month)]

    def skipped(self, dataset: str) -> Sequence[str]:
        """Return the data months that are excluded from all windows."""
        return self.config.skip.get(dataset, ())

    def pin_reason(self, dataset: str, month: str) -> str | None:
        """Return why the model of a run month is pinned; None if it is not."""
        if self.at(dataset, month).promotion.pin is None:
            return None
        reasons = [change.reason for change in self._changes(dataset, month) if change.promotion.pin is not None]
        return reasons[-1] if reasons else "promotion.pin in config/config.yaml"
