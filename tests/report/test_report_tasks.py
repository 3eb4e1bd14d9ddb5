"""The pages of a regression, of two classes and of more: each is whole, and says what its numbers are."""

import html
import json
import re
from pathlib import Path

import pytest
from fixtures import report_tasks
from fixtures.made_once import made_once
from fixtures.report_history import pages
from fixtures.report_tasks import MONTH
from monthwise import report
from monthwise.base import files
from monthwise.report import figures, over_time

PARTS = ["decision", "errors", "live", "calibration", "drift", "quality"]
# Task: the error that decides, its unit, and what the page says of predictions.
SAYS = {
    "regression": ("RMSE", " EUR", ["Predicted up, actual along", "predicted, EUR", "actual mean, EUR"]),
    "binary": ("log loss", "", ["the probability of 'yes'", "actual not yes", "Predicted class down", "are right"]),
    "multiclass": ("log loss", "", ["for the predicted class", "actual huge", "Predicted class down", "are right"]),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A folder with the report of all tasks; not to be changed."""
    with made_once(tmp_path_factory, "report_tasks") as (folder, is_made), pytest.MonkeyPatch.context() as patch:
        if not is_made:
            folder.mkdir()
            patch.chdir(folder)
            report.build(report_tasks.make(folder))
    return folder


def page_of(task: str) -> str:
    return f"report/runs/shop-{task}/{MONTH}.html"


def test_no_page_has_a_broken_part(shop, monkeypatch):
    monkeypatch.chdir(shop)
    shown = pages()
    assert {page_of(task) for task in SAYS} <= shown.keys()
    for name, content in shown.items():
        assert b"does not hold what it should" not in content, name


@pytest.mark.parametrize("task", SAYS)
def test_a_page_has_every_part_and_says_what_its_numbers_are(shop, task):
    page = html.unescape((shop / page_of(task)).read_text())
    assert [name for name in re.findall(r'id="part-(\w+)"', page) if name in PARTS] == PARTS
    error, unit, texts = SAYS[task]
    metrics, live = (
        json.loads((shop / f"runs/shop-{task}/{MONTH}/{name}.json").read_text()) for name in ("metrics", "live")
    )
    deciding = metrics["metric"]
    heading = f"{error},{unit}" if unit else error
    assert f"<dd>{metrics[deciding]:.3f}{unit}</dd>" in page  # as the validation error
    assert f"<dd>{live[deciding]:.3f}{unit}</dd>" in page
    assert f"<dd>{live['baseline'][deciding]:.3f}{unit}</dd>" in page
    assert f'on the same rows of 2024-01<th scope="col">{heading}<' in page
    assert page.count(f"Largest {error}: ") == 4  # store and price, validation and live
    for text in texts:
        assert text in page
    assert f"Errors: {heading} on the rows of that month" in (shop / "report/index.html").read_text()


def test_a_page_of_classes_has_a_table_of_each_chart(shop):
    metrics = files.read_json(shop / f"runs/shop-multiclass/{MONTH}/metrics.json")
    page = (shop / page_of("multiclass")).read_text()
    for name, counts in zip(metrics["classes"], metrics["confusion"], strict=True):
        assert name + "".join(f"<td>{count:,}" for count in counts) in re.sub(r"</?t[hr][^>]*>|</td>", "", page)
    for entry in metrics["calibration"]:
        assert f"{entry['predicted']:.3f}<td>{entry['rows']:,}<td>{entry['actual']:.3f}" in re.sub(
            r"</?t[hr][^>]*>|</td>", "", page
        )


@pytest.mark.parametrize("task", SAYS)
def test_readers_can_use_it_and_every_shape_has_a_colour(shop, reader, task):
    opened = reader(shop / page_of(task), width=390)
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.violations() == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    shapes = "svg.chart rect, svg.chart circle, svg.chart path[class^='q'], svg.chart path.fill"
    fills = opened.page.evaluate(f"[...document.querySelectorAll(`{shapes}`)].map(each => getComputedStyle(each).fill)")
    assert len(fills) > 10
    assert opened.page.locator("svg.chart rect.none").count() == (task != "regression")
    assert "rgb(0, 0, 0)" not in fills  # what a shape without a colour gets


def test_any_name_of_a_segment_is_shown_and_bands_are_in_order(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = report_tasks.make(tmp_path)
    path = f"runs/shop-binary/{MONTH}/live.json"
    live = files.read_json(path)
    bands = ["-10--5", "-5-0", "0-5", "5-1e+06", "1e+06-", "missing"]
    names = ["²", "١", "", "<b>", "x" * 300, "a\nb", "zoo", "missing", "others"]
    for kind, segments in (("price", bands), ("store", names)):
        live["by"][kind] = dict.fromkeys(segments, live["by"]["price"]["0-5"])
    files.write_json(path, live)
    report.build(settings)
    page = Path(page_of("binary")).read_text()
    assert "does not hold what it should" not in page
    for kind, in_order in (("Price", bands), ("Store", ["zoo", "missing", "others"])):
        table = page[page.index(f'aria-label="Table: Live errors by segment, in 2024-02, {kind}"') :]
        positions = [table.index(f">{name}<") for name in in_order]
        assert positions == sorted(positions)
    assert "x" * 300 in page
    assert "<b></th>" not in page


def test_an_error_without_a_file_has_no_name():
    assert over_time.heading({"numbers": {}}) == ""


@pytest.mark.parametrize("count", [2, 5, 60, 300])
def test_a_matrix_of_many_classes_has_no_negative_sizes(count):
    names = [f"class {number}" for number in range(count)]
    svg = figures.confusion([[1] * count for _ in names], names)
    sizes = [float(size) for size in re.findall(r'<rect[^>]* width="([^"]+)"', svg)]
    assert len(sizes) == count**2
    assert min(sizes) > 5
