"""A user's shell does not change a run: locale, variables for Python, a reader that goes away."""

import ast
import json

import pytest
from fixtures.marks import nightly
from fixtures.one_month import MONTH, SETTINGS
from fixtures.workflow import REPOSITORY, Clone

REASON = "geprüft für Zürich"
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


@pytest.fixture
def clone(tmp_path) -> Clone:
    """A clone in a folder with an umlaut, a change whose reason has one, and nothing built."""
    clone = Clone(tmp_path / "Zürich")
    change = {"from": MONTH, "datasets": ["green"], "reason": REASON, "promotion": {"pin": None}}
    clone.configure(SETTINGS | {"changes": [change]})
    return clone


@pytest.fixture
def shadows(tmp_path) -> dict[str, str]:
    """Variables for Python, each of which breaks or changes a Python that reads it."""
    folder = tmp_path / "shadows"
    folder.mkdir()
    for name in ("numpy", "typing", "yaml", "sitecustomize", "monthwise"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the user was imported')", encoding="utf-8")
    (folder / "startup.py").write_text("raise SystemExit('startup')", encoding="utf-8")
    variables = {"PYTHONPATH": str(folder), "PYTHONHOME": "/nowhere", "PYTHONSTARTUP": str(folder / "startup.py")}
    variables |= {"PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error", "PYTHONSAFEPATH": "1", "PYTHONINSPECT": "1"}
    return variables | {"PYTHONPLATLIBDIR": "nowhere", "PYTHONUSERBASE": str(folder), "PYTHONNOUSERSITE": ""}


def built(clone: Clone, directory: str) -> dict[str, bytes]:
    """Return the files of a month that are byte-identical in equal builds."""
    paths = clone.path(directory).glob(f"runs/green/{MONTH}/*")
    return {path.name: path.read_bytes() for path in paths if path.name in ("metrics.json", "predictions.parquet")}


@nightly
@pytest.mark.parametrize("warm", ["1", "0"])
def test_no_locale_and_no_variable_of_python_changes_a_run(warm, clone, shadows):
    directory_option = ("--directory", "für")
    ended = clone.monthwise("run", *directory_option, env=ASCII | shadows | {"MONTHWISE_WARM": warm})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith(f"built 1 run months (green {MONTH})")
    assert not ended.stderr
    if warm == "0":
        clone.build("--directory", "plain")
        assert built(clone, "für") == built(clone, "plain") != {}
    rebuild = ["verify", "--rebuild"] if warm == "0" else ["verify"]
    for command in (["status"], ["report"], ["plan"], rebuild):
        ended = clone.monthwise(*command, *directory_option, env=ASCII | shadows)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr


@nightly
def test_plain_snakemake_builds_in_an_ascii_locale(clone, shadows):
    del shadows["PYTHONHOME"], shadows["PYTHONPLATLIBDIR"], shadows["PYTHONINSPECT"]  # no Python would start
    shadows["PYTHONPATH"] += "/none"
    clone.build("--directory", "für", env=ASCII | shadows | {"PYTHONWARNINGS": "", "PYTHONOPTIMIZE": ""})
    assert list(clone.path("für").glob("mlruns/*/models/*/artifacts/MLmodel"))


def test_messages_with_letters_of_any_language_are_printed_in_any_locale(clone):
    ended = clone.monthwise("plan", "--config", "source=file:/nirgendwo/für", env=ASCII)
    assert ended.returncode == 78
    assert "/nirgendwo/für" in ended.stderr


def test_a_program_says_what_is_wrong_in_any_locale(tmp_path):
    facts = {"source": "file:/nirgendwo/für", "dataset": "green", "month": "2021-01", "file": "green_2021-01.parquet"}
    facts["pattern"] = "green_{month}.parquet"
    program = (str(REPOSITORY / ".venv/bin/python"), str(REPOSITORY / "scripts/locate.py"))
    settings = json.dumps(facts, ensure_ascii=False)
    ended = Clone(tmp_path).run(*program, "--settings", settings, "--source", "source.json", env=ASCII)
    assert ended.returncode == 78, ended.stdout + ended.stderr
    assert ended.stdout.startswith("exit 78: the folder /nirgendwo/für of `source` cannot be read")


# Readers that go away


def piped(clone: Clone, command: str):
    """Run a shell line in which $M is the program; the exit code is that of $M."""
    line = f"set -o pipefail; M=./monthwise; {command}"
    return clone.run("bash", "-c", line)


@nightly
def test_a_run_whose_reader_goes_away_goes_on(clone):
    ended = piped(clone, "$M run | head -1; exit ${PIPESTATUS[0]}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 1
    call = json.loads(clone.path("history/runs.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (call["code"], call["jobs"]["left"]) == (0, 0)
    for command in ("status", "status --json", "plan", "verify", "report"):
        ended = piped(clone, f"$M {command} | head -c 1; exit ${{PIPESTATUS[0]}}")
        assert (ended.returncode, ended.stderr) == (0, ""), command


@nightly
def test_a_run_without_an_output_goes_on(clone):
    for streams in (">&-", ">&- 2>&- <&-"):
        ended = piped(clone, f"$M run --jobs 2 {streams}")
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert not clone.path(".monthwise.lock").read_bytes()


@nightly
def test_what_cannot_be_written_is_said_once(clone):
    ended = piped(clone, "$M run > /dev/full")
    assert (ended.returncode, ended.stderr) == (
        0,
        "monthwise: what it prints cannot be written: No space left on device\n",
    )
    assert piped(clone, "$M status --json > /dev/full").returncode == 73


def test_every_text_of_a_process_names_its_encoding():
    for path in (REPOSITORY / "scripts").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("text", "universal_newlines"):
                pytest.fail(f"{path.relative_to(REPOSITORY)}:{node.lineno}: write encoding= instead of {node.arg}=")
