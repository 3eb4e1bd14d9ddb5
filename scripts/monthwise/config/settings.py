"""Derive the settings of a service and of a month from config.

Raises WrongConfig for every error that can be detected in config alone, before a job starts.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..models import recipes
from . import checks, layers
from .sections.changes import DATED, Change, Dated
from .sections.config import Config
from .sections.services import Service


class Settings:
    """The validated config of one call, and the settings derived from it.

    `files` are additional config files, and `overrides` the `--config` values, as in layers.read.
    """

    def __init__(self, files: Iterable[str | Path] = (), overrides: Mapping[str, Any] | None = None):
        self._use(layers.read(files, overrides))

    def _use(self, config: Config) -> None:
        self.config = config
        checks.check_services(config)
        # Only the merged settings show whether parameters fit their recipe.
        self._dated = {service: self._resolve(service) for service in config.catalog}
        checks.check_changes(config)

    @property
    def services(self) -> list[str]:
        """The services of the call."""
        return list(self.config.services)

    def choose(self, service: str | None) -> list[str]:
        """Return the services of a call: `service` if it is given, else all in config."""
        if service is None:
            return self.services
        self.describe(service)
        return [service]

    def describe(self, service: str) -> Service:
        """Return the entry of a service in config/services.yaml; raises WrongConfig if there is none."""
        return self.config.describe(service)

    def changed(self, layer: Mapping[str, Any]) -> "Settings":
        """Return these settings updated with `layer`; raises WrongConfig if the result is invalid."""
        settings = copy.copy(self)
        settings._use(layers.validate(layers.merge(self.config.as_layer(), layer)))
        return settings

    # Settings of a month

    def at(self, service: str, month: str) -> Dated:
        """Return the dated settings (`window`, `train`, `promotion`) that apply to a run month."""
        return [dated for start, dated in self._dated[service] if start <= month][-1]

    def _resolve(self, service: str) -> list[tuple[str, Dated]]:
        """Return the dated settings of a service, each with the month from which it applies, oldest first."""
        resolved: list[tuple[str, Dated]] = []
        for start in ("", *(change.start for change in self._changes(service))):
            merged = self.config.as_layer(*DATED)
            for change in self._changes(service, start):
                merged = layers.merge(merged, change.as_layer(*DATED))
            dated = Dated.model_validate(merged)
            train = checks.check_train(dated.train, f"settings of {service} from {start}" if start else "train")
            if "zones" in recipes.parameters(train.recipe):
                zones = "map" if self.describe(service).zones else "codes"
                train = train.model_copy(update={"parameters": {"zones": zones} | train.parameters})
            resolved.append((start, dated.model_copy(update={"train": train})))
        return resolved

    def _changes(self, service: str, month: str | None = None) -> list[Change]:
        """Return the entries of `changes` for a service, in their order; with `month`, those that apply to it."""
        return [change for change in self.config.changes if change.holds(service, month)]

    def skipped(self, service: str) -> Sequence[str]:
        """Return the data months that are excluded from all windows."""
        return self.config.skip.get(service, ())

    def pin_reason(self, service: str, month: str) -> str | None:
        """Return why the model of a run month is pinned; None if it is not."""
        if self.at(service, month).promotion.pin is None:
            return None
        reasons = [change.reason for change in self._changes(service, month) if change.promotion.pin is not None]
        return reasons[-1] if reasons else "promotion.pin in config/config.yaml"
