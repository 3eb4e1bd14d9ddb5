"""Derive the settings of a service and of a month from config.

Raises WrongConfig for every error that can be detected in config alone, before a job starts.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base.exits import WrongConfig
from ..base.months import shift
from ..models import recipes
from ..publisher import folder, resolve_folder
from . import checks, layers
from .layers import closest

# Keys that entries of `changes` may change.
DATED = ("window", "train", "promotion")


class Settings:
    """The validated config of one call, and the settings derived from it.

    `files` are additional config files, and `overrides` the `--config` values, as in layers.read.
    """

    def __init__(self, files: list[str | Path] | tuple = (), overrides: Mapping | None = None):
        self.config = layers.read(files, overrides)
        self._check()

    @property
    def services(self) -> list[str]:
        """The services of the call."""
        return self.config["services"]

    def choose(self, service: str | None) -> list[str]:
        """Return the services of a call: `service` if it is given, else all in config."""
        if service is None:
            return self.services
        self.describe(service)
        return [service]

    def changed(self, layer: Mapping) -> "Settings":
        """Return these settings updated with `layer`; raises WrongConfig if the result is invalid."""
        settings = copy.copy(self)
        settings.config = layers.merge(self.config, layer)
        settings._check()
        return settings

    # Settings of a month

    def at(self, service: str, month: str) -> dict:
        """Return the dated settings (`window`, `train`, `promotion`) that apply to a run month."""
        return [dated for start, dated in self._dated[service] if start <= month][-1]

    def _resolve(self, service: str) -> list[tuple[str, dict]]:
        """Return the dated settings of a service, each with the month from which it applies, oldest first."""
        dated: list[tuple[str, dict]] = []
        for start in ("", *(change["from"] for change in self._changes(service))):
            merged = {key: self.config[key] for key in DATED}
            for change in self._changes(service, start):
                merged = layers.merge(merged, {key: change[key] for key in DATED if key in change})
            train = checks.check_train(merged["train"], f"settings of {service} from {start}" if start else "train")
            if "zones" in recipes.parameters(train["recipe"]):
                zones = "map" if self.describe(service).get("zones") else "codes"
                train = train | {"parameters": {"zones": zones} | train["parameters"]}
            dated.append((start, merged | {"train": train}))
        return dated

    def _changes(self, service: str, month: str | None = None) -> list[dict]:
        """Return the entries of `changes` for a service, in their order; with `month`, those that apply to it."""
        return [
            change
            for change in self.config["changes"]
            if service in change.get("services", [service]) and (month is None or change["from"] <= month)
        ]

    def skipped(self, service: str) -> Sequence[str]:
        """Return the data months that are excluded from all windows."""
        return self.config["skip"].get(service, ())

    def promotion(self, service: str, month: str) -> dict:
        """Return the promotion rules of a run month, with `pin_reason` if a model is pinned."""
        rules = self.at(service, month)["promotion"]
        if not rules["pin"]:
            return rules
        pinning = [
            change for change in self._changes(service, month) if change.get("promotion", {}).get("pin") is not None
        ]
        return rules | {"pin_reason": pinning[-1]["reason"] if pinning else "promotion.pin in config/config.yaml"}

    def describe(self, service: str) -> dict:
        """Return the entry of a service in config/services.yaml; raises WrongConfig if there is none."""
        catalog = self.config["catalog"]
        if service not in catalog:
            raise WrongConfig(f"unknown service {service!r}{closest(service, catalog)} (config/services.yaml)")
        return catalog[service]

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
        # Only the merged settings show whether parameters fit their recipe.
        self._dated = {service: self._resolve(service) for service in config["catalog"]}
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
            self._check_pin(change.get("promotion", {}).get("pin"), change, f"{name}: promotion.pin")
        for service in self.services:
            begin = self.config["begin"].get(service)
            if begin and shift(begin, -1) in self.skipped(service):
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
            if shift(pin, -1) in self.skipped(service):
                raise WrongConfig(f"{name} is {pin}, but {service} trains no model then: {shift(pin, -1)} is skipped")
