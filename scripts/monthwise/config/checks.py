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
from .sections.datasets import Dataset
from .sections.train import Train
from .words import closest

RESERVED = ("format", "installation")  # files of these names are next to registry/{dataset}.json


def check_datasets(config: Config) -> None:
    """Raise WrongConfig for datasets that are unknown, or that `source` needs more about."""
    for dataset in config.datasets:
        _check_dataset(config, dataset)
    _insist_on_known(config, "begin", config.begin)
    _insist_on_known(config, "skip", config.skip)
    _insist_on_known(config, "quality.waive", config.quality.waive)
    if config.source.startswith("file:"):
        folder.months(resolve_folder(config.source), "{month}")


def _insist_on_known(config: Config, key: str, datasets: Iterable[str]) -> None:
    for dataset in datasets:
        if dataset not in config.catalog:
            raise WrongConfig(f"{key}: unknown dataset {dataset!r}{closest(dataset, config.catalog)}")


def _check_dataset(config: Config, dataset: str) -> None:
    description, file = config.describe(dataset), config.file_of("catalog", dataset)
    if dataset in RESERVED:
        raise WrongConfig(f"catalog.{dataset} in {file}: registry/{dataset}.json has another use; choose another name")
    if config.source == "https" and description.url is None:
        raise WrongConfig(f"catalog.{dataset}.url is missing in {file}: where are its files?")
    if config.source == "demo" and description.layout is None:
        raise WrongConfig(f"catalog.{dataset}.layout is missing in {file}: demo imitates which?")
    if config.source == "demo" and not resource(f"scripts/monthwise/prepare/{description.prepare}/demo").is_dir():
        raise WrongConfig(f"catalog.{dataset}.prepare in {file} is no module that makes months: {dataset} has no demo")
    named = [*((f"files.{name}", path) for name, path in description.files.items())]
    named += [("prepare", path) for path in description.module_paths()]
    if description.map:
        named += [("map.outlines", description.map.outlines), ("map.names", description.map.names or "")]
    for key, path in named:
        if path and not resource(path).is_file():
            raise WrongConfig(f"catalog.{dataset}.{key} in {file}: there is no file {path}")


def check_features(description: Dataset, train: Train, dataset: str) -> None:
    """Raise WrongConfig for a feature of `train.features` that the dataset does not have."""
    for name in train.features or ():
        if name not in description.features:
            raise WrongConfig(f"train.features: {dataset} has no feature {name!r}{closest(name, description.features)}")


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
        _insist_on_known(config, name, change.datasets or ())
        for dataset in change.datasets or config.datasets:
            begin = config.begin.get(dataset)
            if begin and change.start < begin:
                raise WrongConfig(f"{name} is before begin of {dataset} ({begin}): change the settings themselves")
        if position and change.start < config.changes[position - 1].start:
            raise WrongConfig(f"{name} is out of order: it comes after one from {config.changes[position - 1].start}")
        if not change.model_fields_set & set(DATED):
            raise WrongConfig(f"{name} changes nothing: give one of {', '.join(DATED)}")
        _check_pin(config, change, f"{name}: promotion.pin")
    for dataset in config.datasets:
        begin = config.begin.get(dataset)
        if begin and shift(begin, -1) in config.skip.get(dataset, ()):
            raise WrongConfig(
                f"begin.{dataset} is {begin}, whose validation month {shift(begin, -1)} is skipped: the first month"
                f" must train; begin later"
            )


def _check_pin(config: Config, change: Change | None, name: str) -> None:
    """Raise WrongConfig for a pin to a model that is not trained before it serves, or never."""
    pin = (change or config).promotion.pin
    if pin is None:
        return
    for dataset in (change and change.datasets) or config.datasets:
        since = change.start if change else config.begin.get(dataset)
        if since is None:
            raise WrongConfig(f"{name}: give begin.{dataset}, the first run month, to pin a model from then on")
        if pin >= since:
            raise WrongConfig(f"{name} is {pin}, which is not before {since}, from when it is to serve {dataset}")
        if shift(pin, -1) in config.skip.get(dataset, ()):
            raise WrongConfig(f"{name} is {pin}, but {dataset} trains no model then: {shift(pin, -1)} is skipped")
