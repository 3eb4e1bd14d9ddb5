"""Build suggested commands: they repeat the options of this call, quoted for a shell, so that they can be pasted."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypedDict

    class Call(TypedDict, total=False):
        """The options that suggested commands repeat; empty for a program that is started by hand."""

        directory: str | None
        dataset: str | None
        configfile: list[str]
        config: list[str]


CALL = "MONTHWISE_CALL"  # the options of this call as JSON; jobs inherit it


def remember(
    directory: str | None = None,
    dataset: str | None = None,
    configfiles: Iterable[object] = (),
    overrides: Iterable[str] = (),
) -> None:
    """Store the options that suggested commands repeat, for this process and its children."""
    call: Call = {
        "directory": directory,
        "dataset": dataset,
        "configfile": list(map(str, configfiles)),
        "config": list(overrides),
    }
    os.environ[CALL] = json.dumps(call)


def typed(config: Mapping[str, object]) -> list[str]:
    """Return `--config` values in the form of the command line."""
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in config.items()]


def command(name: str, *words: str, dataset: str | None = None) -> str:
    """Return a command line for the same folder and config; `dataset` overrides that of this call."""
    call = _call()
    dataset = dataset or call.get("dataset")
    options = ["--dataset", dataset] if dataset else []
    return _quoted("./monthwise", name, *words, *_folder(call), *options, *_config(call))


def snakemake(*overrides: str) -> str:
    """Return a call of Snakemake for the same folder and config, with additional `--config` values."""
    call = _call()
    return _quoted(".venv/bin/snakemake", "--cores", "2", *_folder(call), *_config(call, overrides))


def _call() -> Call:
    call: Call = json.loads(os.environ.get(CALL, "{}"))
    return call


def _folder(call: Call) -> list[str]:
    directory = call.get("directory")
    return ["--directory", directory] if directory else []


def _config(call: Call, more: Iterable[str] = ()) -> list[str]:
    files, values = call.get("configfile"), [*call.get("config", ()), *more]
    return [*(["--configfile", *files] if files else []), *(["--config", *values] if values else [])]


def _quoted(*words: str) -> str:
    return " ".join(map(shlex.quote, words))
