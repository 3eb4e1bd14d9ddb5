"""`./monthwise verify`: decisions and their evidence against the files, also when rebuilt."""

import argparse
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import evidence
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import skops.io
from fixtures.shared_months import publish
from fixtures.workflow import Clone
from monthwise.base import files
from monthwise.base.resources import resource
from monthwise.commands import verify
from monthwise.config.settings import Settings
from monthwise.models import model_files
from monthwise.verify import recorded_jobs, registry_check

# The first month, one whose challenger is promoted, one that is pinned and not scored, one without a challenger.
RUN_MONTHS = FIRST, PROMOTED, PINNED, SKIPPED = "2023-09", "2023-10", "2023-11", "2023-12"
CONFIG = {
    "source": "file:published",
    "datasets": ["green"],
    "begin": {"green": FIRST},
    "last": SKIPPED,
    "skip": {"green": ["2023-11"]},
    "train": {"recipe": "boosted", "parameters": {"max_iter": 10}},
    "changes": [
        {"from": PROMOTED, "reason": "the newest one", "promotion": {"policy": "always"}},
        {"from": PINNED, "reason": "complaints", "promotion": {"pin": FIRST}},
    ],
}
RUN = f"runs/green/{PROMOTED}"
DATA = "data/green/2023-09"


@pytest.fixture(scope="module")
def built_months(tmp_path_factory) -> Clone:
    """Four run months of one dataset; not to be changed."""
    clone = Clone(tmp_path_factory.mktemp("made") / "clone")
    for month in ("2023-07", "2023-08", "2023-09", "2023-10", "2023-12"):
        publish(clone.path("published"), "green", month)
    clone.configure(CONFIG)
    clone.build()
    return clone


@pytest.fixture
def clone(built_months: Clone, tmp_path: Path, monkeypatch) -> Clone:
    """A copy of them, to be changed; the working directory."""
    clone = Clone(tmp_path / "clone", like=built_months)
    monkeypatch.chdir(clone.folder)
    return clone


