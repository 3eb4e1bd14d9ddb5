"""The report: a static folder with the state of every month, read from files alone, even if they are incomplete.

`build` checks all files, draws the pages whose inputs changed, and removes the pages of months that no longer exist.
"""

import shutil
from pathlib import Path

from ..config.settings import Settings
from ..state import stage_states, summary
from ..state.artifacts import Tree
from ..workflow.calendar import Calendars
from . import month_pages, overview, watch
from .month_history import History

FOLDER = "report"


def build(settings: Settings) -> Path:
    """Update report/; return the path of its index page."""
    folder, tree, calendars = Path(FOLDER), Tree(), Calendars(settings)
    report_status = summary.status(calendars, settings.datasets, stage_states.read_plan(), tree)
    history = History(settings.datasets)
    current_pages = set()
    for calendar in calendars.of_call():
        dataset_status = report_status["datasets"][calendar.dataset]
        for draw_pages in (month_pages.run_pages, month_pages.data_pages):
            current_pages |= draw_pages(folder, calendar, dataset_status, history, tree)
    overview.draw(folder, report_status, history)
    watch.write(folder, report_status)
    _remove_others(folder, current_pages)
    return folder / "index.html"


def _remove_others(folder: Path, current_pages: set[Path]) -> None:
    for part in ("runs", "data"):
        for dataset_folder in (folder / part).glob("*"):
            if not any(page.parent == dataset_folder for page in current_pages):
                shutil.rmtree(dataset_folder, ignore_errors=True)
        for page in (folder / part).glob("*/*.html"):
            if page not in current_pages:
                page.unlink(missing_ok=True)
