"""The warm start: a job behaves like a process of its own, and leaves nothing behind."""

import json
import os
import re
import signal

import pytest
from fixtures.warm_jobs import ABOUT, SCRIPTS, Host, on_linux, program, warm_and_cold
from fixtures.workflow import REPOSITORY, wait_for

pytestmark = on_linux


def test_a_job_finds_what_a_process_of_its_own_finds(folder):
    program(folder, ABOUT)
    command = (
        "umask 027; ulimit -n 300; trap '' HUP; cd ..; printf text | nice -n 3 python 'a folder/clean.py' --a 'b c' ''"
    )
    warm, cold = warm_and_cold(folder, command, MARK="two\nlines", OMP_NUM_THREADS="1")
    (code, warm_facts), (_, cold_facts) = warm[0], cold[0]
    warm_facts, cold_facts = json.loads(warm_facts), json.loads(cold_facts)
    assert code == 0
    for facts in (warm_facts, cold_facts):
        facts.pop("group"), facts.pop("session")  # each host has its own
    assert warm_facts == cold_facts


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
    warm, cold = warm_and_cold(folder, "python clean.py")
    assert warm == cold


def test_an_uncaught_exception_and_an_interrupt_end_a_job_with_their_codes(folder):
    program(folder, "raise RuntimeError('no')")
    program(folder, "raise KeyboardInterrupt", "train")
    (first, second), (cold_first, cold_second) = warm_and_cold(folder, "python clean.py", "python train.py")
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


def test_a_job_knows_whether_it_is_warm(folder):
    asks = "from monthwise.job import warm; print(warm.is_warm_job())"
    program(folder, f"import sys; sys.path[:0] = [{SCRIPTS!r}]; {asks}")
    assert warm_and_cold(folder, "python clean.py") == ([(0, "True\n")], [(0, "False\n")])


def test_what_has_lost_the_variables_of_the_warm_start_runs_in_a_python_of_its_own(folder):
    program(folder, "import sys, os; print('pyarrow' in sys.modules, 'warm/bin' in os.environ['PATH'])")
    assert Host(folder, 'env -i PATH="$PATH" python clean.py').ends() == [(0, "False False\n")]


@pytest.mark.parametrize(
    ("name", "library"), [("clean", "pyarrow.parquet"), ("train", "skops.io"), ("track", "mlflow")]
)
def test_a_job_has_what_it_needs_imported_and_no_module_of_the_project(folder, name, library):
    program(folder, f"import sys; print({library!r} in sys.modules, 'monthwise' in sys.modules)", name)
    assert Host(folder, f"python {name}.py").ends() == [(0, "True False\n")]


def test_random_numbers_are_those_of_a_fresh_process(folder):
    program(folder, "import random, numpy, uuid; print(random.random(), numpy.random.random(), uuid.uuid4())")
    first, second = (end[1].split() for end in Host(folder, "python clean.py", "python clean.py").ends())
    assert not set(first) & set(second)


def test_threads_are_those_that_the_rule_says(folder):
    text = "import sklearn.ensemble, threadpoolctl as t; print([pool['num_threads'] for pool in t.threadpool_info()])"
    program(folder, text, "train")
    warm, cold = warm_and_cold(folder, "OMP_NUM_THREADS=2 python train.py", "OMP_NUM_THREADS=1 python train.py")
    assert (
        [set(json.loads(output)) for _, output in warm] == [set(json.loads(output)) for _, output in cold] == [{2}, {1}]
    )


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


def test_every_rule_has_its_benchmark_where_its_log_says():
    for rules in (REPOSITORY / "rules").glob("*.smk"):
        text = rules.read_text()
        logs, benchmarks = (
            re.findall(rf'"{kind}/(.+)\.{end}"', text) for kind, end in (("logs", "log"), ("benchmarks", "tsv"))
        )
        assert logs == benchmarks
