"""Derive the settings of a service, a month and a stage from config.

Raises WrongConfig for every error that can be detected in config alone, before a job starts.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..base.exits import WrongConfig, WrongUsage
from ..base.months import shift, span
from ..models import recipes
from ..publisher import folder, resolve_folder
from . import checks, layers
from .layers import closest

# Keys that entries of `changes` may change.
DATED = ("window", "train", "promotion")


class Windows(NamedTuple):
    """The data months of a run month: the training window, oldest first, and the validation month."""

    training: list[str]
    validation: str


class Settings:
    """The validated config of one call, and the settings derived from it.

    `files` are additional config files, and `overrides` the `--config` values, as in layers.read.
    """

    def __init__(self, files: list[str | Path] | tuple = (), overrides: Mapping | None = None):
        self.config = layers.read(files, overrides)
        self.services: list[str] = self.config["services"]
        self._found: dict[tuple, Any] = {}
        self._check()

    def choose(self, service: str | None) -> list[str]:
        """Return the services of a call: `service` if it is given, else all in config."""
        if service is None:
            return self.services
        self.describe(service)
        return [service]

    def once(self, key: tuple, find: Callable[[], Any]) -> Any:
        """Return the result of `find`, cached under `key` because hundreds of jobs need it."""
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    def changed(self, layer: Mapping) -> "Settings":
        """Return these settings updated with `layer`; raises WrongConfig if the result is invalid."""
        settings = copy.copy(self)
        settings.config, settings._found = layers.merge(self.config, layer), {}
        settings._check()
        return settings

    # Settings of a month

    def at(self, service: str, month: str) -> dict:
        """Return the dated settings (`window`, `train`, `promotion`) that apply to a run month."""
        return self.once(("held", service, month), lambda: self._held(service, month))

    def _held(self, service: str, month: str) -> dict:
        dated = {key: self.config[key] for key in DATED}
        for change in self._changes(service, month):
            dated = layers.merge(dated, {key: change[key] for key in DATED if key in change})
        train = checks.check_train(dated["train"], f"settings of {service} {month}")
        if "zones" in recipes.parameters(train["recipe"]):
            zones = "map" if self.describe(service).get("zones") else "codes"
            train = train | {"parameters": {"zones": zones} | train["parameters"]}
        return dated | {"train": train}

    def _changes(self, service: str, month: str) -> list[dict]:
        """Return the entries of `changes` that apply to a run month, in their order."""
        return [
            change
            for change in self.config["changes"]
            if change["from"] <= month and service in change.get("services", [service])
        ]

    def is_skipped(self, service: str, month: str) -> bool:
        """Return whether a data month is excluded from all windows."""
        return month in self.config["skip"].get(service, ())

    def training_months(self, service: str, month: str) -> list[str]:
        """Return the training window of a run month, oldest first: no skipped months, and none after M-2."""
        length = self.at(service, month)["window"]["length"]
        training: list[str] = []
        candidate = shift(month, -2)
        while len(training) < length:
            if not self.is_skipped(service, candidate):
                training.insert(0, candidate)
            candidate = shift(candidate, -1)
        return training

    def validation_month(self, service: str, month: str) -> str | None:
        """Return the validation month M-1, or None if it is skipped, so that no challenger is trained."""
        validation = shift(month, -1)
        return None if self.is_skipped(service, validation) else validation

    def run_windows(self, service: str, month: str) -> "Windows":
        """Return the windows of a run month; raises WrongUsage if its validation month is skipped."""
        validation = self.validation_month(service, month)
        if validation is None:
            raise WrongUsage(
                f"{service} {month} trains no model: its validation month {shift(month, -1)} is skipped"
                f" (skip in config/config.yaml); request another month, or take it out of skip"
            )
        return Windows(self.training_months(service, month), validation)

    # Champions

    def reigns_before(self, service: str, month: str) -> str | None:
        """Return the run month of the current champion when `month` is decided, or None for the first decided month.

        Raises WrongUsage for an earlier month, which may have a model but has no champion.
        """
        begin = self.begin(service)
        if month < begin:
            raise WrongUsage(
                f"{service} {month} has no champion: the first one serves in {begin} (begin in config/config.yaml); ask"
                f" for a later month, or let it begin earlier"
            )
        return shift(month, -1) if month > begin else None

    def promotion(self, service: str, month: str) -> dict:
        """Return the promotion rules of a run month, with `pin_reason` if a model is pinned."""
        rules = self.at(service, month)["promotion"]
        if not rules["pin"]:
            return rules
        pinning = [
            change for change in self._changes(service, month) if change.get("promotion", {}).get("pin") is not None
        ]
        return rules | {"pin_reason": pinning[-1]["reason"] if pinning else "promotion.pin in config/config.yaml"}

    # Closed months

    def is_closed_run(self, month: str) -> bool:
        """Return whether a run month is before `history.closed_before`."""
        closed_before = self.config["history"]["closed_before"]
        return closed_before is not None and month < closed_before

    def is_closed_data(self, service: str, month: str) -> bool:
        """Return whether no open run month reads a data month."""
        closed_before = self.config["history"]["closed_before"]
        if closed_before is None:
            return False
        return month < self.once(("open data", service), lambda: self._oldest_open_data(service, closed_before))

    def _oldest_open_data(self, service: str, closed_before: str) -> str:
        # From a later month on, the window may be longer.
        later = [change["from"] for change in self.config["changes"] if change["from"] > closed_before]
        return min(self.training_months(service, month)[0] for month in (closed_before, *later))

    def describe(self, service: str) -> dict:
        """Return the entry of a service in config/services.yaml; raises WrongConfig if there is none."""
        catalog = self.config["catalog"]
        if service not in catalog:
            raise WrongConfig(f"unknown service {service!r}{closest(service, catalog)} (config/services.yaml)")
        return catalog[service]

    # Run months

    def run_months(self, service: str, today: str, located: Sequence[str] = ()) -> list[str]:
        """Return the run months from `first` to `last`.

        `today` is the current month, and `located` are the data months that have a source.json. Demo data use neither.
        """
        first = self.first_run_month(service)
        last = self.config["last"]
        if last == "newest":
            last = shift(self.newest_out(service, today, located), 1)
        if first > last:
            raise WrongConfig(
                f"{service}: first ({first}, from `{self.config['first']}`) is after last ({last}, from"
                f" `{self.config['last']}`): give --config first=YYYY-MM last=YYYY-MM, or another begin"
            )
        return span(first, last)

    def first_run_month(self, service: str) -> str:
        """Return the first run month of the default targets."""
        return self.begin(service) if self.config["first"] == "begin" else self.config["first"]

    def begin(self, service: str) -> str:
        """Return the first run month that has a champion."""
        return self.once(("begin", service), lambda: self._begin(service))

    def _begin(self, service: str) -> str:
        if service in self.config["begin"]:
            return self.config["begin"][service]
        oldest = {"demo": lambda: self.config["demo"]["first"], "https": lambda: None}.get(
            self.config["source"], lambda: self._published(service)[0]
        )()
        if oldest is None:
            raise WrongConfig(f"begin.{service} is missing in config/config.yaml: the first run month, YYYY-MM")
        month = shift(oldest, 2)
        while self.training_months(service, month)[0] < oldest:
            month = shift(month, 1)
        return month

    def newest_possible(self, service: str, today: str) -> str:
        """Return the newest data month that can exist: with https the one before `today`, else as newest_out."""
        return shift(today, -1) if self.config["source"] == "https" else self.newest_out(service, today, [])

    def newest_out(self, service: str, today: str, located: Sequence[str] = ()) -> str:
        """Return the newest published data month, as far as it is known without a request to the publisher."""
        if self.config["source"] == "demo":
            return self.config["demo"]["last"]
        if self.config["source"] == "https":
            return max([*located, shift(today, -self.config["publisher"]["lag"])])
        published = self._published_in_folder(service)
        return max([*located, *published]) if published or located else self._published(service)[-1]

    def _published(self, service: str) -> list[str]:
        published = self._published_in_folder(service)
        if not published:
            pattern = self.describe(service)["file"]
            raise WrongConfig(f"{service}: there is no file like {pattern} in {self.config['source']}")
        return published

    def _published_in_folder(self, service: str) -> list[str]:
        return folder.months(resolve_folder(self.config["source"]), self.describe(service)["file"])

    # Checks

    def _check(self) -> None:
        config = self.config
        for service in self.services:
            checks.check_service(config, service, self.describe(service))
        for key, services in {
            "begin": config["begin"],
            "skip": config["skip"],
            "quality.waive": config["quality"]["waive"],
        }.items():
            for service in services:
                if service not in config["catalog"]:
                    raise WrongConfig(f"{key}: unknown service {service!r}{closest(service, config['catalog'])}")
        if config["source"].startswith("file:"):
            folder.months(resolve_folder(config["source"]), "{month}")
        checks.check_values(config)
        checks.check_train(config["train"], "train")
        self._check_pin(config["promotion"]["pin"], None, "promotion.pin")
        self._check_changes()

    def _check_changes(self) -> None:
        changes = self.config["changes"]
        for position, change in enumerate(changes):
            name = f"changes[{position}] (from {change['from']})"
            for service in change.get("services", self.services):
                self.describe(service)
                begin = self.config["begin"].get(service)
                if begin and change["from"] < begin:
                    raise WrongConfig(f"{name} is before begin of {service} ({begin}): change the settings themselves")
            if position and change["from"] < changes[position - 1]["from"]:
                raise WrongConfig(f"{name} is out of order: it comes after one from {changes[position - 1]['from']}")
            if not any(key in change for key in DATED):
                raise WrongConfig(f"{name} changes nothing: give one of {', '.join(DATED)}")
            # Only the merged settings show whether parameters fit their recipe.
            for service in change.get("services", self.services):
                self.at(service, change["from"])
            self._check_pin(change.get("promotion", {}).get("pin"), change, f"{name}: promotion.pin")
        for service in self.services:
            begin = self.config["begin"].get(service)
            if begin and self.validation_month(service, begin) is None:
                raise WrongConfig(
                    f"begin.{service} is {begin}, whose validation month {shift(begin, -1)} is skipped: the first month"
                    f" must train; begin later"
                )

    def _check_pin(self, pin: str | None, change: dict | None, name: str) -> None:
        """Raise WrongConfig for a pin to a model that is not trained before it serves, or never."""
        if pin is None:
            return
        for service in (change or {}).get("services", self.services):
            since = change["from"] if change else self.config["begin"].get(service)
            if since is None:
                raise WrongConfig(f"{name}: give begin.{service}, the first run month, to pin a model from then on")
            if pin >= since:
                raise WrongConfig(f"{name} is {pin}, which is not before {since}, from when it is to serve {service}")
            if self.validation_month(service, pin) is None:
                raise WrongConfig(f"{name} is {pin}, but {service} trains no model then: {shift(pin, -1)} is skipped")
