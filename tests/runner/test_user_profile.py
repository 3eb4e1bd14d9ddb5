"""The user's profile of Snakemake decides where jobs run, never what `plan` and `run` find."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from fixtures.shared_months import FIRST
from fixtures.workflow import REPOSITORY, Clone, called_bare, listed_jobs
from monthwise.base import files
from monthwise.base.exits import WrongConfig
from monthwise.runner import user_profile
from snakemake.cli import get_profile_dir

# Each would change what is found or built, or hide it.
NEVER = {
    "quiet": ["rules", "progress"],
    "verbose": True,
    "targets": ["evidence"],
    "config": {"first": "2030-01"},
    "configfile": ["elsewhere.yaml"],
    "replace-workflow-config": True,
    "rerun-triggers": ["code"],
    "max-checksum-file-size": 1,
    "consider-ancient": {"drift": 0},
    "forcerun": ["train"],
    "forceall": True,
    "force": True,
    "until": ["locate"],
    "omit-from": ["drift"],
    "allowed-rules": ["locate"],
    "batch": {"all": "1/3"},
    "dry-run": True,
    "touch": True,
    "unlock": True,
    "directory": "elsewhere",
    "snakefile": "elsewhere/Snakefile",
    "keep-going": False,
    "ignore-incomplete": True,
    "drop-metadata": True,
    "nolock": True,
    "no-hooks": True,
    "immediate-submit": True,
    "logger": ["elsewhere"],
    "summary": True,
    "lint": True,
    "default-storage-provider": "s3",
    "trust-io-cache": True,
    "persistence-backend": "db",
    "software-deployment-method": ["conda"],
    "slurm-logdir": "of an executor that is not the one chosen",
}
WHERE = {"retries": 1, "latency-wait": 7, "set-resources": {"drift": {"mem_mb": 123}}}


def write(folder: Path, settings: object, name: str = "config.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def waiting(clone: Clone) -> Clone:
    """The built months with one file missing."""
    clone.path(f"runs/green/{FIRST}/drift.json").unlink()
    return clone


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """An environment whose profile has every such key, under a name and for a version of Snakemake."""
    write(tmp_path / "xdg/snakemake/mine", NEVER | WHERE, "config.v8+.yaml")
    return {"SNAKEMAKE_PROFILE": "mine", "XDG_CONFIG_HOME": str(tmp_path / "xdg")}


def test_a_profile_decides_where_jobs_run_and_never_what_is_found(waiting, hostile):
    def planned(env: dict[str, str] | None) -> tuple[list[str], list[dict]]:
        ended = waiting.monthwise("plan", env=env)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines(), files.read_json(waiting.path("logs/plan.json"))["jobs"]

    lines, jobs = planned(None)
    assert Counter(job["rule"] for job in jobs) == {"drift": 1, "evidence": 1}
    assert planned(hostile) == (lines, jobs)

    ended = waiting.monthwise("run", env=hostile)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("SNAKEMAKE_PROFILE: ignored ") == 1
    for key in NEVER:
        assert f" {key}," in ended.stdout or f" {key};" in ended.stdout
    log = max(waiting.path("logs/run").iterdir()).read_text()
    assert sorted(rule for rule, _, _ in listed_jobs(log)) == ["drift", "evidence"]
    assert "mem_mb=123" in log  # its keys about where jobs run are used
    ended = waiting.monthwise("run", env=hostile)
    assert (ended.returncode, ended.stdout) == (0, "up to date\n")


def test_a_workflow_profile_in_the_results_folder_changes_nothing(waiting):
    for name in ("results/profiles/default", "results/default"):
        write(waiting.path(name), {"quiet": ["rules", "progress"], "until": ["locate"]})
    waiting.path("plain").mkdir()
    plain = waiting.monthwise("plan", FIRST, "--directory", "plain")
    inside = waiting.monthwise("plan", FIRST, "--directory", "results")
    assert "ingest clean featurize" in plain.stdout
    assert inside.returncode == 0
    assert inside.stdout.splitlines()[:-1] == plain.stdout.splitlines()[:-1]  # without the estimate


@pytest.mark.parametrize("key", NEVER)
def test_no_key_that_changes_what_is_found_reaches_snakemake(key, tmp_path):
    folder = write(tmp_path / "mine", {key: NEVER[key], f"--{key}": NEVER[key]} | WHERE)
    profile = user_profile.read(str(folder))
    assert (profile.settings, profile.ignored) == (WHERE, [key])


def test_keys_of_the_chosen_executor_reach_snakemake_and_those_of_another_do_not(tmp_path):
    settings = {"executor": "slurm", "jobs": 3, "slurm-logdir": "logs/slurm", "kubernetes-namespace": "x"}
    profile = user_profile.read(str(write(tmp_path / "mine", settings)))
    assert (sorted(profile.settings), profile.ignored) == (
        ["executor", "jobs", "slurm-logdir"],
        ["kubernetes-namespace"],
    )
    for executor in ("dryrun", "touch", "local"):
        profile = user_profile.read(
            str(write(tmp_path / executor, {"executor": executor, "local-storage-prefix": "x"}))
        )
        assert profile.ignored == ["executor"] * (executor != "local") + ["local-storage-prefix"]


def test_our_own_profile_for_slurm_is_taken_whole():
    folder = REPOSITORY / "profiles/slurm"
    profile = user_profile.read(str(folder))
    assert profile.settings == yaml.safe_load((folder / "config.yaml").read_text())
    assert (profile.ignored, profile.notice()) == ([], "")


def test_every_option_that_is_let_through_is_one_of_snakemakes():
    help_text = subprocess.run([sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True).stdout
    options = {word.strip(",") for word in help_text.split() if word.startswith("--")}
    assert {f"--{name}" for name in user_profile.WHERE} <= options


def test_paths_in_the_folder_of_a_profile_stay_right_and_later_profiles_win(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (write(Path("one"), {"jobscript": "job.sh", "jobs": 1, "resources": ["mem_mb=1"]}) / "job.sh").touch()
    write(Path("two"), {"jobs": 2})
    profile = user_profile.read("[one, two]")
    assert profile.settings == {"jobscript": str(tmp_path / "one/job.sh"), "jobs": 2, "resources": ["mem_mb=1"]}
    option, copy = profile.options()
    assert option == "--profile"
    assert yaml.safe_load(Path(copy).read_text()) == profile.settings


@pytest.mark.parametrize("value", [None, "", "none"])
def test_without_a_profile_snakemake_gets_none(value):
    assert user_profile.read(value).options() == ["--profile", "none"]


def test_a_profile_is_found_where_snakemake_finds_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "etc"))
    write(Path("home/snakemake/mine"), {"jobs": 1})
    write(Path("etc/snakemake/mine"), {"jobs": 2})
    write(Path("etc/snakemake/site"), {"jobs": 3}, "profile.yaml")
    write(Path("here"), {"jobs": 4})
    for name, jobs in (("config.yaml", 5), ("config.v8+.yaml", 6), ("profile.v9+.yaml", 7), ("config.v99+.yaml", 8)):
        write(Path("etc/snakemake/versions"), {"jobs": jobs}, name)
    write(Path("home/snakemake"), {"jobs": 9}, "file.yaml")
    names = ["mine", "site", "here", "./here/", str(tmp_path / "here/config.yaml"), "versions", "file.yaml"]
    for name in names:
        _, file = get_profile_dir(name)
        assert user_profile.read(name).settings == yaml.safe_load(file.read_text()), name
    assert user_profile.read("versions").settings == {"jobs": 7}


WRONG = {
    "absent": None,
    "empty": "",
    "list": "- jobs",
    "no yaml": "jobs: [",
    "template": "__use_yte__: true\njobs: ?1 / 0\n",
    "folder": {},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_profile_that_cannot_be_read_is_one_line(name, tmp_path):
    folder = tmp_path / "mine"
    if WRONG[name] is not None:
        folder.mkdir()
    if isinstance(WRONG[name], str):
        (folder / "config.yaml").write_text(WRONG[name])
    with pytest.raises(WrongConfig, match="SNAKEMAKE_PROFILE") as refused:
        user_profile.read(str(folder))
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_profile_that_is_not_there_ends_a_call_with_78(command, waiting):
    ended = waiting.monthwise(command, env=called_bare({"SNAKEMAKE_PROFILE": "absent"}))
    assert ended.returncode == 78
    assert len((ended.stdout + ended.stderr).splitlines()) == 1
    assert "no profile absent" in ended.stderr


def test_a_relative_profile_is_found_from_where_the_command_was_typed(unbuilt, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    write(clone.path("mine"), WHERE)
    clone.path("elsewhere").mkdir()
    ended = clone.monthwise("plan", "--directory", "elsewhere", env={"SNAKEMAKE_PROFILE": "mine"})
    assert ended.returncode == 0, ended.stderr
