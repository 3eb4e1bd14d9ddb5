"""The command line that all programs share.

A program names its inputs and outputs. Its `main` gets their paths and its settings, and returns a one-line summary.
Outputs are written under temporary names and renamed together if the inputs have not changed. The last log line is
always `exit CODE: ...` (exits.py).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..base import environment, exits
from ..base.files import Inputs, insist_on_readable, part_of
from ..base.resources import resource
from . import placeholders

if TYPE_CHECKING:
    from typing import NoReturn

Main = Callable[[argparse.Namespace], str]


class Parser(argparse.ArgumentParser):
    """A command line parser whose errors are one line with exit code 64."""

    def error(self, message: str) -> NoReturn:
        raise exits.WrongUsage(f"{message} ({self.prog} --help)")


def run(
    main: Main,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    many: Sequence[str] = (),
) -> NoReturn:
    """Run a program and end the process.

    `inputs` and `outputs` become options with these names (`--features A`). Options that are also in `many` take any
    number of paths. `--settings` takes JSON and becomes a dict.
    """
    environment.complete_user()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # started by hand, the locale can be any
    code, summary = _outcome(main, inputs, outputs, many)
    print(f"exit {code}: {summary}", flush=True)
    sys.exit(code)


def _outcome(main: Main, inputs: Sequence[str], outputs: Sequence[str], many: Sequence[str]) -> tuple[int, str]:
    try:
        return os.EX_OK, _call(main, inputs, outputs, many)
    except exits.Exit as end:
        return end.code, str(end)
    except Exception as error:
        failure = exits.from_os_error(error) if isinstance(error, OSError) else None
        if failure is None:
            traceback.print_exc(file=sys.stdout)
            return 1, f"{type(error).__name__}: {error}"
        return failure.code, str(failure)


def _call(main: Main, inputs: Sequence[str], outputs: Sequence[str], many: Sequence[str]) -> str:
    parser = Parser(description=sys.modules[main.__module__].__doc__)
    for name in (*inputs, *outputs):
        option = f"--{name.replace('_', '-')}"
        if name in many:
            parser.add_argument(option, nargs="*", default=[], metavar="PATH")
        else:
            parser.add_argument(option, required=True, metavar="PATH")
    parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON")
    job = parser.parse_args()

    paths = [path for name in inputs for path in _as_list(getattr(job, name))]
    placeholders.bring(paths)
    insist_on_readable(paths)
    input_guard = Inputs([*paths, *_own_code()])
    final_paths = {name: getattr(job, name) for name in outputs}
    temporary_paths = {name: part_of(path) for name, path in final_paths.items()}
    try:
        for name, part in temporary_paths.items():
            setattr(job, name, str(part))
        summary = _work(main, job, paths)
        input_guard.check([*paths, *_loaded_code()])
        for name, part in temporary_paths.items():
            os.replace(part, final_paths[name])
    finally:
        for part in temporary_paths.values():
            part.unlink(missing_ok=True)
    return summary


def _work(main: Main, job: argparse.Namespace, paths: Sequence[str]) -> str:
    """Call `main`. If it fails and one of its parquet inputs is damaged, raises BadData instead."""
    try:
        return main(job)
    except exits.Exit:
        raise
    except Exception as error:
        if isinstance(error, OSError) and exits.from_os_error(error):
            raise
        for path in paths:
            if path.endswith(".parquet"):
                _insist_on_whole(path)
        raise


def _insist_on_whole(path: str) -> None:
    """Read a parquet file to its end. Raises BadData if it is damaged."""
    import pyarrow.parquet as pq  # a program that reads parquet has already imported it

    try:
        for _ in pq.ParquetFile(path).iter_batches():
            pass
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise exits.BadData(f"{path} cannot be read as parquet ({reason}); delete it and rerun the command") from None


def _own_code() -> list[str]:
    """Return the files of all programs and modules; only those that were loaded are checked at the end."""
    return [str(path) for path in resource("scripts").rglob("*.py")]


def _loaded_code() -> set[str]:
    modules = [module for name, module in sys.modules.items() if name == "__main__" or name.startswith("monthwise.")]
    return {os.path.realpath(path) for module in modules if (path := getattr(module, "__file__", None))}


def _as_list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
