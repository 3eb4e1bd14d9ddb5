"""A real Slurm on this machine: munged, slurmctld and two slurmd, in a mount namespace with their own /etc/slurm."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.workflow import free_ports, wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "sbatch", "cc")
CONFIG = """
ClusterName=monthwise
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType={track}
TaskPlugin={task}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=1
FirstJobId={ports[0]}
TaskProlog={folder}/prolog
MinJobAge=300
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} RealMemory=8000 State=UNKNOWN
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""

# The clock of jobs on node2 is ahead; file times are still those of the one file system.
AHEAD_S = 60
PROLOG = f"""#!/bin/sh
[ "$SLURMD_NODENAME" = node2 ] || exit 0
echo export LD_PRELOAD={{folder}}/clock_ahead.so
echo export CLOCK_AHEAD_S={AHEAD_S}
"""

CGROUPS = """
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
ConstrainRAMSpace=yes
ConstrainSwapSpace=yes
AllowedSwapSpace=0
"""
# With cgroup v1, a job that takes more memory than requested is killed.
LIMITS_MEMORY = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()


class Cluster:
    """The running cluster; commands run in the namespace that has its configuration."""

    def __init__(self, folder: Path, inside: list[str]):
        self.folder, self.inside = folder, inside

    def _inside(self, command: tuple[str, ...], cwd: Path) -> list[str]:
        return [*self.inside, "sh", "-c", 'cd "$0" && exec "$@"', str(cwd), *command]

    def run(self, *command: str, cwd: Path | str = "/", env: dict | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(self._inside(command, cwd), env=env, capture_output=True, text=True)

    def start(self, *command: str, cwd: Path, env: dict | None = None) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(self._inside(command, cwd), env=env, start_new_session=True, **pipes)

    def jobs(self) -> list[str]:
        """Return state and name of the jobs that wait or run."""
        return self.run("squeue", "--noheader", "--format", "%i %T %j %k").stdout.splitlines()


def insist_on_slurm() -> None:
    missing = [name for name in PROGRAMS if not shutil.which(name, path="/usr/sbin:/usr/bin")]
    allowed = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    if missing or not allowed:
        packages = "slurm-wlm munge gcc"
        reason = f"NOT CHECKED ON A REAL SLURM: apt-get install {packages}, as root where `unshare -m` is allowed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def add_plugin(environment: Path, plugin: Path) -> None:
    """Put a virtual environment in the place of a link to this one: it has the same packages, and the plugin's."""
    environment.unlink()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    folder = next(environment.glob("lib/python3*/site-packages"))
    paths = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (folder / "slurm.pth").write_text("\n".join([*paths, str(plugin)]))


@contextlib.contextmanager
def cluster(folder: Path, cpus: int = 2) -> Iterator[Cluster]:
    """Start the daemons, yield, and stop them."""
    insist_on_slurm()
    _configure(folder, cpus)
    holder = subprocess.Popen(
        ["unshare", "-m", "sh", "-ec", f"mount --bind {folder}/etc /etc/slurm; echo; exec sleep infinity"],
        stdout=subprocess.PIPE,
    )
    processes = [holder]
    try:
        holder.stdout.readline()
        inside = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"]
        munged = ["munged", "--foreground", "--force"]
        munged += [f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"]
        munged += [f"--{kind}-file={folder}/munged.{kind}" for kind in ("pid", "seed", "log")]
        commands = [munged, ["slurmctld", "-D"], ["slurmd", "-D", "-N", "node1"], ["slurmd", "-D", "-N", "node2"]]
        for command in commands:
            path = shutil.which(command[0], path="/usr/sbin:/usr/bin")
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen([*inside, path, *command[1:]], start_new_session=True, **quiet))
            if command is munged:  # the others end without it
                _wait(lambda: _answers(inside, "munge", "--no-input", f"--socket={folder}/munge.socket"), folder)
        started = Cluster(folder, inside)
        _wait(lambda: started.run("sinfo", "--noheader", "--format", "%t").stdout.split() == ["idle"], folder)
        _wait(lambda: _answers(inside, "srun", "--nodes=2", "true"), folder)
        yield started
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(timeout=600)


def _configure(folder: Path, cpus: int) -> None:
    """Write the key of munge, the configuration of Slurm, and the prolog that sets the clock of node2."""
    etc = folder / "etc"
    for path in (etc, folder / "state", folder / "spool-node1", folder / "spool-node2"):
        path.mkdir(parents=True)
    os.chmod(folder, 0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    plugins = {"track": "proctrack/linuxproc", "task": "task/none"}
    if LIMITS_MEMORY:
        plugins = {"track": "proctrack/cgroup", "task": "task/cgroup"}
        (etc / "cgroup.conf").write_text(CGROUPS)
    source = Path(__file__).parents[1] / "fixtures/clock_ahead.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "clock_ahead.so", source], check=True)
    (folder / "prolog").write_text(PROLOG.format(folder=folder))
    (folder / "prolog").chmod(0o755)
    host = socket.gethostname().split(".")[0]
    # Its first job has the number of a port: two clusters on one machine do not meet in their control groups.
    (etc / "slurm.conf").write_text(CONFIG.format(folder=folder, host=host, ports=free_ports(3), cpus=cpus, **plugins))


def _answers(inside: list[str], *command: str) -> bool:
    return subprocess.run([*inside, *command], cwd="/", capture_output=True).returncode == 0


def _wait(condition, folder: Path) -> None:
    try:
        wait_for(condition)
    except AssertionError:
        logs = "".join(path.read_text()[-1500:] for path in folder.glob("*.log"))
        pytest.fail(f"Slurm does not come up:\n{logs}")


if __name__ == "__main__":
    with cluster(Path(sys.argv[1])) as running:
        print(running.run("sinfo").stdout)
        print(running.run(*sys.argv[2:]).stdout)
