"""The commands of ./monthwise: what Snakemake cannot say by itself. One module each, imported when it is called."""

import argparse
import importlib
import os
import sys
from pathlib import Path

import yaml

from ..base import environment, exits, folders, months, output, results, suggest
from ..config.layers import merge
from ..config.settings import Settings
from ..job.command_line import Parser
from ..runner import alerts

COMMANDS = {
    "accept": "record results that agree with their evidence as up to date, after an upgrade or a lost .snakemake",
    "check": "check that this machine and folder can run Monthwise, one line each",
    "datasets": "list the datasets, describe one, or write the config of a new one (--new)",
    "locate": "look months up at the publisher (without a range: those that may be new or restated)",
    "plan": "what `run` would do and why, month by month, with its cost; changes nothing but logs/plan.json",
    "prune": "show the space that raw and intermediate files of closed months would free; with --yes delete them",
    "report": "write the pages under report/: every month and stage, errors, drift, what needs attention",
    "run": "bring everything up to date: locate, build, check, alert; safe to run at any time",
    "score": "predict your own rows with the champion (--input, --output)",
    "status": "one screen: months by stages, what failed and what needs attention",
    "track": "write the MLflow store again from the files, where it is empty, lost or moved",
    "verify": "check past decisions against the files: hashes, metrics, decision (--rebuild: rebuild and compare)",
}

CREATING = ("check", "locate", "run")  # commands that create the folder of --directory; the others read an existing one
WITHOUT_MONTHS = ("check", "report")
ANY_FORMAT = ("accept", "check")  # commands that take results of another version's format


def main() -> None:
    """Run the command on the command line and end the process with its exit code."""
    standard_output = output.settle()
    environment.settle()
    try:
        arguments = _parse()
        suggest.remember(arguments.directory, arguments.dataset, arguments.configfile, arguments.overrides)
        if os.path.exists(profile := os.environ.get("SNAKEMAKE_PROFILE", "")):
            # A relative path starts from the folder in which the command was typed.
            os.environ["SNAKEMAKE_PROFILE"] = os.path.abspath(profile)
        with folders.inside(arguments.directory, arguments.command in CREATING, arguments.command != "check"):
            code = _call(arguments)
        sys.stdout.flush()
        # A run keeps its results even if its output is lost. The output of other commands is their result.
        is_lost = standard_output.is_lost and arguments.command != "run"
        sys.exit(os.EX_CANTCREAT if code == os.EX_OK and is_lost else code)
    except exits.Exit as end:
        print(f"monthwise: {end}", file=sys.stderr)
        sys.exit(end.code)
    except OSError as error:
        known = exits.from_os_error(error)
        if known is None:
            raise
        print(f"monthwise: {known}", file=sys.stderr)
        sys.exit(known.code)
    except KeyboardInterrupt:
        sys.exit(130)


def _call(arguments: argparse.Namespace) -> int:
    if arguments.command not in ANY_FORMAT:
        results.insist_on_format()
    command = importlib.import_module(f".{arguments.command}", __package__)
    try:
        settings = Settings(arguments.configfile, arguments.config)
    except exits.Exit as end:
        if arguments.command == "run":
            alerts.note_refusal(end)
        raise
    code: int = command.run(arguments, settings)
    return code


