"""A long history made of files: every month is a copy of a built one, with numbers of its own. Nothing is empty."""

import hashlib
import json
import math
import os
import re
from pathlib import Path

from monthwise.base import files, months
from monthwise.workflow import stages

REIGN = 7  # months


def make(folder: Path, built: Path, like: str, services: list[str], first: str, last: str) -> None:
    """Write run months `first` to `last` and the data months they read, as copies of green's month `like` in `built`.

    That month is decided, compared and scored. Large files are links.
    """
    calls = []
    for number, service in enumerate(services):
        copied = _Copied(folder, built, like, service, number)
        for month in months.span(months.shift(first, -2), last):
            copied.data(month)
        for month in months.span(first, last):
            copied.run(month, first)
            why = {f"{stage} {service} {month}": "missing" for stage in stages.RUN}
            start = f"{month}-17T05:17:00Z"
            calls.append({"start": start, "end": start, "code": 0, "command": "run", "line": "built", "reason": why})
    history = folder / "history"
    history.mkdir(parents=True, exist_ok=True)
    calls.sort(key=lambda call: call["start"])
    (history / "runs.jsonl").write_text("".join(json.dumps(call) + "\n" for call in calls))


class _Copied:
    def __init__(self, folder: Path, built: Path, like: str, service: str, number: int):
        self.folder, self.built, self.like, self.service, self.number = folder, built, like, service, number
        self.hashes: dict[str, str] = {}

    def data(self, month: str) -> None:
        wave = 1 + 0.2 * math.sin(int(month[5:]) / 2 + self.number)
        self._copy("data", month, wave)
        self._jobs(stages.DATA, month, wave)

    def run(self, month: str, first: str) -> None:
        age = len(months.span(first, month)) - 1
        wave = 1 + 0.1 * math.sin(age / 3 + self.number)
        reign = months.shift(month, -(age % REIGN))
        self._copy("runs", month, wave, reign)
        self._jobs(stages.RUN, month, wave)

    def _copy(self, part: str, month: str, wave: float, reign: str = "") -> None:
        place = self.folder / part / self.service / month
        place.mkdir(parents=True)
        evidence = None
        for path in sorted((self.built / part / "green" / self.like).iterdir()):
            name = f"{part}/{self.service}/{month}/{path.name}"
            if path.suffix != ".json" or path.name.startswith("."):
                os.link(path, place / path.name)
                continue
            text = self._moved(path.read_text(), month).replace('"green"', f'"{self.service}"')
            content = json.loads(text)
            if path.name == "evidence.json":
                evidence = content
                continue
            _wave(content, wave)
            if path.name == "champion.json":
                content |= {"since": reign, "champion": content["champion"] | {"month": reign}}
                content["decision"] = "promoted" if reign == month else "kept"
            files.write_json(place / path.name, content)
            self.hashes[name] = hashlib.sha256((place / path.name).read_bytes()).hexdigest()
        if evidence:
            known = [name for name in self.hashes if re.search(f"/{month}/", name)]
            evidence["files"] = {name: self.hashes[name] for name in known}
            evidence["provenance"]["models"] = {}
            evidence["provenance"]["tracking"] = json.loads((place / "tracking.json").read_text())
            files.write_json(place / "evidence.json", evidence)

    def _moved(self, text: str, month: str) -> str:
        """Return a text in which another month takes the place of `like`, and those before it of those before."""
        moved = {months.shift(self.like, -age): months.shift(month, -age) for age in range(3)}
        return re.sub(r"\d{4}-\d\d", lambda found: moved.get(found[0], found[0]), text)

    def _jobs(self, names: tuple[str, ...], month: str, wave: float) -> None:
        for stage in names:
            log = self.folder / f"logs/{stage}/{self.service}/{month}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(f"exit 0: {self.service} {month}: done\n")
            took = self.folder / f"benchmarks/{stage}/{self.service}/{month}.tsv"
            took.parent.mkdir(parents=True, exist_ok=True)
            took.write_text(f"s\tmax_rss\n{(1 + stages.RUN.index('train')) * wave:.4f}\t{200 * wave:.2f}\n")


def _wave(content: dict, wave: float) -> None:
    """Change the numbers that charts show, in place."""
    for key, value in content.items():
        if key.endswith("rmse_min") or key in ("rows_in", "rows_out", "ratio"):
            content[key] = type(value)(value * wave)
        elif key == "ranked":
            for each in value:
                _wave(each, wave**8)
        elif key in ("drops", "compared") and value:
            for name, count in value.items():
                value[name] = int(count * wave**4) if key == "drops" else count
