"""The parts of the page of a data month, made from the contents of its files; a part is None if they are missing."""

from collections.abc import Sequence

from ..base.redact import scrub
from ..data import quality_rules
from ..state.summary import number
from . import figures
from .page import UP
from .parts import Figure, Part, Row, Shown
from .wording import known, plain


def published(shown: Shown) -> Part | None:
    """Return the facts of source.json."""
    source = shown["source"]
    if not source:
        return None
    facts = {
        key.replace("_", " "): (plain(value) if key in ("size", "rows") else scrub(value))
        for key, value in source.items()
        if key not in ("dataset", "month") and isinstance(value, (str, int, float)) and value != ""
    }
    return Part(facts=facts)


def row_counts(shown: Shown) -> Part | None:
    """Return the numbers of rows in and out, and of dropped, repaired and missing values."""
    quality = shown["quality"]
    if not quality:
        return None
    rule = quality.get("rule")
    facts: dict[str, object] = {"in": plain(quality["rows_in"]), "out": plain(quality["rows_out"])}
    facts["verdict"] = quality["verdict"]
    facts["rule"] = scrub(quality_rules.in_words(rule)) if rule else None
    facts["waived"] = scrub(quality["waiver"]) if quality.get("waiver") else None
    facts["duplicates kept"] = plain(quality["duplicates"])
    rows: list[Row] = [[f"dropped: {name.replace('_', ' ')}", plain(count)] for name, count in quality["drops"].items()]
    # Older files lack this key and the next one.
    other_months = quality.get("outside_month", {}).get("months", {}).items()
    rows += [[f"of {month}", plain(count)] for month, count in other_months]
    normalised_counts = quality.get("normalised", {}).items()
    rows += [[f"written in another way: {name.replace('_', ' ')}", plain(count)] for name, count in normalised_counts]
    rows += [[f"made missing: {name.replace('_', ' ')}", plain(count)] for name, count in quality["repairs"].items()]
    rows += [
        [f"missing: {name.replace('_', ' ')}", f"{share:.2%}"]
        for name, share in quality["missing"].items()
        if number(share)
    ]
    return Part(facts=known(facts), head=["what", "rows"], rows=rows, is_open=True)


def distributions(shown: Shown) -> Part | None:
    """Return the distributions, each with the mean of the preceding months."""
    histograms = (shown["quality"] or {}).get("distributions")
    if not histograms:
        return None
    figure_list = []
    for name, histogram in histograms.items():
        shares = _shares(histogram["counts"])
        year = [
            _shares(quality["distributions"][name]["counts"])
            for quality in shown["year"].values()
            if quality and name in quality.get("distributions", {})
        ]
        year = [month_shares for month_shares in year if len(month_shares) == len(shares)]
        usual = [sum(bin_shares) / len(year) for bin_shares in zip(*year, strict=True)] if year else None
        if not any(shares):
            continue
        head = ["from", "rows", *(["usual share"] if usual else [])]
        rows = [
            [
                f"{histogram['first'] + histogram['width'] * index:g}",
                f"{count:,}",
                *([f"{usual[index]:.1%}"] if usual else []),
            ]
            for index, count in enumerate(histogram["counts"])
        ]
        svg = figures.histogram(histogram["first"], histogram["width"], shares, usual)
        caption = f"Line: the mean of {len(year)} months before." if usual else "No month before to set it beside."
        title = name.replace("_", " ")
        figure_list.append(Figure(title, caption, svg, head, rows))
    return Part(figures=figure_list) if figure_list else None


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts] if total else [0.0] * len(counts)


def readers(dataset: str, run_months: Sequence[str]) -> Part | None:
    """Return the run months that read this data month."""
    rows = [[(month, f"{UP}runs/{dataset}/{month}.html")] for month in run_months]
    return Part(head=["run month"], rows=rows, is_open=True) if rows else None
