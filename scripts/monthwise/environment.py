"""What jobs find around them."""

import os
import sys

from .exits import WrongConfig


def insist_on_place(root: str) -> None:
    """Raise WrongConfig where Snakemake cannot start jobs of a clone at `root`."""
    if "{" in root or "}" in root:
        reason = "Snakemake takes the braces for wildcards"
    elif ":" in os.path.dirname(sys.executable):
        reason = f"PATH ends at the colon, so jobs would not find {sys.executable}"
    else:
        return
    raise WrongConfig(f"{root}: no clone can work in a folder of that name: {reason}; move or rename it")
