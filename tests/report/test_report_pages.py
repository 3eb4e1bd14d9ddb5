"""The report as its readers see it, in a real Chromium: states, filters, links, keyboard, both schemes, a phone."""

import json
import re

import pytest
from fixtures.report_states import FAILED, MONTH, REJECTED, STATES
from fixtures.workflow import Clone
from playwright.sync_api import expect
from servers.browser import Reader


def test_every_state_has_its_cell_in_words_with_a_symbol(folder, reader):
    page = reader(folder / "report/index.html").page
    datasets = json.loads((folder / "report/status.json").read_text())["datasets"]
    shown_states = set()
    for dataset, status in datasets.items():
        for part in ("data", "runs"):
            for month, stages in status[part].items():
                cells = page.locator(f'[id="{dataset}-{month}"] td')
                texts = cells.all_inner_texts()
                for state in {cell["state"] for cell in stages.values()}:
                    assert state in [text.strip() for text in texts], (dataset, month)
                    shown_states.add(state)
    assert shown_states == STATES
    symbols = page.evaluate(
        "[...document.querySelectorAll('.matrix td[class]:not(.num)')].map("
        " cell => [cell.innerText.trim(), getComputedStyle(cell, '::before').content.replaceAll('\"', '').trim()])"
    )
    by_state = {state: {symbol for text, symbol in symbols if text == state} for state in STATES}
    assert all(len(state_symbols) == 1 for state_symbols in by_state.values())
    assert len(set().union(*by_state.values())) == len(STATES)


def test_filters_show_what_is_asked_for_and_stand_in_the_address(folder, reader):
    page = reader(folder / "report/index.html").page
    rows = page.locator(".matrix tbody tr:visible")
    everything = rows.count()
    page.locator("select[name=state]").select_option("failed")
    assert rows.evaluate_all("rows => rows.map(row => row.id)") == [f"green-{FAILED}"]
    assert page.url.endswith("#state=failed")
    page.locator("select[name=state]").select_option("")
    page.locator("select[name=dataset]").select_option("yellow")
    page.locator("select[name=year]").select_option("2023")
    assert page.url.endswith("#dataset=yellow&year=2023")
    assert {row[:11] for row in rows.evaluate_all("rows => rows.map(row => row.id)")} == {"yellow-2023"}
    assert page.locator("output").inner_text() == f"{rows.count()} of {everything} months"
    page.get_by_role("button", name="Show all").click()
    expect(rows).to_have_count(everything)

    filtered = reader(folder / "report/index.html", "#dataset=green&year=2023&state=rejected").page
    assert filtered.locator(".matrix tbody tr:visible").evaluate_all("rows => rows.map(row => row.id)") == [
        f"green-{REJECTED}"
    ]
    assert filtered.locator("select[name=state]").input_value() == "r"


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


def test_the_map_shows_errors_or_rows(folder, reader):
    page = reader(folder / f"report/runs/green/{MONTH}.html").page
    colours = """kind => new Set([...document.querySelectorAll(`.map path.${kind}1`)].map(
        path => getComputedStyle(path).fill)).size"""
    assert page.get_by_text("By place, the live error: RMSE, min.").is_visible()
    assert re.fullmatch(r"below [\d.]+ min", page.locator(".of-errors li").first.inner_text())
    assert page.evaluate(colours, "e") == 1
    assert page.evaluate(colours, "n") > 1
    page.get_by_role("radio", name="rows").check()
    assert page.evaluate(colours, "n") == 1
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
    text = page.locator("body").inner_text()
    assert MONTH in text
    assert "the champion and why" in text
    assert opened.outside() == []
