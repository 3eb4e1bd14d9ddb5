"""Check config without data: incomplete descriptions of services, and values that contradict each other."""

from collections.abc import Mapping

from ..base import redact
from ..base.exits import WrongConfig
from ..base.months import is_month
from ..base.resources import resource
from ..models import recipes
from .layers import closest, to_number

RESERVED = ("format", "installation")  # files of these names are next to registry/{service}.json


def check_service(config: Mapping, service: str, description: Mapping) -> None:
    """Raise WrongConfig if the description of a service is incomplete or invalid for this config."""
    if service in RESERVED:
        raise WrongConfig(f"catalog.{service}: registry/{service}.json has another use; choose another name")
    if config["source"] == "https" and "url" not in description:
        raise WrongConfig(f"catalog.{service}.url is missing in config/services.yaml: where are its files?")
    if config["source"] == "demo" and "layout" not in description:
        raise WrongConfig(f"catalog.{service}.layout is missing in config/services.yaml: demo imitates which?")
    if "distance" in description["columns"] and "distance_unit" not in description:
        raise WrongConfig(
            f"catalog.{service}.distance_unit is missing in config/services.yaml: distances are in mi, km or m"
        )
    if description["duration"]["min"] > description["duration"]["max"]:
        raise WrongConfig(f"catalog.{service}.duration: min is greater than max, so that no trip is left")
    zones = description.get("zones")
    if zones and not resource(zones).is_file():
        raise WrongConfig(f"catalog.{service}.zones: there is no file {zones}")


def check_values(config: Mapping) -> None:
    """Raise WrongConfig for values that are contradictory, invalid, or secret."""
    first, last = config["first"], config["last"]
    for key, month, keyword in (("first", first, "begin"), ("last", last, "newest")):
        if month != keyword and not is_month(month):
            raise WrongConfig(f"{key}: {month!r} is no month: write YYYY-MM, or `{keyword}`")
    bounds = config["quality"]["distance_mi"]
    if bounds and bounds["above"] >= bounds["max"]:
        raise WrongConfig("quality.distance_mi: above is not less than max, so that no distance is plausible")
    for rule in ("passengers", "rate_code", "trip_type"):
        if (bounds := config["quality"][rule]) and bounds["min"] > bounds["max"]:
            raise WrongConfig(f"quality.{rule}: min is greater than max, so that no value is plausible")
    if config["demo"]["first"] > config["demo"]["last"]:
        raise WrongConfig("demo.first is after demo.last")
    if "@" in config["tracking"]["uri"].split("://", 1)[-1].split("/", 1)[0]:
        raise WrongConfig("tracking.uri holds a user or password: set the environment's MLFLOW_TRACKING_URI instead")
    if redact.SECRET_OPTION.search(config["tracking"]["uri"].partition("?")[2]):
        raise WrongConfig("tracking.uri holds a password: set the environment's MLFLOW_TRACKING_URI instead")


def check_train(train: dict, where: str) -> dict:
    """Return `train` with texts in its parameters converted to numbers; raises WrongConfig if it is invalid."""
    recipe = train["recipe"]
    if recipe not in recipes.names():
        raise WrongConfig(f"{where}: unknown recipe {recipe!r}{closest(recipe, recipes.names())}")
    known = recipes.parameters(recipe)
    parameters = {}
    for name, value in train["parameters"].items():
        if name not in known:
            raise WrongConfig(f"{where}: recipe {recipe} has no parameter {name!r}{closest(name, known)}")
        number_type = {"int": "integer", "float": "number"}.get(known[name])
        parameters[name] = to_number(value, number_type) if number_type else value
        if number_type and (
            isinstance(parameters[name], (str, bool))
            or (number_type == "integer" and not isinstance(parameters[name], int))
        ):
            raise WrongConfig(f"{where}: parameter {name} of recipe {recipe} is {value!r}, but wants {known[name]}")
    return train | {"parameters": parameters}