def _parse() -> argparse.Namespace:
    parser = Parser(prog="./monthwise", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        sub = subparsers.add_parser(name, help=help_text, description=help_text)
        if name == "datasets":
            sub.add_argument("name", nargs="?", metavar="NAME", help="describe this one")
            sub.set_defaults(range=None, dataset=None, called_from=os.getcwd())
        else:
            sub.add_argument("range", nargs="?", type=_range, metavar="RANGE", help="2024-03 or 2024-03..2024-09")
            sub.add_argument("--dataset", help="this dataset alone")
        for option, value in (("--config", "KEY=VALUE"), ("--configfile", "FILE")):
            help_text = "as for snakemake; several add up"
            sub.add_argument(option, nargs="+", action="extend", default=[], metavar=value, help=help_text)
        sub.add_argument("--directory", metavar="DIR", help="where the files are (default: here)")
        _add_options(sub, name)
    arguments = parser.parse_args()
    _insist_on_use(arguments)
    arguments.overrides = arguments.config  # as they were typed, for Snakemake
    arguments.config = {}
    for key, setting in map(_key_value, arguments.overrides):
        arguments.config = merge(arguments.config, {key: setting})
    arguments.configfile = [Path(path).absolute() for path in arguments.configfile]
    for name in ("against", "input", "output"):
        if getattr(arguments, name, None):
            setattr(arguments, name, Path(getattr(arguments, name)).absolute())
    return arguments


def _insist_on_use(arguments: argparse.Namespace) -> None:
    """Raise WrongUsage for arguments that the command would ignore."""
    if arguments.command in WITHOUT_MONTHS and (arguments.range or arguments.dataset):
        raise exits.WrongUsage(f"{arguments.command} is about every month and dataset: leave RANGE and --dataset out")
    if arguments.command == "status":
        views = [name for name in ("json", "errors", "champions") if getattr(arguments, name)]
        if len(views) > 1:
            raise exits.WrongUsage(f"status prints one thing at a time: give one of --{', --'.join(views)}")
        if arguments.against and views not in ([], ["errors"]):
            raise exits.WrongUsage(f"--against compares errors: leave --{views[0]} out")
        if arguments.json and arguments.range:
            raise exits.WrongUsage("status --json prints every month: leave RANGE out")
        if arguments.against and not os.path.isdir(arguments.against):
            raise exits.WrongUsage(f"--against {arguments.against}: there is no such folder; check the spelling")


def _add_options(sub: argparse.ArgumentParser, name: str) -> None:
    if name in ("run", "plan"):
        _add_run_options(sub, name)
    if name == "prune":
        sub.add_argument("--keep", type=_count, required=True, metavar="N", help="the newest N data months stay")
        sub.add_argument("--yes", action="store_true", help="delete")
    if name == "status":
        sub.add_argument("--json", action="store_true", help="everything, for programs")
        sub.add_argument("--errors", action="store_true", help="validation errors beside the baseline's")
        sub.add_argument("--against", metavar="DIR", help="compare with the same months of another directory")
        sub.add_argument("--champions", action="store_true", help="the champion of each month, and its live error")
    if name == "score":
        sub.add_argument("--input", metavar="FILE", required=True, help="rows in the publisher's columns")
        sub.add_argument("--output", metavar="PARQUET", required=True, help="row number and prediction of each row")
    if name == "datasets":
        sub.add_argument("--new", metavar="NAME", help="write NAME.yaml from two months of its files")
        sub.add_argument("--file", metavar="PATTERN", help="of --new: its files, such as 'folder/sales_{month}.csv'")
        sub.add_argument("--target", metavar="COLUMN", help="of --new: what is predicted")
        sub.add_argument("--time", metavar="COLUMN", help="of --new: what dates a row (default: found)")
        sub.add_argument("--positive", metavar="VALUE", help="of --new: the value to find, of a target with two")
    if name == "track":
        sub.add_argument(
            "--take-over",
            action="store_true",
            help="the names in the store belong to this installation from now on",
        )
    if name == "verify":
        sub.add_argument("--rebuild", action="store_true", help="rebuild the month from raw.file, and compare")


def _add_run_options(sub: argparse.ArgumentParser, name: str) -> None:
    sub.add_argument("--recheck", type=_recheck, metavar="N|all", help="check this many known months again")
    sub.add_argument("--max-months", type=_count, metavar="N", help="no more run months of a dataset, oldest first")
    sub.add_argument("--redo", action="store_true", help="rebuild the months of RANGE")
    sub.add_argument("--jobs", type=_count, default=os.cpu_count(), metavar="N", help="at once (default: all cores)")
    if name == "run":
        sub.add_argument("--newest-first", action="store_true", help="train the newest year first, then decide")
        sub.add_argument("--rehearse", action="store_true", help="the same on 1 %% of the rows, in a scratch directory")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _recheck(text: str) -> int | None:
    """Return how many known months to check again; for `all`, a number that no count exceeds."""
    if text == "all":
        return sys.maxsize
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor `all`")
    return int(text)


def _range(text: str) -> list[str]:
    try:
        return months.span(*months.parse_range(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _key_value(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals:
        raise exits.WrongUsage(f"--config {text}: write KEY=VALUE")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise exits.WrongUsage(f"--config {text}: the value after = is not valid YAML") from error


def print_table(rows: list[list[str]], left: bool = False) -> None:
    """Print rows of cells, the first row as head, each column as wide as its widest cell.

    `left` aligns the cells to the left.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(cell.ljust(width) if left else cell.rjust(width) for cell, width in cells).rstrip())
