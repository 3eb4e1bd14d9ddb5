"""The report: a static folder that shows where every month stands, from files alone, complete or not.

`build` looks at all files, draws the pages whose inputs changed, and removes those of months that are gone.
"""

import shutil
from pathlib import Path

from ..config.settings import Settings
from ..state import stage_states, summary
from ..state.artifacts import Tree
from . import month_pages, overview, watch
from .month_history import History

FOLDER = "report"


def build(settings: Settings) -> Path:
    """Bring report/ up to date; return the path of its first page."""
    folder, tree, services = Path(FOLDER), Tree(), settings.services
    told = summary.standing(settings, services, stage_states.look(), tree)
    history = History(settings, services, told)
    kept = set()
    for service in services:
        for pages in (month_pages.run_pages, month_pages.data_pages):
            kept |= pages(folder, settings, service, told["services"][service], history, tree)
    overview.draw(folder, told, history)
    watch.write(folder, told)
    _remove_others(folder, kept)
    return folder / "index.html"


def _remove_others(folder: Path, kept: set[Path]) -> None:
    for part in ("runs", "data"):
        for place in (folder / part).glob("*"):
            if not any(page.parent == place for page in kept):
                shutil.rmtree(place, ignore_errors=True)
        for page in (folder / part).glob("*/*.html"):
            if page not in kept:
                page.unlink(missing_ok=True)
