"""The warm start: a job is as good as a process of its own, and nothing of it is left behind."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from fixtures.workflow import REPOSITORY, called_bare, wait_for
from monthwise.job.warm.libraries import LIBRARIES
from monthwise.workflow import stages

HOST = REPOSITORY / "tests/servers/warm_host.py"
FAULTS = str(REPOSITORY / "tests/fixtures/faults")
SCRIPTS = str(REPOSITORY / "scripts")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="jobs start cold on this system")

# What a process can find out about itself.
ABOUT = """
import json, os, resource, signal, sys
limits = [resource.getrlimit(getattr(resource, name)) for name in sorted(dir(resource)) if name.startswith("RLIMIT")]
handlers = {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()}
environment = {name: value for name, value in os.environ.items() if name not in ("_", "MONTHWISE_WARM")}
print(json.dumps({
    "argv": sys.argv, "path": sys.path[0], "name": __name__, "file": __file__, "cwd": os.getcwd(), "env": environment,
    "umask": os.umask(0), "limits": limits, "handlers": handlers, "nice": os.nice(0), "group": os.getpgrp(),
    "session": os.getsid(0), "cores": sorted(os.sched_getaffinity(0)), "threads": len(os.listdir("/proc/self/task")),
    "files": sorted(os.listdir("/proc/self/fd")), "in": sys.stdin.read(), "buffered": sys.stdout.line_buffering,
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), "collects": __import__("gc").isenabled(),
}, sort_keys=True))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory whose name has a blank."""
    found = tmp_path / "a folder"
    found.mkdir()
    return found


def program(folder: Path, text: str, name: str = "clean") -> None:
    (folder / f"{name}.py").write_text(textwrap.dedent(text))


class Host:
    """A process that has started the warm processes and runs commands."""

    def __init__(self, folder: Path, *commands: str, **environment: str):
        command = [sys.executable, str(HOST), *commands]
        environment = called_bare(
            {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])} | environment
        )
        self.log = folder / "log"
        with open(self.log, "w") as log:
            pipes = {"stdout": subprocess.PIPE, "stderr": log, "text": True}
            self.process = psutil.Popen(command, cwd=folder, env=environment, **pipes)
        self.address = json.loads(self.process.stdout.readline())

    def ends(self) -> list[tuple[int, str]]:
        """Wait; return how the commands ended."""
        out, _ = self.process.communicate(timeout=600)
        return [tuple(json.loads(line)) for line in out.splitlines()]

    def started_by_it(self) -> list[psutil.Process]:
        return self.process.children(recursive=True)

    def client(self) -> psutil.Process:
        """Wait for a client, and return it."""
        found = []
        wait_for(
            lambda: found.extend(each for each in self.started_by_it() if "client.py" in str(each.cmdline())) or found
        )
        return found[0]

    def warm(self) -> list[psutil.Process]:
        """The warm processes and the jobs that they forked."""
        return [
            process for process in self.started_by_it() if any("warm/process.py" in word for word in process.cmdline())
        ]


def is_waiting_client(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        if any("client.py" in word for word in process.cmdline()):
            blocked = re.search(r"^SigBlk:\s+(\w+)$", Path(f"/proc/{process.pid}/status").read_text(), re.M)
            return int(blocked[1], 16) & 1 << signal.SIGHUP - 1 != 0
    return False


def ended(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def both(folder: Path, *commands: str, **environment: str) -> tuple[list, list]:
    """Return how commands end with the warm start and without."""
    return tuple(Host(folder, *commands, **environment, MONTHWISE_WARM=on).ends() for on in ("1", "0"))


def test_a_job_finds_what_a_process_of_its_own_finds(folder):
    program(folder, ABOUT)
    command = (
        "umask 027; ulimit -n 300; trap '' HUP; cd ..; printf text | nice -n 3 python 'a folder/clean.py' --a 'b c' ''"
    )
    warm, cold = both(folder, command, MARK="two\nlines", OMP_NUM_THREADS="1")
    (code, said), (_, expected) = warm[0], cold[0]
    said, expected = json.loads(said), json.loads(expected)
    assert code == 0
    for both_have in (said, expected):
        both_have.pop("group"), both_have.pop("session")  # each host has its own
    assert said == expected


def test_a_job_stays_in_the_process_group(folder):
    program(folder, "import os; print(os.getpgrp(), os.getsid(0))")
    host = Host(folder, "python clean.py")
    group = f"{os.getpgid(host.process.pid)} {os.getsid(host.process.pid)}\n"
    assert host.ends() == [(0, group)]


@pytest.mark.parametrize(
    "text",
    [
        "print('out'); raise SystemExit(65)",
        "raise SystemExit('a text')",
        "raise SystemExit",
        "import os; os._exit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import atexit; atexit.register(print, 'at the end'); print('before')",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()",
        "import sys; print('first'); sys.stdout.flush(); print('second', file=sys.stderr); print('third')",
        "import sys; print('lost'); sys.stdout.flush(); sys.stdout = open('/dev/full', 'w'); print('x' * 9)",
    ],
)
def test_a_job_ends_as_a_process_of_its_own_ends(folder, text):
    program(folder, text)
    warm, cold = both(folder, "python clean.py")
    assert warm == cold


def test_an_uncaught_exception_and_an_interrupt_end_a_job_with_their_codes(folder):
    program(folder, "raise RuntimeError('no')")
    program(folder, "raise KeyboardInterrupt", "train")
    (first, second), (cold_first, cold_second) = both(folder, "python clean.py", "python train.py")
    assert (first[0], second[0]) == (cold_first[0], cold_second[0]) == (1, 130)
    assert first[1] == cold_first[1]


def test_a_job_that_crashes_hurts_no_other(folder):
    program(folder, "import time; time.sleep(1); print('whole')")
    program(folder, "import ctypes; ctypes.string_at(0)", "featurize")
    ends = Host(folder, "python clean.py", "python featurize.py", "sleep 0.7; python clean.py").ends()
    assert [end[0] for end in ends] == [0, 139, 0]
    assert ends[0][1] == ends[2][1] == "whole\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_to_the_client_reaches_the_job(folder, number):
    program(
        folder,
        f"""
        import signal, sys, time
        signal.signal({int(number)}, lambda *_: sys.exit("heard"))
        open("ready", "w").close()
        time.sleep(30)
        """,
    )
    host = Host(folder, "exec python clean.py")
    wait_for((folder / "ready").exists)
    host.client().send_signal(number)
    assert host.ends() == [(1, "heard\n")]


def waiting(folder: Path, name: str = "clean", then: str = "") -> tuple[Host, psutil.Process]:
    """Return a host and its one job, which waits; `then` is what its shell does after it."""
    program(folder, "import os, time; open('pid', 'w').write(f'{os.getpid()}\\n'); time.sleep(60)", name)
    host = Host(folder, f"python {name}.py{then}")
    wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text().endswith("\n"))
    return host, psutil.Process(int((folder / "pid").read_text()))


def test_a_killed_client_takes_its_job_along(folder):
    host, job = waiting(folder)
    host.client().kill()
    wait_for(lambda: ended([job]))
    assert host.ends()[0][0] == 137


def test_a_killed_job_is_a_killed_process(folder):
    host, job = waiting(folder)
    job.kill()
    assert host.ends()[0][0] == 137


def test_when_snakemake_is_killed_nothing_is_left(folder):
    host, job = waiting(folder)
    left = [*host.warm(), job]
    assert len(left) > 2
    host.process.kill()
    wait_for(lambda: ended(left))
    host.process.wait()


@pytest.mark.parametrize("name", ["clean", "track"])
def test_when_a_warm_process_is_killed_its_job_is_ended_and_runs_cold_as_the_next_one_does(folder, name):
    program(folder, "print('done')", "ingest")
    host, job = waiting(folder, name, then="; echo $?; python ingest.py")
    program(folder, "print('cold')", name)
    (folder / "held").touch()
    job.parent().kill()
    assert host.ends() == [(0, "cold\n0\ndone\n")]
    assert ended([job])
    assert lost(host) == [f"the process for {'data' if name == 'clean' else 'tracking'} was ended"]


LOST = "monthwise: the warm start is lost, jobs start cold: "


def lost(host: Host) -> list[str]:
    """Return what a host says about its warm start."""
    return [line.removeprefix(LOST) for line in host.log.read_text().splitlines() if line.startswith("monthwise: ")]


@pytest.mark.parametrize("fault", ["proc", "fork", "limits", "descriptors", "pidfd", "import", "socket"])
def test_without_its_means_a_job_finds_what_it_finds_without_a_warm_start(folder, fault):
    program(folder, ABOUT, "train")
    given = {"PYTHONPATH": FAULTS, "FAULT": fault}
    warm = Host(folder, *["umask 027; python train.py"] * 2, **given, MONTHWISE_WARM="1")
    ends = warm.ends()
    assert len(lost(warm)) == 1, lost(warm)
    (expected,) = Host(folder, "umask 027; python train.py", **given, MONTHWISE_WARM="0").ends()
    for code, said in ends:
        assert code == expected[0] == 0
        both_have = [json.loads(text) for text in (said, expected[1])]
        for each in both_have:
            each.pop("group"), each.pop("session")
        assert both_have[0] == both_have[1]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_warm_process_that_does_not_answer_is_ended(folder, stopped):
    program(folder, "print('done')")
    given = {} if stopped else {"PYTHONPATH": FAULTS, "FAULT": "hang"}
    host = Host(folder, "sleep 2; python clean.py", PATIENCE_S="4", **given)
    if stopped:
        host.warm()[0].suspend()
    assert host.ends() == [(0, "done\n")]
    assert lost(host) in [[f"the process for {kind} does not answer"] for kind in LIBRARIES]


def test_a_signal_to_a_job_that_waits_is_one_to_a_job_that_runs(folder):
    program(folder, "print('done')")
    host = Host(folder, "exec python clean.py", PYTHONPATH=FAULTS, FAULT="hang")
    host.client().terminate()
    assert host.ends() == [(143, "")]
    (folder / "held").unlink(missing_ok=True)
    host = Host(folder, "trap '' HUP; exec python clean.py", PYTHONPATH=FAULTS, FAULT="hang")
    host.client().send_signal(signal.SIGHUP)
    host.warm()[0].kill()
    assert host.ends() == [(0, "done\n")]


def test_a_job_knows_whether_it_is_warm(folder):
    asks = "from monthwise.job import warm; print(warm.is_warm_job())"
    program(folder, f"import sys; sys.path[:0] = [{SCRIPTS!r}]; {asks}")
    assert both(folder, "python clean.py") == ([(0, "True\n")], [(0, "False\n")])


def test_what_has_lost_the_variables_of_the_warm_start_runs_in_a_python_of_its_own(folder):
    program(folder, "import sys, os; print('pyarrow' in sys.modules, 'warm/bin' in os.environ['PATH'])")
    assert Host(folder, 'env -i PATH="$PATH" python clean.py').ends() == [(0, "False False\n")]


def test_it_listens_on_no_network(folder):
    host, _ = waiting(folder, "track")  # all processes are there when this one answers
    warm = host.warm()
    assert len(warm) == len(LIBRARIES) + 1
    assert [process.net_connections("inet") for process in warm] == [[]] * len(warm)
    host.process.kill()
    host.process.wait()


@pytest.mark.root
def test_no_other_user_is_answered(folder):
    ask = """
        import os, socket, sys
        os.setuid(65534)
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asking.connect(f"\\0{os.environ['MONTHWISE_WARM_ADDRESS']}-clean.py")
        print(asking.recv(8))
    """
    program(folder, ask, "other")
    assert Host(folder, f"{sys.executable} other.py").ends() == [(0, "b''\n")]


@pytest.mark.root
def test_no_other_user_is_asked(folder):
    listen = """
        import os, socket, subprocess, sys
        os.seteuid(65534)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.bind("\\0monthwise-other-clean.py")
        listening.listen()
        os.seteuid(0)
        given = os.environ | {"MONTHWISE_WARM_ADDRESS": "monthwise-other"}
        subprocess.run(["python", "clean.py"], env=given)
        asking, _ = listening.accept()
        print(socket.recv_fds(asking, 8, 3)[:2])
    """
    program(folder, listen, "other")
    program(folder, "print('done', flush=True)")
    assert Host(folder, f"{sys.executable} other.py").ends() == [(0, "done\n(b'', [])\n")]


def test_warm_processes_have_one_thread_and_no_file_open(folder):
    host, job = waiting(folder, "track")
    for process in host.warm():
        if process.pid != job.pid:
            assert process.num_threads() == 1, process
            assert process.open_files() == [], process
    host.process.kill()
    host.process.wait()


@pytest.mark.parametrize(
    ("name", "library"), [("clean", "pyarrow.parquet"), ("train", "skops.io"), ("track", "mlflow")]
)
def test_a_job_has_what_it_needs_imported_and_no_module_of_the_project(folder, name, library):
    program(folder, f"import sys; print({library!r} in sys.modules, 'monthwise' in sys.modules)", name)
    assert Host(folder, f"python {name}.py").ends() == [(0, "True False\n")]


def test_every_program_has_its_warm_process():
    programs = {path.stem for path in (REPOSITORY / "scripts").glob("*.py")}
    assert programs == {name for names in stages.by_warm_process().values() for name in names}
    assert stages.by_warm_process().keys() == LIBRARIES.keys()


def test_random_numbers_are_those_of_a_fresh_process(folder):
    program(folder, "import random, numpy, uuid; print(random.random(), numpy.random.random(), uuid.uuid4())")
    first, second = (end[1].split() for end in Host(folder, "python clean.py", "python clean.py").ends())
    assert not set(first) & set(second)


def test_threads_are_those_that_the_rule_says(folder):
    text = "import sklearn.ensemble, threadpoolctl as t; print([pool['num_threads'] for pool in t.threadpool_info()])"
    program(folder, text, "train")
    warm, cold = both(folder, "OMP_NUM_THREADS=2 python train.py", "OMP_NUM_THREADS=1 python train.py")
    assert [set(json.loads(said)) for _, said in warm] == [set(json.loads(said)) for _, said in cold] == [{2}, {1}]


def test_an_edited_program_or_module_is_seen_by_the_next_job(folder):
    program(folder, "import part; print(part.VALUE)")
    program(folder, "VALUE = 1", "part")
    edit = "printf 'import part; print(part.VALUE, part.MORE)' > clean.py; printf 'VALUE = 20\\nMORE = 3\\n' > part.py"
    assert Host(folder, f"python clean.py; {edit}; python clean.py").ends() == [(0, "1\n20 3\n")]


def test_what_is_no_program_of_the_project_runs_in_a_python_of_its_own(folder):
    program(folder, "import sys; print(sys.argv[1:], 'pyarrow' in sys.modules)", "other")
    program(folder, "import sys; print(sys.flags.hash_randomization, 'pyarrow' in sys.modules)")
    commands = ["python other.py a", "python -c 'print(5)'", "PYTHONHASHSEED=0 python clean.py"]
    ends = Host(folder, *commands, "setsid --wait python clean.py", "python clean.py").ends()
    assert ends == [(0, "['a'] False\n"), (0, "5\n"), (0, "0 False\n"), (0, "1 False\n"), (0, "1 True\n")]


def test_without_it_jobs_start_as_ever(folder):
    program(folder, "import sys; print('pyarrow' in sys.modules)")
    host = Host(folder, "python clean.py", MONTHWISE_WARM="0")
    assert host.address == ""
    assert host.ends() == [(0, "False\n")]


def test_two_runs_never_meet(folder):
    program(folder, "import os; print(os.environ['MARK'])")
    hosts = [Host(folder, *["python clean.py"] * 5, MARK=mark) for mark in ("one", "two")]
    assert [set(host.ends()) for host in hosts] == [{(0, "one\n")}, {(0, "two\n")}]
    assert hosts[0].address != hosts[1].address


def test_every_rule_has_its_benchmark_where_its_log_says():
    for rules in (REPOSITORY / "rules").glob("*.smk"):
        text = rules.read_text()
        logs, benchmarks = (
            re.findall(rf'"{kind}/(.+)\.{end}"', text) for kind, end in (("logs", "log"), ("benchmarks", "tsv"))
        )
        assert logs == benchmarks
