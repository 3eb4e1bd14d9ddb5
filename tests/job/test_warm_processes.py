"""The processes of the warm start: what ends them, what takes them away, and who may use them."""

import json
import signal
import sys

import pytest
from fixtures.warm_jobs import ABOUT, FAULTS, Host, all_ended, losses, on_linux, program, waiting_job
from fixtures.workflow import REPOSITORY, wait_for
from monthwise.job.warm.libraries import LIBRARIES
from monthwise.workflow import stages

pytestmark = on_linux


def test_a_killed_client_takes_its_job_along(folder):
    host, job = waiting_job(folder)
    host.client().kill()
    wait_for(lambda: all_ended([job]))
    assert host.ends()[0][0] == 137


def test_a_killed_job_is_a_killed_process(folder):
    host, job = waiting_job(folder)
    job.kill()
    assert host.ends()[0][0] == 137


def test_when_snakemake_is_killed_nothing_is_left(folder):
    host, job = waiting_job(folder)
    processes = [*host.warm(), job]
    assert len(processes) > 2
    host.process.kill()
    wait_for(lambda: all_ended(processes))
    host.process.wait()


@pytest.mark.parametrize("name", ["clean", "track"])
def test_when_a_warm_process_is_killed_its_job_is_ended_and_runs_cold_as_the_next_one_does(folder, name):
    program(folder, "print('done')", "ingest")
    host, job = waiting_job(folder, name, then="; echo $?; python ingest.py")
    program(folder, "print('cold')", name)
    (folder / "held").touch()
    job.parent().kill()
    assert host.ends() == [(0, "cold\n0\ndone\n")]
    assert all_ended([job])
    assert losses(host) == [f"the process for {'data' if name == 'clean' else 'tracking'} was ended"]


@pytest.mark.parametrize("fault", ["proc", "fork", "limits", "descriptors", "pidfd", "import", "socket"])
def test_without_its_means_a_job_finds_what_it_finds_without_a_warm_start(folder, fault):
    program(folder, ABOUT, "train")
    environment = {"PYTHONPATH": FAULTS, "FAULT": fault}
    warm = Host(folder, *["umask 027; python train.py"] * 2, **environment, MONTHWISE_WARM="1")
    ends = warm.ends()
    assert len(losses(warm)) == 1, losses(warm)
    (expected,) = Host(folder, "umask 027; python train.py", **environment, MONTHWISE_WARM="0").ends()
    for code, output in ends:
        assert code == expected[0] == 0
        both_facts = [json.loads(text) for text in (output, expected[1])]
        for facts in both_facts:
            facts.pop("group"), facts.pop("session")
        assert both_facts[0] == both_facts[1]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_warm_process_that_does_not_answer_is_ended(folder, stopped):
    program(folder, "print('done')")
    environment = {} if stopped else {"PYTHONPATH": FAULTS, "FAULT": "hang"}
    host = Host(folder, "sleep 2; python clean.py", PATIENCE_S="4", **environment)
    if stopped:
        host.warm()[0].suspend()
    assert host.ends() == [(0, "done\n")]
    assert losses(host) in [[f"the process for {kind} does not answer"] for kind in LIBRARIES]


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


def test_it_listens_on_no_network(folder):
    host, _ = waiting_job(folder, "track")  # all processes are there when this one answers
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
    host, job = waiting_job(folder, "track")
    for process in host.warm():
        if process.pid != job.pid:
            assert process.num_threads() == 1, process
            assert process.open_files() == [], process
    host.process.kill()
    host.process.wait()


def test_every_program_has_its_warm_process():
    programs = {path.stem for path in (REPOSITORY / "scripts").glob("*.py")}
    assert programs == {name for names in stages.by_warm_process().values() for name in names}
    assert stages.by_warm_process().keys() == LIBRARIES.keys()


def test_two_runs_never_meet(folder):
    program(folder, "import os; print(os.environ['MARK'])")
    hosts = [Host(folder, *["python clean.py"] * 5, MARK=mark) for mark in ("one", "two")]
    assert [set(host.ends()) for host in hosts] == [{(0, "one\n")}, {(0, "two\n")}]
    assert hosts[0].address != hosts[1].address
