"""A copy of the repository in a folder of its own, as a user has after `git clone`, and ways to call it."""

import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import yaml
from monthwise.config.layers import merge

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "rules", "scripts", "config", "profiles", "monthwise", "environment.yml", "requirements.txt")


def called_bare(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which no virtual environment is activated and no store is named."""
    named = ("MLFLOW_", "VIRTUAL_ENV", "SNAKEMAKE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(named)}
    kept["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    return kept | (extra or {})


class Clone:
    """A clone in `folder`; whatever it builds lies there too. One that is there already is taken as it is."""

    def __init__(self, folder: Path, like: "Clone | None" = None):
        self.folder = folder
        if folder.exists():
            return
        if like:
            shutil.copytree(like.folder, folder, symlinks=True)
            return
        folder.mkdir(parents=True)
        for name in PARTS:
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / name)
        # Where `make setup` puts the environment; the tests run in that of the real clone.
        (folder / ".venv").symlink_to(sys.prefix)

    def path(self, name: str) -> Path:
        return self.folder / name

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """Call a program of the clone, in its folder."""
        return subprocess.run(
            arguments, cwd=self.folder, env=called_bare(env), capture_output=True, text=True, stdin=subprocess.DEVNULL
        )

    def snakemake(self, *arguments: str, cores: int = 2, env: dict | None = None) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments, env=env)

    def monthwise(self, *arguments: str, env: dict | None = None) -> subprocess.CompletedProcess:
        return self.run("./monthwise", *arguments, env=env)

    def build(self, *arguments: str, env: dict | None = None) -> None:
        """Call Snakemake and insist on success."""
        ended = self.snakemake(*arguments, env=env)
        assert ended.returncode == 0, ended.stderr[-4000:]

    def planned(self, *arguments: str, env: dict | None = None) -> Counter:
        """Return how many jobs of each rule a dry run lists, without `all`."""
        ended = self.snakemake(*arguments[: _first(arguments)], "--dry-run", *arguments[_first(arguments) :], env=env)
        assert ended.returncode == 0, ended.stderr[-4000:]
        return count_jobs(ended.stdout + ended.stderr)

    def planned_jobs(self, *arguments: str) -> set[tuple[str, str, str]]:
        """Return rule, service and month of each job that a dry run lists."""
        ended = self.snakemake(*arguments[: _first(arguments)], "--dry-run", *arguments[_first(arguments) :])
        assert ended.returncode == 0, ended.stderr[-4000:]
        return set(listed_jobs(ended.stdout + ended.stderr))

    def configure(self, changed: dict) -> None:
        """Change keys of config/config.yaml."""
        path = self.path("config/config.yaml")
        path.write_text(yaml.safe_dump(merge(yaml.safe_load(path.read_text()), changed)))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text of a file of the clone."""
        text = self.path(name).read_text()
        assert old in text, f"{old!r} is not in {name}"
        self.path(name).write_text(text.replace(old, new, 1))


def _first(arguments: tuple[str, ...]) -> int:
    return arguments.index("--") if "--" in arguments else len(arguments)


def count_jobs(output: str) -> Counter:
    """Return the table that a dry run of Snakemake ends with, without `all` and `total`; empty for nothing to do."""
    if "Nothing to be done" in output:
        return Counter()
    tables = output.split("Job stats:")
    assert len(tables) > 1, output[-2000:]
    rows = re.findall(r"^(\w+) +(\d+)$", tables[-1], re.M)
    return Counter({rule: int(count) for rule, count in rows if rule not in ("all", "total")})


def listed_jobs(output: str) -> list[tuple[str, str, str]]:
    """Return rule, service and month of each job that Snakemake names, in its order; `register` has no month."""
    pattern = r"^(?:local)?rule (\w+):$(?:\n    .*)*?\n    wildcards: service=(\w+)(?:, month=([\d-]+))?$"
    return re.findall(pattern, output, re.M)


def free_ports(count: int) -> list[int]:
    """Return ports for servers, below those that the kernel gives to connections: nobody takes them meanwhile."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found


def wait_for(condition, seconds: float = 600) -> None:
    """Wait until `condition()` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.05)