@pytest.fixture
def call_verify(clone, monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Call `verify` of run month PROMOTED; return its code and its first line. The registry has tests of its own."""

    def away(*_):
        raise registry_check.NotChecked("not here")

    monkeypatch.setattr(registry_check, "findings", away)

    def call(month: str = PROMOTED, rebuild: bool = False) -> tuple[int, str]:
        arguments = argparse.Namespace(range=[month], dataset="green", rebuild=rebuild)
        code = verify.run(arguments, Settings())
        return code, capsys.readouterr().out.splitlines()[0]

    return call


def collect(month: str = PROMOTED, **settings) -> None:
    """Collect evidence.json from the present files, as somebody does who covers up an edit."""
    path = f"runs/green/{month}/evidence.json"
    evidence_before = files.read_json(path)
    paths = [*evidence_before["files"], *evidence_before["provenance"]["models"]]
    provenance_files = [path for path in Path(f"runs/green/{month}").glob("*.json") if evidence.is_of_a_run(str(path))]
    job_settings = {
        "dataset": "green",
        "month": month,
        "scored": evidence_before["scored"],
        "stages": evidence_before["settings"] | settings,
    }
    sources = [str(resource(name)) for name in evidence_before["sources"]]
    files.write_json(path, evidence.evidence(sorted([*paths, *map(str, provenance_files)]), job_settings, sources))


def edit(path: str, **changed) -> None:
    files.write_json(path, files.read_json(path) | changed)


def everything(clone: Clone) -> dict[str, str]:
    """Return a hash of every file below the working directory, but for what Python and Snakemake keep."""
    paths = (path for path in sorted(clone.folder.rglob("*")) if not {"__pycache__", ".snakemake"} & {*path.parts})
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "folder" for p in paths}


def test_all_months_agree_also_when_built_again_and_nothing_is_changed(built_months):
    before = everything(built_months)
    ended = built_months.monthwise("verify", "--rebuild")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *lines, registry = ended.stdout.splitlines()
    assert [line[:20] for line in lines] == [f"ok    green {m}" + ":" for m in RUN_MONTHS]
    assert all("; rebuilt from raw.file" in line for line in lines)
    assert "computed again: evaluate, compare, promote, score, drift" in lines[1]
    assert "computed again: evaluate, compare, promote;" in lines[2]
    assert "computed again: promote, score, drift" in lines[3]
    assert registry == "ok    green: the registry agrees"
    assert everything(built_months) == before


def test_what_is_computed_again_is_all_that_the_month_has(built_months):
    for month in RUN_MONTHS:
        evidence_of_month = files.read_json(built_months.path(f"runs/green/{month}/evidence.json"))
        jobs = [
            job for jobs in recorded_jobs.data_jobs(evidence_of_month, {"prepare": [], "files": []}) for job in jobs
        ] + recorded_jobs.run_jobs(evidence_of_month)
        outputs = {path for job in jobs for path in job.outputs.values()}
        names = {
            str(path.relative_to(built_months.folder)) for path in built_months.path(f"runs/green/{month}").iterdir()
        }
        collected = {f"runs/green/{month}/{name}" for name in ("tracking.json", "evidence.json")}
        assert names - collected == {path for path in outputs if path.startswith("runs/")}
        inputs = {path for path in evidence_of_month["files"] if path not in outputs}
        fetched = {path for path in inputs if path.endswith(("source.json", "raw.file"))}
        assert inputs - fetched <= {*recorded_jobs.given_files(evidence_of_month)}


KINDS = (
    *(f"{DATA}/{name}" for name in ("source.json", "raw.file", "rows.parquet", "quality.json", "features.parquet")),
    *(f"{RUN}/{name}" for name in ("model.skops", "baseline.skops", "training.json", "validation.parquet")),
    *(f"{RUN}/{name}" for name in ("metrics.json", "tracking.json", "comparison.json", "champion.json")),
    *(f"{RUN}/{name}" for name in ("champion.skops", "champion_baseline.skops", "predictions.parquet", "live.json")),
    *(f"{RUN}/{name}" for name in ("drift.json", "evidence.json", "train.provenance.json", "score.provenance.json")),
    f"runs/green/{FIRST}/predictions.parquet",
)


@pytest.mark.parametrize("path", KINDS)
def test_one_flipped_byte_is_found(call_verify, path):
    content = bytearray(Path(path).read_bytes())
    content[len(content) // 2] ^= 1
    Path(path).write_bytes(content)
    code, finding = call_verify()
    assert code == os.EX_DATAERR
    assert finding.startswith(f"OFF   green {PROMOTED}: {path} is not ")


def test_every_byte_of_evidence_counts(call_verify):
    path = Path(RUN, "evidence.json")
    whole = path.read_bytes()
    for position in range(0, len(whole), 97):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 2]) + whole[position + 1 :])
        assert call_verify()[0] == os.EX_DATAERR, position


def test_a_missing_file_is_named_and_a_month_without_evidence_is_none(call_verify):
    Path(DATA, "rows.parquet").unlink()
    code, finding = call_verify()
    assert (code, f"{DATA}/rows.parquet is missing" in finding) == (os.EX_DATAERR, True)
    Path(RUN, "evidence.json").unlink()
    code, finding = call_verify()
    assert (code, finding.startswith(f"none  green {PROMOTED}: no evidence.json")) == (os.EX_DATAERR, True)


def swap_model() -> None:
    shutil.copy(f"runs/green/{FIRST}/model.skops", f"{RUN}/model.skops")


def swap_champion() -> None:
    shutil.copy(f"runs/green/{FIRST}/champion.skops", f"{RUN}/champion.skops")


def edit_prediction() -> None:
    table = pq.read_table(f"{RUN}/validation.parquet")
    column = table.schema.get_field_index("prediction")
    pq.write_table(
        table.set_column(column, "prediction", pc.add(table.column(column), 0.1)), f"{RUN}/validation.parquet"
    )


def edited(name: str, **changed) -> Callable[[], None]:
    return lambda: edit(f"{RUN}/{name}", **changed)


@pytest.mark.parametrize(
    ("change", "name", "stage", "how"),
    [
        (swap_model, "validation.parquet", "evaluate", "prediction of row 0 is"),
        (edit_prediction, "validation.parquet", "evaluate", "prediction of row 0 is"),
        (edited("metrics.json", rmse=1.0), "metrics.json", "evaluate", "rmse is 1.0, but the rebuilt value is"),
        (edited("comparison.json", difference=0.5), "comparison.json", "compare", "difference is 0.5"),
        (
            edited("champion.json", decision="kept"),
            "champion.json",
            "promote",
            "decision is 'kept', but the rebuilt value is",
        ),
        (swap_champion, "champion.skops", "promote", "other bytes"),
        (edited("live.json", rows=1), "live.json", "score", "rows is 1"),
        (edited("drift.json", rows=1), "drift.json", "drift", "rows is 1"),
    ],
)
def test_an_edit_is_found_also_where_evidence_was_made_to_agree(call_verify, change, name, stage, how):
    change()
    collect()
    code, finding = call_verify()
    assert code == os.EX_DATAERR
    assert finding.startswith(f"OFF   green {PROMOTED}: {RUN}/{name} is not what {stage} makes of its inputs: {how}")


def test_rebuild_finds_what_settings_do_not_give_and_says_which_version_differs(call_verify):
    stages = files.read_json(f"{RUN}/evidence.json")["settings"]
    clean = {month: job | {"target": job["target"] | {"max": 20}} for month, job in stages["clean"].items()}
    provenance = files.read_json(f"{RUN}/train.provenance.json")
    edit(f"{RUN}/train.provenance.json", packages=provenance["packages"] | {"numpy": "1.0"})
    collect(clean=clean)
    code, finding = call_verify()
    assert (code, f"(numpy 1.0 then, {provenance['packages']['numpy']} now)" in finding) == (os.EX_OK, True)
    code, finding = call_verify(rebuild=True)
    assert code == os.EX_DATAERR
    assert finding.startswith(
        f"OFF   green {PROMOTED}: data/green/2023-08/rows.parquet is not what clean makes of raw.file"
    )
    assert "(numpy 1.0 then, " in finding


def test_what_another_kind_of_machine_made_may_differ_in_its_last_digits(call_verify):
    rmse = files.read_json(f"{RUN}/metrics.json")["rmse"]
    edit(f"{RUN}/metrics.json", rmse=rmse * (1 + 1e-12))
    collect()
    assert call_verify()[0] == os.EX_DATAERR
    edit(f"{RUN}/evaluate.provenance.json", machine="arm64 Darwin")
    collect()
    code, finding = call_verify()
    assert (code, "(to 1e-09, since made on arm64 Darwin and not " in finding) == (os.EX_OK, True)
    edit(f"{RUN}/metrics.json", rmse=rmse * (1 + 1e-6))
    collect()
    assert call_verify()[0] == os.EX_DATAERR


class Unknown:
    """A type that no recipe names."""


def test_a_model_with_types_that_are_not_trusted_is_refused_and_named(call_verify):
    skops.io.dump([Unknown()], f"{RUN}/model.skops")
    collect()
    code, finding = call_verify()
    assert code == os.EX_DATAERR
    assert f"model {RUN}/model.skops holds types that are not trusted" in finding
    assert "test_verify.Unknown" in finding


def test_a_model_of_another_scikit_learn_names_the_month_to_redo(call_verify):
    provenance = files.read_json(f"{RUN}/train.provenance.json")
    edit(f"{RUN}/train.provenance.json", packages=provenance["packages"] | {"scikit-learn": "1.0.1"})
    model = model_files.load(f"{RUN}/model.skops", "boosted")
    del model[-1]._predictors
    model_files.dump(model, f"{RUN}/model.skops")
    collect()
    code, finding = call_verify()
    assert code == os.EX_DATAERR
    assert f"{RUN}/model.skops was made by scikit-learn 1.0.1, and " in finding
    assert f"train {PROMOTED} again: delete {RUN}/model.skops, then rebuild it: " in finding


@pytest.mark.parametrize("name", ["config/zones/new-york.csv", "scripts/monthwise/prepare/taxi/zones.py"])
def test_an_edit_of_what_the_module_of_a_dataset_reads_is_found(clone, name):
    with open(clone.path(name), "a", encoding="utf-8") as file:
        file.write("\n")
    ended = clone.monthwise("verify", PROMOTED)
    assert ended.returncode == os.EX_DATAERR, ended.stdout + ended.stderr
    finding = ended.stdout.splitlines()[0]
    assert finding.startswith(f"OFF   green {PROMOTED}: ")
    assert finding.endswith(f"{name} is not the file that the evidence is about")


def test_a_registry_that_is_off_is_a_finding_and_one_that_is_away_is_none(clone):
    clone.edit("registry/green.json", '"version": "2"', '"version": "1"')
    ended = clone.monthwise("verify", PROMOTED)
    assert ended.returncode == os.EX_DATAERR, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[0].startswith(f"ok    green {PROMOTED}: ")
    assert f"OFF   green {PROMOTED}: version 1 of monthwise-green has " in ended.stdout.splitlines()[1]
    clone.path("mlflow.db").rename(clone.path("away.db"))
    before = everything(clone)
    ended = clone.monthwise("verify", PROMOTED)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "green: the registry was not checked: there is no sqlite:///mlflow.db" in ended.stdout
    assert everything(clone) == before
