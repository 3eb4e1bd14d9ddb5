"""What readers want to know of the report, each answered in at most two clicks in a real Chromium."""

import pytest
from fixtures.report_states import CONFIG, FAILED
from monthwise import report
from monthwise.config.settings import Settings

# A reader's questions, each with the links to click (at most two) and the answer on the page.
QUESTIONS = [
    ("who serves, since when, how good", [], "2024-01 is served by the model of 2024-01"),
    ("when did the champion change last", [], "Changes of the champion"),
    ("why was 2023-11 rejected", [], "green 2023-11: rejected by kept_share_below: 0.31, bound 0.5"),
    ("which job failed, and its log", ["green 2023-12"], "MemoryError: 3 GB are not there"),
    ("what is not published", [], "2024-02 is not published yet"),
    ("what is stale and why", [], "1 month stale (2023-09): program changed: train.py"),
    ("which feature drifted most", [], "Furthest in 2024-01: "),
    ("what takes longest", [], "Longest: "),
    ("how far is the live error above validation, and where", ["2023-08"], "Live errors by segment, in 2023-08"),
    ("what became of the rows of a month", ["2023-08", "data month"], "dropped: target above max"),
    ("where is its run in MLflow", ["2023-08"], "MLflow run"),
    ("when was it built, and why", ["2023-08"], "2023-08-17 05:17 UTC"),
]


@pytest.mark.parametrize(("question", "clicks", "answer"), QUESTIONS, ids=[entry[0] for entry in QUESTIONS])
def test_a_question_is_answered_in_two_clicks(question, clicks, answer, folder, reader):
    page = reader(folder / "report/index.html").page
    assert len(clicks) <= 2
    for click in clicks:
        page.get_by_role("link", name=click, exact=True).first.click()
    assert page.get_by_text(answer).first.is_visible()


def test_the_log_of_a_failed_job_opens(folder, reader):
    page = reader(folder / "report/index.html").page
    page.locator(".needs").get_by_role("link", name="log", exact=True).click()
    page.wait_for_url(f"**/logs/drift/green/{FAILED}.log")
    assert "3 GB are not there" in page.locator("body").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_at_all_and_everything_failed(scheme, folder, reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report.build(Settings((), {"begin": {"green": "2023-11"}}))
    empty = reader(tmp_path / "report/index.html", scheme=scheme)
    assert "there is no month yet" in empty.page.locator("main").inner_text()
    assert empty.violations() == []

    for path in folder.glob("logs/*/green/*.log"):
        log = tmp_path / path.relative_to(folder)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("exit 73: cannot write: No space left on device; make room, then rerun the command")
    report.build(Settings((), CONFIG | {"datasets": ["green"], "history": {"closed_before": None}}))
    failed = reader(tmp_path / "report/index.html", scheme=scheme, width=390)
    assert failed.page.locator(".matrix td.f").count() > 50
    assert "make room" in failed.page.locator(".needs").inner_text()
    assert failed.violations() == []
    assert failed.page.evaluate("document.documentElement.scrollWidth") == 390
