"""Read the user's Snakemake profile, which SNAKEMAKE_PROFILE names: it decides where jobs run, never what is built.

Executor, resources, groups, retries and the settings of the executor's plugin reach Snakemake. Settings that change
what is found or built (`quiet`, `rerun-triggers`, `config`, `until`, ...) do not. Dry runs need none of them.
"""

import importlib.metadata
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..base.exits import WrongConfig

VARIABLE = "SNAKEMAKE_PROFILE"
COPY = ".snakemake/monthwise-profile/config.yaml"
CONFIG_NAME = re.compile(r"(?:profile|config)(?:\.v(\d+)\+)?\.yaml")
PSEUDO_EXECUTORS = ("dryrun", "touch")
# Options of Snakemake that decide where jobs run, how many, with which resources and how often.
# A test checks that Snakemake has them.
WHERE = frozenset(
    {
        *("executor", "jobs", "cores", "local-cores", "max-threads", "set-threads"),
        *("resources", "res", "set-resources", "set-resource-scopes", "default-resources", "default-res"),
        *("groups", "group-components", "preemptible-rules", "preemptible-retries", "retries", "restart-times"),
        *("latency-wait", "output-wait", "max-jobs-per-second", "max-jobs-per-timespan"),
        *("max-status-checks-per-second", "seconds-between-status-checks"),
        *("scheduler", "scheduler-greediness", "greediness", "scheduler-subsample"),
        *("jobname", "jn", "jobscript", "js", "precommand", "envvars", "container-image"),
    }
)


@dataclass
class UserProfile:
    """The settings of a profile that reach Snakemake, and the keys that do not."""

    settings: dict[str, Any] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def options(self) -> list[str]:
        """Return the options for a run; write the copy that they name into the working directory."""
        if not self.settings:
            return NO_PROFILE
        copy = Path(COPY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return ["--profile", str(copy.absolute())]

    def notice(self) -> str:
        """Return one line that names the ignored keys; empty if there are none."""
        if not self.ignored:
            return ""
        return f"{VARIABLE}: ignored {', '.join(self.ignored)}; a profile decides where jobs run, not what is built"


NO_PROFILE = ["--profile", "none"]


def read(value: str | None) -> UserProfile:
    """Return the profile that a value of SNAKEMAKE_PROFILE names. Raises WrongConfig if it is missing or unreadable."""
    settings: dict[str, Any] = {}
    for name in _names(value or ""):
        settings |= _settings(_find(name))
    executor = settings.get("executor")
    profile = UserProfile()
    for key, setting in settings.items():
        is_plugins = executor not in (None, "local", *PSEUDO_EXECUTORS) and key.startswith(f"{executor}-")
        if (key in WHERE or is_plugins) and not (key == "executor" and setting in PSEUDO_EXECUTORS):
            profile.settings[key] = setting
        else:
            profile.ignored.append(key)
    return profile


def _names(value: str) -> list[str]:
    """Return the names in the variable: one, or a list in brackets. Later profiles replace keys of earlier ones."""
    if not (value.startswith("[") and value.endswith("]")):
        return [] if value in ("", "none") else [value]
    try:
        return [str(name) for name in json.loads(value)]
    except ValueError:
        return [name.strip() for name in value[1:-1].split(",")]


def _find(name: str) -> Path:
    """Return the file of a profile, in the places where Snakemake looks for it."""
    if os.path.isfile(name):
        return Path(name)
    if os.path.exists(name):
        candidates = [Path(name)]
    else:
        from platformdirs import AppDirs  # as Snakemake does; only if a profile is named

        folders = AppDirs("snakemake", "snakemake")
        candidates = [Path(folder, name) for folder in (folders.user_config_dir, folders.site_config_dir)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
        if file := _newest(candidate):
            return file
    places = " and ".join(map(str, candidates))
    raise WrongConfig(f"{VARIABLE}: no profile {name}: no config.yaml or profile.yaml in {places}")


def _newest(folder: Path) -> Path | None:
    """Return the config file for the newest version of Snakemake that is not newer than the installed one."""
    installed = int(importlib.metadata.version("snakemake").partition(".")[0])
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WrongConfig(f"{VARIABLE}: {folder} cannot be read: {error.strerror}") from error
    versions = {match[0]: int(match[1] or 0) for name in names if (match := CONFIG_NAME.fullmatch(name))}
    fitting = [name for name, version in versions.items() if version <= installed]
    return folder / max(fitting, key=versions.__getitem__) if fitting else None


def _settings(path: Path) -> dict[str, Any]:
    """Return the settings of a profile by key; make paths in its folder absolute, as Snakemake does."""
    import yte  # Snakemake's own reader: a profile may be a template

    try:
        with open(path, encoding="utf-8") as file:
            settings = yte.process_yaml(file, require_use_yte=True)
    except OSError as error:
        raise WrongConfig(f"{VARIABLE}: {path} cannot be read: {error.strerror}") from error
    except Exception as error:  # from YAML, or from an expression of the template
        raise WrongConfig(f"{VARIABLE}: {path} is no profile: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise WrongConfig(f"{VARIABLE}: {path} is no profile: write `key: value` lines")
    return {str(key).removeprefix("--"): _absolute(value, path.parent) for key, value in settings.items()}


def _absolute(value: object, folder: Path) -> object:
    if value is None or isinstance(value, list | dict):
        return value
    text = os.path.expanduser(os.path.expandvars(str(value)))
    return str((folder / text).absolute()) if (folder / text).exists() else value
