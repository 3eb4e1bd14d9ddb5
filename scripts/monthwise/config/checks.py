"""Check what several sections of config, the recipes or the files in the clone decide together."""

from collections.abc import Iterable

from ..base.exits import WrongConfig
from ..base.months import shift
from ..base.resources import resource
from ..models import recipes
from ..publisher import folder, resolve_folder
from .section import from_text
from .sections.changes import DATED, Change
from .sections.config import Config
from .sections.train import Train
from .words import closest

RESERVED = ("format", "installation")  # files of these names are next to registry/{service}.json


def check_services(config: Config) -> None:
    """Raise WrongConfig for services that are unknown, or that `source` needs more about."""
    for service in config.services:
        _check_service(config, service)
    _insist_on_known(config, "begin", config.begin)
    _insist_on_known(config, "skip", config.skip)
    _insist_on_known(config, "quality.waive", config.quality.waive)
    if config.source.startswith("file:"):
        folder.months(resolve_folder(config.source), "{month}")


def _insist_on_known(config: Config, key: str, services: Iterable[str]) -> None:
    for service in services:
        if service not in config.catalog:
            raise WrongConfig(f"{key}: unknown service {service!r}{closest(service, config.catalog)}")


def _check_service(config: Config, service: str) -> None:
    description = config.describe(service)
    if service in RESERVED:
        raise WrongConfig(f"catalog.{service}: registry/{service}.json has another use; choose another name")
    if config.source == "https" and description.url is None:
        raise WrongConfig(f"catalog.{service}.url is missing in config/services.yaml: where are its files?")
    if config.source == "demo" and description.layout is None:
        raise WrongConfig(f"catalog.{service}.layout is missing in config/services.yaml: demo imitates which?")
    if description.zones and not resource(description.zones).is_file():
        raise WrongConfig(f"catalog.{service}.zones: there is no file {description.zones}")


def check_train(train: Train, where: str) -> Train:
    """Return `train` with texts in its parameters converted to numbers; raises WrongConfig if it is invalid."""
    recipe = train.recipe
    if recipe not in recipes.names():
        raise WrongConfig(f"{where}: unknown recipe {recipe!r}{closest(recipe, recipes.names())}")
    known = recipes.parameters(recipe)
    parameters = {}
    for name, value in train.parameters.items():
        if name not in known:
            raise WrongConfig(f"{where}: recipe {recipe} has no parameter {name!r}{closest(name, known)}")
        number_type = {"int": int, "float": float}.get(known[name])
        parameters[name] = from_text(value, {number_type}) if number_type else value
        if number_type and (
            isinstance(parameters[name], (str, bool)) or (number_type is int and not isinstance(parameters[name], int))
        ):
            raise WrongConfig(f"{where}: parameter {name} of recipe {recipe} is {value!r}, but wants {known[name]}")
    return train.model_copy(update={"parameters": parameters})


def check_changes(config: Config) -> None:
    """Raise WrongConfig for changes that are out of order, change nothing or begin too early, and for pins."""
    _check_pin(config, None, "promotion.pin")
    for position, change in enumerate(config.changes):
        name = f"changes[{position}] (from {change.start})"
        _insist_on_known(config, name, change.services or ())
        for service in change.services or config.services:
            begin = config.begin.get(service)
            if begin and change.start < begin:
                raise WrongConfig(f"{name} is before begin of {service} ({begin}): change the settings themselves")
        if position and change.start < config.changes[position - 1].start:
            raise WrongConfig(f"{name} is out of order: it comes after one from {config.changes[position - 1].start}")
        if not change.model_fields_set & set(DATED):
            raise WrongConfig(f"{name} changes nothing: give one of {', '.join(DATED)}")
        _check_pin(config, change, f"{name}: promotion.pin")
    for service in config.services:
        begin = config.begin.get(service)
        if begin and shift(begin, -1) in config.skip.get(service, ()):
            raise WrongConfig(
                f"begin.{service} is {begin}, whose validation month {shift(begin, -1)} is skipped: the first month"
                f" must train; begin later"
            )


def _check_pin(config: Config, change: Change | None, name: str) -> None:
    """Raise WrongConfig for a pin to a model that is not trained before it serves, or never."""
    pin = (change or config).promotion.pin
    if pin is None:
        return
    for service in (change and change.services) or config.services:
        since = change.start if change else config.begin.get(service)
        if since is None:
            raise WrongConfig(f"{name}: give begin.{service}, the first run month, to pin a model from then on")
        if pin >= since:
            raise WrongConfig(f"{name} is {pin}, which is not before {since}, from when it is to serve {service}")
        if shift(pin, -1) in config.skip.get(service, ()):
            raise WrongConfig(f"{name} is {pin}, but {service} trains no model then: {shift(pin, -1)} is skipped")
