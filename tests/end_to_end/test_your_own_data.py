"""Every command of docs/your-own-data.md, and its modules, as typed; results of the format before."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from fixtures.marks import nightly
from fixtures.workflow import REPOSITORY, Clone
from monthwise.base import files, results

PAGE = "docs/your-own-data.md"


def blocks(kind: str) -> list[str]:
    """Return the blocks of code of the page, of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", (REPOSITORY / PAGE).read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> tuple[Clone, Path, dict[str, str]]:
    """A clone after all commands of the page, the folder of the data, and what each command printed."""
    folder = tmp_path_factory.mktemp("shop")
    clone = Clone(folder / "clone")
    shutil.copytree(REPOSITORY / "examples", clone.path("examples"), ignore=shutil.ignore_patterns("months"))
    printed = {}
    for line in (line for block in blocks("sh") for line in block.splitlines() if line):
        ended = clone.run("bash", "-c", line.replace("/tmp/shop", str(folder / "shop")))
        assert ended.returncode == 0, f"{line}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
        printed[line] = ended.stdout
    return clone, folder / "shop", printed


def test_the_page_leads_from_a_folder_of_files_to_a_scored_month(shop):
    _, folder, printed = shop
    live = json.loads((folder / "runs/sales/2024-09/live.json").read_text())
    assert live["rmse"] < live["baseline"]["rmse"]
    assert (folder / "report/runs/sales/2024-09.html").exists()
    predicted = pd.read_csv(folder / "predicted.csv")
    assert list(predicted) == ["row", "prediction"]
    assert len(predicted) == 1_200
    described = next(text for line, text in printed.items() if line.startswith("./monthwise datasets sales"))
    assert re.search(r"Price +number +Price +0\.\d%", described)


def test_the_written_config_has_at_most_half_a_page(shop):
    clone, *_ = shop
    text = clone.path("sales.yaml").read_text()
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) <= 20


def test_the_six_lines_and_the_module_of_the_page_run(shop):
    clone, folder, _ = shop
    six_lines, module = blocks("yaml")[0], blocks("python")[0]
    assert len(six_lines.splitlines()) == 6
    clone.path("config/sales.py").write_text(module)
    derived = "    features: {is_cheap: {kind: number, derived: true}}\n    prepare: config/sales.py\n"
    clone.path("six.yaml").write_text(
        f"source: file:{folder}/published\ndatasets: [sales]\nlast: 2024-03\ntracking: {{name: six}}\n{six_lines}"
    )
    clone.path("module.yaml").write_text(f"catalog:\n  sales:\n{derived}")
    ended = clone.monthwise("run", "--directory", "six", "--configfile", "six.yaml", "--configfile", "module.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    features = pq.read_table(clone.path("six/data/sales/2024-01/features.parquet"))
    assert set(features["is_cheap"].to_pylist()) == {0.0, 1.0}
    assert max(price for price in features["Price"].to_pylist() if price) < 0.05  # the module divides it by 100


def test_an_error_in_a_module_is_one_line_with_its_place(shop):
    clone, *_ = shop
    clone.edit("config/sales.py", 'frame["Price"] < 2', 'frame["Preis"] < 2')
    ended = clone.monthwise("run", "--directory", "six", "--configfile", "six.yaml", "--configfile", "module.yaml")
    assert ended.returncode == 65
    assert "config/sales.py, line 11 failed (KeyError: 'Preis')" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


@nightly
def test_results_of_the_format_before_are_set_aside_and_nothing_is_downloaded_again(tmp_path):
    clone = Clone(tmp_path / "clone")
    clone.configure({"source": "demo", "demo": {"rows": 1000, "last": "2024-01"}})
    assert clone.monthwise("run").returncode == 0
    for source in clone.folder.glob("data/*/*/source.json"):  # as format 2 wrote them
        facts = json.loads(source.read_text())
        del facts["format"]
        facts["service"] = facts.pop("dataset")
        source.write_text(json.dumps(facts))
        (source.parent / "raw.file").rename(source.parent / "raw.parquet")
        for kept in source.parent.glob(".raw.kept*"):
            kept.unlink()
    clone.path(results.FORMAT_FILE).write_text('{"format": 2}')

    refused = clone.monthwise("run")
    assert refused.returncode == 78
    assert "have format 2" in refused.stderr
    accepted = clone.monthwise("accept")
    assert accepted.returncode == 0, accepted.stderr
    assert "3 published files are kept" in accepted.stdout
    assert clone.path("format-2/runs/green/2024-01/champion.json").exists()
    ended = clone.monthwise("run")
    assert ended.returncode == 0, ended.stdout
    for log in clone.folder.glob("logs/ingest/green/*.log"):
        assert "kept from before, nothing fetched" in log.read_text()
    assert files.read_json(clone.path("runs/green/2024-01/metrics.json"))["metric"] == "rmse"
