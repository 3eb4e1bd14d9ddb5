"""The report as its readers see it, in a real Chromium: states, filters, links, keyboard, both schemes, a phone."""

import json
from pathlib import Path

import pytest
from fixtures import long_history
from fixtures.workflow import Clone
from monthwise import report
from monthwise.base import files
from monthwise.config.settings import Settings
from playwright.sync_api import expect
from servers.browser import Reader, chromium

MONTH = "2024-01"
# Every state there is, of one service; the other one is as it should be.
CONFIG = {
    "source": "demo",
    "services": ["green", "yellow"],
    "begin": {"green": "2023-03", "yellow": "2023-03"},
    "demo": {"first": "2023-01", "last": MONTH},
    "history": {"closed_before": "2023-06"},
    "skip": {"green": ["2023-10"]},
    "tracking": {"url": "https://mlflow.example/ui"},
}
FAILED, REJECTED, STALE = "2023-12", "2023-11", "2023-09"
STATES = {"built", "stale", "failed", "rejected", "waiting", "not published", "superseded", "pruned"}


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def folder(built: Clone, tmp_path_factory) -> Path:
    """A report with every state."""
    here = tmp_path_factory.mktemp("shown") / "here"
    long_history.make(here, built.folder, MONTH, ["green", "yellow"], "2023-03", MONTH)
    for name in ("raw", "trips", "features"):
        (here / f"data/green/2023-02/{name}.parquet").unlink()
    (here / f"runs/green/{FAILED}/drift.json").unlink()
    log = 'Traceback (most recent call last):\n  File "scripts/drift.py"\nexit 1: MemoryError: 3 GB are not there'
    (here / f"logs/drift/green/{FAILED}.log").write_text(log)
    path = here / f"data/green/{REJECTED}/quality.json"
    rule = {"name": "kept_share_below", "number": 0.31, "bound": 0.5}
    files.write_json(path, json.loads(path.read_text()) | {"verdict": "reject", "rule": rule})
    stale = {
        "rule": "train",
        "service": "green",
        "month": STALE,
        "reason": "program changed: train.py",
        "missing": False,
    }
    look = {
        "looked": "2024-02-17T05:17:30Z",
        "jobs": [stale],
        "not_published": {"green": ["2024-02"], "yellow": ["2024-02"]},
    }
    (here / "logs/plan.json").write_text(json.dumps(look))
    champion = here / f"runs/green/{MONTH}/champion.json"
    found = json.loads(champion.read_text())
    found |= {"since": MONTH, "decision": "promoted", "champion": found["champion"] | {"month": MONTH}}
    files.write_json(champion, found)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        report.build(Settings((), CONFIG))
    return here


@pytest.fixture
def reader(browser):
    """Return a function that opens a page with a width and a scheme; all must stay quiet and ask for nothing."""
    readers = []

    def look(path: Path, after: str = "", **how) -> Reader:
        readers.append(Reader(browser, **how))
        readers[-1].open(path, after)
        return readers[-1]

    yield look
    for each in readers:
        assert each.outside() == []
        assert each.complaints == []
        each.context.close()


def test_every_state_has_its_cell_in_words_with_a_symbol(folder, reader):
    page = reader(folder / "report/index.html").page
    told = json.loads((folder / "report/status.json").read_text())["services"]
    seen = set()
    for service, of in told.items():
        for part in ("data", "runs"):
            for month, stages in of[part].items():
                cells = page.locator(f'[id="{service}-{month}"] td')
                texts = cells.all_inner_texts()
                for state in {each["state"] for each in stages.values()}:
                    assert state in [text.strip() for text in texts], (service, month)
                    seen.add(state)
    assert seen == STATES
    symbols = page.evaluate(
        "[...document.querySelectorAll('.matrix td[class]:not(.num)')].map("
        " cell => [cell.innerText.trim(), getComputedStyle(cell, '::before').content.replaceAll('\"', '').trim()])"
    )
    by_state = {state: {symbol for text, symbol in symbols if text == state} for state in STATES}
    assert all(len(found) == 1 for found in by_state.values())
    assert len(set().union(*by_state.values())) == len(STATES)


def test_filters_show_what_is_asked_for_and_stand_in_the_address(folder, reader):
    page = reader(folder / "report/index.html").page
    rows = page.locator(".matrix tbody tr:visible")
    everything = rows.count()
    page.locator("select[name=state]").select_option("failed")
    assert rows.evaluate_all("rows => rows.map(row => row.id)") == [f"green-{FAILED}"]
    assert page.url.endswith("#state=failed")
    page.locator("select[name=state]").select_option("")
    page.locator("select[name=service]").select_option("yellow")
    page.locator("select[name=year]").select_option("2023")
    assert page.url.endswith("#service=yellow&year=2023")
    assert {row[:11] for row in rows.evaluate_all("rows => rows.map(row => row.id)")} == {"yellow-2023"}
    assert page.locator("output").inner_text() == f"{rows.count()} of {everything} months"
    page.get_by_role("button", name="Show all").click()
    expect(rows).to_have_count(everything)

    again = reader(folder / "report/index.html", "#service=green&year=2023&state=rejected").page
    assert again.locator(".matrix tbody tr:visible").evaluate_all("rows => rows.map(row => row.id)") == [
        f"green-{REJECTED}"
    ]
    assert again.locator("select[name=state]").input_value() == "r"


