"""`./monthwise datasets` names the next command, and it works as it is printed."""

import re

import pytest
from fixtures.marks import nightly
from fixtures.shared_months import publish
from fixtures.workflow import Clone

COMMAND = re.compile(r"`(\./monthwise [^`\n]*)`")


def follow(clone: Clone, output: str, code: int = 0) -> str:
    """Run the command that a text suggests; return what it prints."""
    (command,) = COMMAND.findall(output)
    ended = clone.run("bash", "-c", command)
    assert ended.returncode == code, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


@pytest.fixture
def clone(tmp_path) -> Clone:
    """A clone in which nothing is built."""
    return Clone(tmp_path / "a clone")


def test_the_list_names_the_command_that_describes_one(clone):
    publish(clone.path("published"), "green", "2024-01", rows=400)
    listed = clone.monthwise("datasets", "--config", "source=file:published")
    assert listed.returncode == 0, listed.stderr
    described = follow(clone, listed.stdout)
    assert described.startswith("green: Trips of New York's green taxis")
    assert "green_tripdata_{month}.parquet (parquet): 1 months, 2024-01 to 2024-01" in described
    assert re.search(r"^ *trip_distance +double +distance_mi", described, re.M)


@nightly
def test_a_dataset_without_months_names_the_run_that_fetches_some(clone):
    options = ["--config", "source=demo", "demo={rows: 400, last: 2023-12}"]
    nothing = clone.monthwise("datasets", "green", *options)
    assert nothing.returncode == 66, nothing.stderr
    follow(clone, nothing.stderr)
    described = clone.monthwise("datasets", "green", *options)
    assert described.returncode == 0, described.stderr
    assert "(parquet): 2 months, 2023-11 to 2023-12" in described.stdout
