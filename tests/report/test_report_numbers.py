"""The numbers of the report: errors, metrics for Prometheus, captions, and lists that are cut."""

import html
import json
import re
from pathlib import Path

import pytest
from fixtures.report_history import BEFORE, MONTH, build, status
from monthwise.base import files
from monthwise.base.text import first_few
from monthwise.report import over_time, watch
from monthwise.state import summary
from prometheus_client.parser import text_string_to_metric_families


def test_metrics_are_read_by_prometheus(workdir):
    build()
    text = Path("report/status.prom").read_text()
    samples = {
        (sample.name.removeprefix("monthwise_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    live, champion, quality = (
        json.loads(Path(path).read_text())
        for path in (
            f"runs/green/{MONTH}/live.json",
            f"runs/green/{MONTH}/champion.json",
            f"data/green/{MONTH}/quality.json",
        )
    )
    assert samples["champion_live_error", "green", MONTH] == live["rmse"]
    assert samples["champion_validation_error", "green", MONTH] == champion["validation_error"]
    assert samples["live_excess_ratio", "green", MONTH] == live["live_excess"]
    assert samples["kept_share", "green", MONTH] == quality["rows_out"] / quality["rows_in"]
    assert ("drift_ratio", "green", "weekday", MONTH) in samples
    assert samples["needs_person", "green"] == 0
    assert samples["stages", "green", "built"] > 30
    assert samples["last_run_exit_code",] == 0


def test_metrics_of_a_month_that_is_not_scored_yet_carry_its_own_name(workdir):
    Path(f"runs/green/{MONTH}/live.json").unlink()
    build()
    lines = Path("report/status.prom").read_text().splitlines()
    months = {line.split("{")[0]: re.findall(r'month="([^"]+)"', line) for line in lines if "_error{" in line}
    assert months["monthwise_champion_live_error"] == ["2023-12"]
    samples = [line for line in lines if line.startswith("monthwise_champion_validation_error{")]
    assert [re.findall(r'month="([^"]+)"', line)[0] for line in samples] == ["2023-12", MONTH]


def test_all_errors_of_a_row_are_measured_on_the_rows_of_its_month(workdir, monkeypatch, capfd):
    green = build()["datasets"]["green"]
    metrics, live = (
        json.loads(Path(path).read_text())
        for path in (f"runs/green/{MONTH}/metrics.json", f"runs/green/{BEFORE}/live.json")
    )
    assert metrics["validation_month"] == BEFORE
    errors = summary.errors_by_month(green)
    assert errors[BEFORE] == {
        "rows": live["rows"],
        "challenger": metrics["rmse"],
        "champion": live["rmse"],
        "baseline": live["baseline"]["rmse"],
    }
    assert errors["2023-10"].keys() == {"rows", "challenger"}  # no champion served then
    numbers = [f"{errors[BEFORE][name]:.3f}" for name in ("challenger", "champion", "baseline")]
    lines, page = Path("report/summary.md").read_text(), Path("report/index.html").read_text()
    assert f"| {BEFORE} | {' | '.join(numbers)} |" in lines
    assert f"{BEFORE}</a>" + "".join(f"<td>{value}" for value in numbers) in page
    matrix = "".join(f"<td class=num>{errors[BEFORE][name]:.3f}" for name in ("challenger", "champion", "baseline"))
    assert re.search(rf'id="green-{BEFORE}".*{matrix}', page)
    screen = status(monkeypatch, capfd)
    assert re.search(rf"green  {BEFORE} .* {errors[BEFORE]['rows']:,} +RMSE, min +{' +'.join(numbers)} ", screen)
    for text in (screen, lines, page, Path("report/status.prom").read_text(), json.dumps(green)):
        assert "promised" not in text


@pytest.mark.parametrize(
    ("difference", "interval", "caption"),
    [
        (
            -0.0034,
            [-0.0113, 0.0048],
            "0.34% larger than the champion's; with 95 % confidence between 1.13% larger and 0.48% smaller",
        ),
        (
            0.05,
            [0.01, 0.09],
            "5.00% smaller than the champion's; with 95 % confidence between 1.00% smaller and 9.00% smaller",
        ),
    ],
)
def test_the_caption_of_an_interval_says_larger_or_smaller_of_each_number(workdir, difference, interval, caption):
    path = Path(f"runs/green/{MONTH}/champion.json")
    champion = json.loads(path.read_text())
    champion["compared"] |= {"difference": difference, "interval": interval}
    files.write_json(path, champion)
    build()
    page = html.unescape(Path(f"report/runs/green/{MONTH}.html").read_text())
    assert f"The challenger's error is {caption}" in page


def test_lists_that_are_cut_say_so(workdir, monkeypatch, capfd):
    green = build()["datasets"]["green"]
    monkeypatch.setattr("monthwise.report.watch.NEWEST", 2)
    monkeypatch.setattr("monthwise.commands.status.SHOWN", 2)
    assert "The newest 2 of 5 months." in watch.as_markdown(
        {"datasets": {"green": green}, "needs": [], "last_run": None}
    )
    assert "green: the newest 2 of 6 months" in status(monkeypatch, capfd)
    for known in green["rows"].values():
        known["drops"] = {f"reason {number}": 10 for number in range(9)}
    for known in green["numbers"].values():
        known["drift"] = {f"feature {number}": number for number in range(20)}
    drops = over_time.drops("green", green, list(green["rows"]))
    assert drops.head == ["month", *(f"reason {number}" for number in range(5)), "other"]
    assert float(drops.rows[0][-1]) == pytest.approx(4 * float(drops.rows[0][1]), abs=0.02)
    assert "The furthest 12 of 20 features." in over_time.drift("green", green, list(green["runs"])).caption
    assert first_few(["a", "b", "c"], 2) == "a; b; and 1 more"
    assert first_few(["a", "b"], 2) == "a; b"


def test_the_line_says_who_serves_how_well_and_what_is_late(workdir):
    Path("logs/plan.json").write_text(json.dumps({"not_published": {"green": ["2024-02"]}, "jobs": []}))
    green = build()["datasets"]["green"]
    numbers = green["numbers"][MONTH]
    excess = numbers["live_excess"]
    excess = f"{abs(excess):.1%} {'more' if excess > 0 else 'less'} than its validation error"
    error = f"{numbers['champion_live_error']:.3f} min on {numbers['live_rows']:,} rows"
    assert green["line"].split("; ") == [
        f"green: {MONTH} is served by the model of 2023-11,"
        f" validation error {numbers['champion_validation_error']:.3f} min on {BEFORE}",
        f"live error of the model of 2023-11 in {MONTH}: {error}, {excess}",
        "2024-02 is not published yet",
    ]
    assert summary.changes(green) == ["2023-11"]
