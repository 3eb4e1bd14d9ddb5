"""What the page of a data month shows, each part from the contents of its files; a part without them is None."""

from ..base.redact import scrub
from ..data import quality_rules
from ..state.summary import number
from . import figures
from .page import UP
from .wording import known, plain


def published(shown: dict) -> dict | None:
    """Return what source.json says."""
    source = shown["source"]
    if not source:
        return None
    facts = {
        key.replace("_", " "): (plain(value) if key in ("size", "rows") else scrub(value))
        for key, value in source.items()
        if key not in ("service", "month") and isinstance(value, (str, int, float)) and value != ""
    }
    return {"facts": facts}


def row_counts(shown: dict) -> dict | None:
    """Return rows in and out, what was dropped, repaired and missing."""
    quality = shown["quality"]
    if not quality:
        return None
    rule = quality.get("rule")
    facts = {"in": plain(quality["rows_in"]), "out": plain(quality["rows_out"]), "verdict": quality["verdict"]}
    facts["rule"] = scrub(quality_rules.in_words(rule)) if rule else None
    facts["waived"] = scrub(quality["waiver"]) if quality.get("waiver") else None
    facts["duplicates kept"] = plain(quality["duplicates"])
    rows = [[f"dropped: {name.replace('_', ' ')}", plain(count)] for name, count in quality["drops"].items()]
    other = quality.get("outside_month", {}).get("months", {}).items()  # months of before lack this and the next
    rows += [[f"picked up in {month}", plain(count)] for month, count in other]
    normalised = quality.get("normalised", {}).items()
    rows += [[f"written in another way: {name.replace('_', ' ')}", plain(count)] for name, count in normalised]
    rows += [[f"made missing: {name.replace('_', ' ')}", plain(count)] for name, count in quality["repairs"].items()]
    rows += [
        [f"missing: {name.replace('_', ' ')}", f"{share:.2%}"]
        for name, share in quality["missing"].items()
        if number(share)
    ]
    return {"facts": known(facts), "head": ["what", "rows"], "rows": rows, "is_open": True}


def distributions(shown: dict) -> dict | None:
    """Return the distributions beside the mean of the months before."""
    found = (shown["quality"] or {}).get("distributions")
    if not found:
        return None
    made = []
    for name, of in found.items():
        shares = _shares(of["counts"])
        year = [
            _shares(quality["distributions"][name]["counts"])
            for quality in shown["year"].values()
            if quality and name in quality.get("distributions", {})
        ]
        year = [each for each in year if len(each) == len(shares)]
        usual = [sum(each) / len(year) for each in zip(*year, strict=True)] if year else None
        if not any(shares):
            continue
        head = ["from", "trips", *(["usual share"] if usual else [])]
        rows = [
            [f"{of['first'] + of['width'] * index:g}", f"{count:,}", *([f"{usual[index]:.1%}"] if usual else [])]
            for index, count in enumerate(of["counts"])
        ]
        svg = figures.histogram(of["first"], of["width"], shares, usual)
        caption = f"Line: the mean of {len(year)} months before." if usual else "No month before to set it beside."
        title = name.replace("_mi", ", mi").replace("_min", ", min").replace("_", " ")
        made.append({"title": title, "svg": svg, "caption": caption, "head": head, "rows": rows})
    return {"figures": made} if made else None


def _shares(counts: list) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts] if total else [0.0] * len(counts)


def readers(about: dict) -> dict | None:
    """Return the run months that read this one."""
    rows = [[(month, f"{UP}runs/{about['service']}/{month}.html")] for month in about["readers"]]
    return {"head": ["run month"], "rows": rows, "is_open": True} if rows else None
