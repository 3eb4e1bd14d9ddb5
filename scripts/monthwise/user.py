"""The user as programs and libraries look for one, also where the system knows no name and no home."""

import getpass
import os


def complete_environment() -> None:
    """Set USER and HOME where neither the environment nor a passwd entry says what they are.

    Snakemake and MLflow ask for a user's name, several libraries for a home; nothing is written there.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):  # a uid without a passwd entry; OSError from Python 3.13 on
        os.environ["USER"] = f"uid{os.getuid()}"
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = "/"