def test_the_keyboard_reaches_every_month_and_its_page(folder, reader):
    page = reader(folder / "report/index.html").page
    page.locator("body").press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the months"
    page.locator(f'[id="green-{MONTH}"] th a').focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == FAILED
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "failed"
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.textContent") == "2024-02"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "2023-01"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/2023-02.html")
    page.get_by_role("link", name="all months").click()
    page.wait_for_url("**/index.html#green-2023-02")
    assert page.locator('[id="green-2023-02"]').is_visible()


PAGES = ["index.html", f"runs/green/{MONTH}.html", f"runs/green/{FAILED}.html", f"data/green/{REJECTED}.html"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_the_scheme_is_the_readers(path, scheme, folder, reader):
    opened = reader(folder / "report" / path, scheme=scheme)
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.violations() == []
    background = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background[4:].split(",")[0]) > 128) == (scheme == "light")


@pytest.mark.parametrize("path", PAGES)
def test_on_a_phone_nothing_is_wider_than_the_screen(path, folder, reader):
    opened = reader(folder / "report" / path, width=390)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    assert opened.violations() == []


def test_without_scripts_everything_is_there(folder, browser):
    opened = Reader(browser, scripts=False)
    page = opened.open(folder / "report/index.html")
    assert page.locator(".matrix tbody tr").count() > 20
    assert page.locator("form").is_hidden()
    assert opened.outside() == []


def test_the_policy_lets_nothing_in_or_out(folder, browser):
    opened = Reader(browser)
    page = opened.open(folder / "report/index.html")
    blocked = page.evaluate(
        """async () => {
            const seen = [];
            document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
            document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }));
            document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/x.png' }));
            await fetch('http://127.0.0.1:9/').catch(() => 0);
            await new Promise((done) => setTimeout(done, 100));
            return [seen.sort(), window.ran];
        }"""
    )
    assert blocked == [["connect-src", "img-src", "script-src-elem"], None]
    run_page = opened.open(folder / f"report/runs/green/{MONTH}.html")
    assert run_page.locator("script").count() == 0


def test_the_map_shows_errors_or_trips(folder, reader):
    page = reader(folder / f"report/runs/green/{MONTH}.html").page
    colours = """kind => new Set([...document.querySelectorAll(`.map path.${kind}1`)].map(
        path => getComputedStyle(path).fill)).size"""
    assert page.evaluate(colours, "e") == 1
    assert page.evaluate(colours, "t") > 1
    page.get_by_role("radio", name="trips").check()
    assert page.evaluate(colours, "t") == 1
    assert page.evaluate(colours, "e") > 1
    assert page.get_by_text("below").first.is_hidden()


def test_a_point_of_a_chart_leads_to_its_month(folder, reader):
    page = reader(folder / "report/index.html").page
    chart = page.locator("figure", has_text="Error by month").first
    link = chart.locator('a[href$="2023-07.html"] path').first
    link.scroll_into_view_if_needed()
    at = link.evaluate("path => { const box = path.getBoundingClientRect(); return [box.x, box.y + box.height / 2]; }")
    page.mouse.move(*at)
    tip = page.locator(".tip")
    assert tip.inner_text().startswith("2023-07 · challenger ")
    page.mouse.click(*at)
    page.wait_for_url("**/runs/green/2023-07.html")


@pytest.mark.parametrize("width", [1280, 390])
def test_why_it_was_built_is_not_cut(width, folder, reader):
    page = reader(folder / f"report/runs/green/{MONTH}.html", width=width).page
    table = page.get_by_label("Table: Why it was built")
    assert table.locator("tbody tr").first.inner_text().split("\t")[1:] == [
        "first built",
        "train, evaluate, track, compare, promote, score, drift, evidence",
    ]
    assert table.evaluate("table => table.scrollWidth - table.clientWidth") <= 0


# A reader's questions, each with what to click (at most twice) and what then stands there.
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
    ("what became of the rows of a month", ["2023-08", "data month"], "dropped: duration above max"),
    ("where is its run in MLflow", ["2023-08"], "MLflow run"),
    ("when was it built, and why", ["2023-08"], "2023-08-17 05:17 UTC"),
]


@pytest.mark.parametrize(("question", "clicks", "answer"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
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
    report.build(Settings((), CONFIG | {"services": ["green"], "history": {"closed_before": None}}))
    failed = reader(tmp_path / "report/index.html", scheme=scheme, width=390)
    assert failed.page.locator(".matrix td.f").count() > 50
    assert "make room" in failed.page.locator(".needs").inner_text()
    assert failed.violations() == []
    assert failed.page.evaluate("document.documentElement.scrollWidth") == 390


def test_it_prints(folder, reader, tmp_path):
    page = reader(folder / "report/index.html").page
    page.emulate_media(media="print")
    assert page.locator("form").is_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('.box')).overflow") == "visible"
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000


def test_snakemakes_own_report_has_labels_and_opens_without_a_network(built, browser, tmp_path):
    clone = Clone(tmp_path / "clone", like=built)
    ended = clone.snakemake("--report", "own.html")
    assert ended.returncode == 0, ended.stderr[-2000:]
    opened = Reader(browser)
    page = opened.open(clone.path("own.html"))
    page.get_by_text("Champion", exact=True).first.click()
    page.get_by_text("green", exact=True).first.click()
    shown = page.locator("body").inner_text()
    assert MONTH in shown
    assert "who serves and why" in shown
    assert opened.outside() == []
