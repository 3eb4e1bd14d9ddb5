"""The files of deploy/ are accepted by the programs that read them."""

import getpass
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from fixtures.crontab import AT_0517, crontab_command
from fixtures.workflow import REPOSITORY

DEPLOY = REPOSITORY / "deploy"


def insist_on(program: str, package: str) -> str:
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        reason = f"NOT CHECKED: deploy/ needs {program}; install Debian's {package}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return path


def adapted(name: str, folder: Path) -> Path:
    """Return a copy in which user and place are those of this test."""
    (folder / "monthwise").write_text("#!/bin/sh\n")
    (folder / "monthwise").chmod(0o755)
    text = (DEPLOY / name).read_text().replace("/srv/monthwise", str(folder))
    path = folder / name
    user = getpass.getuser()
    path.write_text(
        text.replace("User=monthwise", f"User={user}").replace("su monthwise monthwise", f"su {user} {user}")
    )
    return path


def test_systemd_accepts_the_units(tmp_path):
    analyze = insist_on("systemd-analyze", "systemd")
    units = [str(adapted(name, tmp_path)) for name in ("monthwise.service", "monthwise.timer")]
    ended = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "monthwise" not in ended.stderr, ended.stderr
    broken = tmp_path / "monthwise.timer"
    broken.write_text(broken.read_text().replace("05:17:00", "25:17:00"))
    assert (
        "Failed to parse calendar" in subprocess.run([analyze, "verify", *units], capture_output=True, text=True).stderr
    )


def test_logrotate_accepts_its_file(tmp_path):
    rotate = insist_on("logrotate", "logrotate")
    path = adapted("logrotate", tmp_path)
    path.chmod(0o644)
    command = [rotate, "--debug", "--state", str(tmp_path / "state"), str(path)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "error" not in ended.stderr


def test_the_crontab_line_is_that_of_the_readme():
    lines = (DEPLOY / "crontab").read_text().splitlines()
    assert lines[-1] == AT_0517 + crontab_command()


def test_the_cron_job_calls_what_the_container_has():
    job = yaml.safe_load((DEPLOY / "cronjob.yaml").read_text())
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    text = (DEPLOY / "Containerfile").read_text()
    assert {variable["name"] for variable in container["env"]} == set(re.findall(r"\$(\w+)", text))
    called = re.search(r"exec (\S+) .* (\./\w+) run", text)
    for path in called.groups():
        assert os.access(DEPLOY.parent / path, os.X_OK), path
