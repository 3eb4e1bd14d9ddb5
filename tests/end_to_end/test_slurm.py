"""A real Slurm: the same months as on one machine, whatever happens to nodes, jobs, the caller and clocks."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import yaml
from fixtures.equal_builds import assert_equal
from fixtures.marks import nightly
from fixtures.shared_months import DATA_MONTHS, FIRST
from fixtures.workflow import REPOSITORY, Clone, called_bare, wait_for
from servers import slurm_cluster

pytestmark = pytest.mark.root

LIMIT = 3  # jobs at once
PLUGIN = Path(sys.prefix) / "slurm"  # where `make test` puts it: in the environment it would slow every call down
# All months of both datasets in the nightly run, one of one dataset else.
WHOLE = "MONTHWISE_NIGHTLY" in os.environ
ONE = {"datasets": ["green"], "last": FIRST}
PART = {} if WHOLE else ONE


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if not PLUGIN.exists():
        reason = "NOT CHECKED ON A REAL SLURM: make .venv/slurm/.ready"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with slurm_cluster.cluster(tmp_path_factory.mktemp("slurm") / "slurm") as slurm:
        yield slurm


@pytest.fixture(scope="module")
def profile(tmp_path_factory) -> Path:
    """The project's own, with shorter waits and a small limit."""
    text = (REPOSITORY / "profiles/slurm/config.yaml").read_text()
    options = yaml.safe_load(text) | {"jobs": LIMIT, "seconds-between-status-checks": 1}
    options |= {"slurm-init-seconds-before-status-checks": 1, "latency-wait": 10}
    path = tmp_path_factory.mktemp("profile") / "slurm"
    path.mkdir()
    (path / "config.yaml").write_text(yaml.safe_dump(options))
    return path


class Caller:
    """A clone whose calls go to the cluster."""

    def __init__(self, clone: Clone, cluster: slurm_cluster.Cluster, profile: Path):
        self.clone, self.cluster = clone, cluster
        slurm_cluster.add_plugin(clone.path(".venv"), PLUGIN)
        self.env = called_bare({"SNAKEMAKE_PROFILE": str(profile)})
        self.most = 0

    def call(self):
        return self.cluster.start("./monthwise", "run", cwd=self.clone.folder, env=self.env)

    def to_its_end(self) -> tuple[int, str]:
        process = self.call()
        while process.poll() is None:
            self.most = max(self.most, len(self.cluster.jobs()))
            time.sleep(0.5)
        return process.returncode, process.stdout.read()

    def numbers(self) -> list[str]:
        return [line.split()[0] for line in self.cluster.jobs()]

    def wait_for(self, rule: str) -> tuple[str, str, str]:
        """Wait until a job of a rule runs; return its number, its node and the memory it asked for."""
        running = []

        def runs() -> bool:
            listing = self.cluster.run("squeue", "--noheader", "--states=R", "--format", "%i %N %m %k").stdout
            running[:] = [line.split() for line in listing.splitlines() if f"rule_{rule}_" in line]
            return bool(running)

        wait_for(runs)  # what a lost node ran is put back, and held for two minutes
        return tuple(running[0][:3])


def test_months_built_on_a_cluster_equal_those_built_here(unbuilt, cluster, profile, tmp_path):
    local = Clone(tmp_path / "here", like=unbuilt)
    local.configure(PART)
    local.build()
    remote = Clone(tmp_path / "there", like=unbuilt)
    remote.configure(PART)
    caller = Caller(remote, cluster, profile)

    before = time.time()
    remote_time = float(cluster.run("srun", "-w", "node2", "date", "+%s.%N").stdout)
    assert before <= remote_time - slurm_cluster.AHEAD_S <= time.time()
    wait_for(lambda: not caller.numbers())
    process = caller.call()
    wait_for(lambda: caller.numbers())
    cancelled = caller.numbers()[0]
    cluster.run("scancel", cancelled)
    wait_for(lambda: cancelled not in caller.numbers())
    wait_for(lambda: len(caller.numbers()) > 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    orphans = caller.numbers()
    assert orphans  # they go on where no signal reaches them
    cluster.run("scontrol", "update", "NodeName=node1", "State=DRAIN", "Reason=test")

    code, output = caller.to_its_end()
    assert code == 0, output
    assert not set(orphans) & set(caller.numbers())
    assert 0 < caller.most <= LIMIT
    assert_equal(local, remote, in_part=True)  # `run` has also asked about newer months
    calls = [json.loads(line) for line in remote.path("history/runs.jsonl").read_text().splitlines()]
    jobs = calls[-1]["jobs"]
    assert (jobs["failed"], jobs["left"]) == (0, 0)
    assert jobs["done"] == len(calls[-1]["reason"])  # each once
    code, output = caller.to_its_end()
    assert (code, output.splitlines()[-1]) == (0, "up to date")
    cluster.run("scontrol", "update", "NodeName=node1", "State=RESUME")


@nightly
def test_a_job_without_memory_on_a_lost_node_or_preempted_is_done_again(unbuilt, cluster, profile, tmp_path):
    if not slurm_cluster.LIMITS_MEMORY:
        pytest.skip("NOT CHECKED ON A SLURM THAT LIMITS MEMORY: it needs a kernel with cgroup v1 for memory")
    local = Clone(tmp_path / "here", like=unbuilt)
    local.configure(ONE)
    local.build()
    remote = Clone(tmp_path / "there", like=unbuilt)
    remote.configure(ONE)
    small = tmp_path / "slurm"
    small.mkdir()
    options = yaml.safe_load((profile / "config.yaml").read_text()) | {"set-resources": ["train:mem_mb=attempt*200"]}
    (small / "config.yaml").write_text(yaml.safe_dump(options))
    caller = Caller(remote, cluster, small)

    process = caller.call()
    first, _, memory = caller.wait_for("train")
    assert memory == "200M"
    wait_for(lambda: first not in caller.numbers())  # ended: it takes more
    second, node, memory = caller.wait_for("train")
    assert (second != first, memory) == (True, "400M")
    cluster.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    wait_for(lambda: "Restarts=1" in cluster.run("scontrol", "show", "job", second).stdout)  # Slurm puts it back
    caller.wait_for("train")
    caller.wait_for("evaluate")
    cluster.run("scontrol", "requeue", caller.numbers()[0])  # what a cluster does that preempts
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert_equal(local, remote, in_part=True)
    code, output = caller.to_its_end()
    assert (code, output.splitlines()[-1]) == (0, "up to date")


@nightly
def test_a_month_that_is_broken_is_named_although_it_travels_in_a_group(unbuilt, cluster, profile, tmp_path):
    remote = Clone(tmp_path / "there", like=unbuilt)
    remote.configure(ONE)
    broken = f"green_tripdata_{DATA_MONTHS[1]}.parquet"
    remote.path(f"published/{broken}").write_bytes(b"not parquet" * 100)
    code, output = Caller(remote, cluster, profile).to_its_end()
    assert code == 65, output
    assert f"1 failed, first: green {DATA_MONTHS[1]}: {broken}" in output.splitlines()[-1]
    assert "(ingest, logs/ingest/green/" in output.splitlines()[-1]
