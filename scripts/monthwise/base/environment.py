"""Set up the environment of jobs: no Python variables of the user, a user name, a home and a working PATH."""

import getpass
import io
import os
import sys

from .exits import WrongConfig

KEPT = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")  # where bytecode is written; they do not change results
# After the `runtime` of its rule (minutes), a job and its process group are terminated. Ctrl-C is passed on to the job.
SHELL_PREFIX = (
    'limit() {{ if command -v timeout > /dev/null; then timeout -k 10 "$@" & '
    "trap 'kill -INT $!' INT; trap 'kill -TERM $!' TERM; wait $!; else shift; \"$@\"; fi; }}; "
)
OWN = {"PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"}


def settle() -> None:
    """Remove the user's Python variables from the environment of this process and its children.

    They can select other modules, homes and encodings, or turn warnings into errors, and must not break or change a
    run. Texts are UTF-8 in every locale.
    """
    for name in [name for name in os.environ if name.startswith("PYTHON") and name not in KEPT]:
        del os.environ[name]
    os.environ.update(OWN)
    complete_user()


def complete_user() -> None:
    """Set USER and HOME if neither the environment nor a passwd entry defines them.

    Snakemake and MLflow need a user name, and several libraries need a home. Nothing is written to it.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):  # uid without a passwd entry; OSError since Python 3.13
        os.environ["USER"] = f"uid{os.getuid()}"
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = "/"


def for_jobs() -> None:
    """Call `settle`, and put this Python on PATH, so that jobs need no activated environment.

    The output of Snakemake becomes UTF-8 too, because Snakemake may have been started in another locale.
    """
    settle()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


def insist_on_place(root: str) -> None:
    """Raise WrongConfig if Snakemake cannot start jobs of a clone at `root`."""
    if "{" in root or "}" in root:
        reason = "Snakemake takes the braces for wildcards"
    elif ":" in os.path.dirname(sys.executable):
        reason = f"PATH ends at the colon, so jobs would not find {sys.executable}"
    else:
        return
    raise WrongConfig(f"{root}: no clone can work in a folder of that name: {reason}; move or rename it")
