"""What `make bench` compares is comparable: the plain script makes the same files, and redoes the same steps."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from fixtures.equal_builds import assert_equal
from fixtures.marks import nightly
from fixtures.shared_months import publish
from fixtures.workflow import REPOSITORY, Clone, called_bare
from monthwise.workflow import targets

DATA_MONTHS = ("2023-11", "2023-12", "2024-01", "2024-02")
RESTATED = "2023-12"  # one run month trains on it, one is measured on it
pytestmark = nightly


class Plain(Clone):
    """A directory that bench/plain.py fills by `config`."""

    def __init__(self, folder: Path, config: dict):
        self.folder, self.config = folder, config
        folder.mkdir()

    def build(self, *arguments: str) -> None:
        self.path("config.yaml").write_text(yaml.safe_dump(self.config))
        program = str(REPOSITORY / "bench/plain.py")
        command = [sys.executable, program, "--configfile", "config.yaml", *arguments]
        # A fit on two threads beside another busy process takes very long, and a test may have such neighbours.
        env = called_bare({"OMP_NUM_THREADS": "1"})
        ended = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr

    def rebuilt(self) -> Counter:
        """Skip what is there, and return how many files of each name were written."""
        before = self._times()
        self.build("--skip-existing")
        return Counter(path.name for path, time in self._times().items() if before[path] != time)

    def _times(self) -> dict[Path, int]:
        paths = (path for top in ("data", "runs") for path in self.path(top).rglob("*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Plain:
    """Three run months of the default recipe, built by the plain script."""
    folder = tmp_path_factory.mktemp("plain")
    for month in DATA_MONTHS:
        publish(folder / "published", "green", month)
    config = {"source": f"file:{folder / 'published'}", "begin": {"green": "2024-01"}, "last": "2024-03"}
    built = Plain(folder / "built", config | {"train": {"parameters": {"max_iter": 10}}})
    built.build()
    return built


def test_the_plain_script_and_the_workflow_make_equal_files(plain, tmp_path):
    clone = Clone(tmp_path / "clone")
    clone.configure(plain.config)
    clone.build()
    assert_equal(clone, plain)


def test_the_plain_script_skips_what_is_there_and_redoes_what_is_outdated(plain):
    assert plain.rebuilt() == {}

    publish(plain.folder.parent / "published", "green", RESTATED, seed=2)
    of_data = "source.json raw.file .raw.kept.file .raw.kept.json rows.parquet quality.json features.parquet"
    measured, scored = (*targets.EVALUATED, "tracking.json"), targets.SCORED[:-1]
    assert plain.rebuilt() == {
        **dict.fromkeys((*of_data.split(), *targets.TRAINED, "drift.json"), 1),
        **dict.fromkeys((*measured, "comparison.json", *scored), 2),
        **dict.fromkeys((*targets.PROMOTED, "evidence.json"), 3),
    }

    plain.config["train"]["parameters"]["max_leaf_nodes"] = 7
    assert plain.rebuilt() == {
        **dict.fromkeys((*targets.TRAINED, *measured, *targets.PROMOTED, "evidence.json"), 3),
        **dict.fromkeys(("comparison.json", *scored), 2),
    }
