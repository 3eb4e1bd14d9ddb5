"""The commands of ./monthwise: what Snakemake cannot say by itself. One module each, imported when it is called."""

import argparse
import importlib
import os
import sys
from pathlib import Path

import yaml

from .. import exits, months
from ..program import Parser
from ..settings import Settings

COMMANDS = {
    "check": "whether this machine and folder can run Monthwise, one line each",
    "locate": "ask the publisher about months (without a range: about those that may be new or restated)",
    "score": "what the champion says about trips of one's own (--input, --output)",
    "status": "the run months that are there: trips, errors, the naive baseline, champions",
    "track": "write the MLflow store again from the files, where it is empty, lost or moved",
    "verify": "whether what was decided is what the files say: hashes, metrics, decision (--rebuild: built again)",
}


def main() -> None:
    """Run the command on the command line and end the process with its exit code."""
    try:
        arguments = _parse()
        if arguments.directory:
            os.makedirs(arguments.directory, exist_ok=True)
            os.chdir(arguments.directory)
        command = importlib.import_module(f".{arguments.command}", __package__)
        sys.exit(command.run(arguments, Settings(arguments.configfile, arguments.config)))
    except exits.Exit as end:
        print(f"monthwise: {end}", file=sys.stderr)
        sys.exit(end.code)
    except OSError as error:
        end = exits.from_os_error(error)
        if end is None:
            raise
        print(f"monthwise: {end}", file=sys.stderr)
        sys.exit(end.code)
    except KeyboardInterrupt:
        sys.exit(130)


def _parse() -> argparse.Namespace:
    parser = Parser(prog="./monthwise", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        sub = subparsers.add_parser(name, help=help_text, description=help_text)
        sub.add_argument("range", nargs="?", type=_range, metavar="RANGE", help="2024-03 or 2024-03..2024-09")
        sub.add_argument("--service", help="this service alone")
        sub.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake")
        sub.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="as for snakemake")
        sub.add_argument("--directory", metavar="DIR", help="where the files are (default: here)")
        if name == "status":
            sub.add_argument("--against", metavar="DIR", help="compare with the same months of another directory")
            sub.add_argument("--champions", action="store_true", help="who served in each month, and how well")
        if name == "score":
            sub.add_argument("--input", metavar="PARQUET", required=True, help="trips in the publisher's columns")
            sub.add_argument("--output", metavar="PARQUET", required=True, help="trip and prediction_min for each row")
        if name == "verify":
            sub.add_argument(
                "--rebuild", action="store_true", help="build the month again from raw.parquet, and compare"
            )
    arguments = parser.parse_args()
    arguments.config = dict(map(_key_value, arguments.config))
    arguments.configfile = [Path(path).absolute() for path in arguments.configfile]
    for name in ("against", "input", "output"):
        if getattr(arguments, name, None):
            setattr(arguments, name, Path(getattr(arguments, name)).absolute())
    return arguments


def _range(text: str) -> list[str]:
    try:
        return months.span(*months.parse_range(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _key_value(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    try:
        return key, yaml.safe_load(value) if equals else _no_value(text)
    except yaml.YAMLError as error:
        raise exits.WrongUsage(f"--config {text}: what stands after = is no YAML") from error


def _no_value(text: str):
    raise exits.WrongUsage(f"--config {text}: write KEY=VALUE")


def chosen_services(arguments: argparse.Namespace, settings: Settings) -> list[str]:
    """Return the services that a command is about: the one of `--service`, or all of config."""
    if arguments.service:
        settings.describe(arguments.service)
        return [arguments.service]
    return settings.services


def print_table(rows: list[list[str]]) -> None:
    """Print rows of cells, the first one the head, each column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
