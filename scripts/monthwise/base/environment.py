"""What jobs find around them: a Python that the user's variables do not change, a user, a home, a path that works."""

import getpass
import io
import os
import sys

from .exits import WrongConfig

KEPT = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")  # where bytecode goes; what a program does is the same
# A job that hangs is ended with its whole group after the `runtime` of its rule, in minutes; Ctrl-C is passed on to it.
SHELL_PREFIX = (
    'limit() {{ if command -v timeout > /dev/null; then timeout -k 10 "$@" & '
    "trap 'kill -INT $!' INT; trap 'kill -TERM $!' TERM; wait $!; else shift; \"$@\"; fi; }}; "
)
OWN = {"PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"}


def settle() -> None:
    """Take the user's variables for Python out of the environment of all processes that are started from here.

    They name other modules, homes and encodings, or turn warnings into errors: they neither break nor change a run.
    Texts are UTF-8 whatever the locale.
    """
    for name in [name for name in os.environ if name.startswith("PYTHON") and name not in KEPT]:
        del os.environ[name]
    os.environ.update(OWN)
    complete_user()


def complete_user() -> None:
    """Set USER and HOME where neither the environment nor a passwd entry says what they are.

    Snakemake and MLflow ask for a user's name, several libraries for a home; nothing is written there.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):  # a uid without a passwd entry; OSError from Python 3.13 on
        os.environ["USER"] = f"uid{os.getuid()}"
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = "/"


def for_jobs() -> None:
    """Settle, and let jobs find this Python without an activated environment.

    What Snakemake says goes out as UTF-8 too: it may have been started in another locale.
    """
    settle()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


def insist_on_place(root: str) -> None:
    """Raise WrongConfig where Snakemake cannot start jobs of a clone at `root`."""
    if "{" in root or "}" in root:
        reason = "Snakemake takes the braces for wildcards"
    elif ":" in os.path.dirname(sys.executable):
        reason = f"PATH ends at the colon, so jobs would not find {sys.executable}"
    else:
        return
    raise WrongConfig(f"{root}: no clone can work in a folder of that name: {reason}; move or rename it")
