"""Reject repeated options, of which Snakemake silently drops all but the last."""

from collections.abc import Sequence

from ..base.exits import WrongUsage

ONCE = {"--config": "--config", "-C": "--config", "--configfile": "--configfile", "--configfiles": "--configfile"}


def insist_on_one_of_each(arguments: Sequence[str]) -> None:
    """Raise WrongUsage if an option is given twice and Snakemake uses only the last one."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    given = [ONCE[name] for name in (word.partition("=")[0] for word in options) if name in ONCE]
    for option in dict.fromkeys(given):
        if given.count(option) > 1:
            raise WrongUsage(
                f"{option} is given {given.count(option)} times, and Snakemake takes the last one alone; give it once,"
                f" with all its values after it"
            )
