"""Commands that a message suggests: they repeat what the call was given, quoted for a shell, so that they paste."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping

CALL = "MONTHWISE_CALL"  # what this call was given, as JSON; jobs inherit it


def remember(
    directory: str | None = None,
    service: str | None = None,
    configfiles: Iterable[object] = (),
    overrides: Iterable[str] = (),
) -> None:
    """Note what commands have to repeat from now on, in this process and those it starts."""
    given = {"directory": directory, "service": service}
    given |= {"configfile": list(map(str, configfiles)), "config": list(overrides)}
    os.environ[CALL] = json.dumps(given)


def typed(config: Mapping[str, object]) -> list[str]:
    """Return `--config` values as they are typed."""
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in config.items()]


def command(name: str, *words: str, service: str | None = None) -> str:
    """Return a command line for the same folder and config; `service` goes before the one of this call."""
    given = json.loads(os.environ.get(CALL, "{}"))
    service = service or given.get("service")
    options = ["--service", service] if service else []
    return _quoted("./monthwise", name, *words, *_folder(given), *options, *_config(given))


def snakemake(*overrides: str) -> str:
    """Return a call of Snakemake for the same folder and config, with further `--config` values."""
    given = json.loads(os.environ.get(CALL, "{}"))
    return _quoted(".venv/bin/snakemake", "--cores", "2", *_folder(given), *_config(given, overrides))


def _folder(given: Mapping) -> list[str]:
    return ["--directory", given["directory"]] if given.get("directory") else []


def _config(given: Mapping, more: Iterable[str] = ()) -> list[str]:
    files, values = given.get("configfile"), [*given.get("config", ()), *more]
    return [*(["--configfile", *files] if files else []), *(["--config", *values] if values else [])]


def _quoted(*words: str) -> str:
    return " ".join(map(shlex.quote, words))
