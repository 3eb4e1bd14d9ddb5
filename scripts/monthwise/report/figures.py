"""Charts of one month as SVG text; like those over months (charts.py), with a table behind each."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from .charts import BOTTOM, n, say, svg, ticks


def dots(rows: Mapping[str, Mapping[str, float]], series: Sequence[str], unit: str) -> Markup:
    """Return one line for each row, with a mark for each of the `series` (classes) that it has."""
    known = [value for row in rows.values() for value in row.values()]
    low, high = 0.0, max(known, default=1.0) or 1.0
    wide, tall, left = 420, 16, 96
    height = tall * len(rows) + BOTTOM + 4

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (wide - left - 12)

    parts = []
    for tick in ticks(low, high):
        parts.append(f'<path class="grid" d="M{n(x(tick))} 2V{height - BOTTOM}"/>')
        label = f"{tick:g}{' ' + unit if tick == 0 else ''}"
        parts.append(f'<text class="tick" text-anchor="middle" x="{n(x(tick))}" y="{height - 6}">{label}</text>')
    for index, (name, row) in enumerate(rows.items()):
        y = index * tall + 10
        parts.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{y + 4}">{escape(name)}</text>')
        there = [x(row[each]) for each in series if each in row]
        if there:
            parts.append(f'<path class="span" d="M{n(min(there))} {y}H{n(max(there))}"/>')
        parts += [_mark(each, x(row[each]), y) for each in series if each in row]
    return svg(wide, height, "".join(parts), "chart")


def _mark(name: str, x: float, y: float) -> str:
    if name == "champion":
        return f'<path class="dot {name}" d="M{n(x)} {n(y - 4.5)}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>'
    return f'<circle class="dot {name}" cx="{n(x)}" cy="{n(y)}" r="3.5"/>'


def bars(rows: Mapping[str, float], lines: Mapping[str, float], strong: Iterable[str] = ()) -> Markup:
    """Return a bar for each row, those in `strong` in another colour, and upright lines by class."""
    wide, tall, left, strong = 420, 18, 108, set(strong)
    high = max([*rows.values(), *lines.values(), 1e-9]) * 1.12
    height = tall * len(rows) + 6

    def x(value: float) -> float:
        return left + min(value / high, 1) * (wide - left - 8)

    parts = []
    for index, (name, value) in enumerate(rows.items()):
        y = index * tall + 3
        kind = "strong" if name in strong else "plain"
        parts.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{y + 11}">{escape(name)}</text>')
        parts.append(f'<path class="fill {kind}" d="M{left} {y}H{n(x(value))}v{tall - 5}H{left}z"/>')
        parts.append(f'<text class="value" x="{n(x(value) + 4)}" y="{y + 11}">{say(value)}</text>')
    parts += [f'<path class="mark {name}" d="M{n(x(value))} 0V{height}"/>' for name, value in lines.items()]
    return svg(wide, height, "".join(parts), "chart")


def interval(value: float, low: float, high: float, margin: float | None) -> Markup:
    """Return a relative difference with its interval, beside 0 and the margin that it has to reach."""
    wide, height = 420, 52
    known = [value, low, high, 0.0, margin or 0.0]
    pad = (max(known) - min(known) or 0.01) * 0.12
    first, last = min(known) - pad, max(known) + pad

    def x(share: float) -> float:
        return 10 + (share - first) / (last - first) * (wide - 20)

    parts = [f'<path class="axis" d="M{n(x(0))} 4V34"/>']
    for tick in ticks(first, last, 5):
        parts.append(f'<text class="tick" text-anchor="middle" x="{n(x(tick))}" y="48">{tick * 100:g}%</text>')
    if margin is not None:
        parts.append(f'<path class="mark bound" d="M{n(x(margin))} 4V34"/>')
    parts.append(f'<path class="whisker" d="M{n(x(low))} 19H{n(x(high))}M{n(x(low))} 14v10M{n(x(high))} 14v10"/>')
    parts.append(f'<circle class="dot champion" cx="{n(x(value))}" cy="19" r="5"/>')
    return svg(wide, height, "".join(parts), "chart")


def histogram(first: float, width: float, shares: Sequence[float], usual: Sequence[float] | None) -> Markup:
    """Return the shares of bins as bars, with the `usual` ones as a line over them."""
    wide, height, left = 268, 112, 34
    high = max([*shares, *(usual or ()), 1e-9])
    step = (wide - left - 6) / max(len(shares), 1)

    def y(share: float) -> float:
        return height - BOTTOM - share / high * (height - BOTTOM - 8)

    parts = [
        f'<path class="grid" d="M{left} {n(y(tick))}H{wide - 6}"/>'
        f'<text class="tick" text-anchor="end" x="{left - 4}" y="{n(y(tick))}" dy="4">{tick * 100:g}%</text>'
        for tick in ticks(0, high, 3)
    ]
    path = "".join(
        f"M{n(left + index * step)} {n(y(0))}V{n(y(share))}h{n(step * 0.88)}V{n(y(0))}z"
        for index, share in enumerate(shares)
        if share
    )
    parts.append(f'<path class="fill plain" d="{path}"/>')
    if usual:
        corners = "".join(f"H{n(left + index * step)}V{n(y(share))}" for index, share in enumerate(usual))
        parts.append(f'<path class="line usual" d="M{left} {n(y(usual[0]))}{corners}h{n(step)}"/>')
    last = first + width * len(shares)
    for tick in ticks(first, last, 5):
        x = left + (tick - first) / width * step
        parts.append(f'<text class="tick" text-anchor="middle" x="{n(x)}" y="{height - 6}">{tick:g}</text>')
    return svg(wide, height, "".join(parts), "chart")


def square(counts: Sequence[Sequence[float]], width_min: float) -> Markup:
    """Return predicted (up) against real (along) minutes: darker where more trips are, by powers of four."""
    size, left = 268, 30
    each = (size - left - 8) / max(len(counts), 1)
    most = max((count for row in counts for count in row), default=0)
    kinds: dict[int, list[str]] = {}
    for up, row in enumerate(counts):
        shades = [max(5 - int(math.log(most / count, 4)), 1) if count > 0 else 0 for count in row]
        along = 0
        for kind, cells in itertools.groupby(shades):
            wide = len(list(cells))
            if kind:
                kinds.setdefault(kind, []).append(f"M{along} {up}h{wide}v1h-{wide}z")
            along += wide
    cells = "".join(f'<path class="q{kind}" d="{"".join(found)}"/>' for kind, found in sorted(kinds.items()))
    parts = [f'<g transform="translate({left} {size - BOTTOM}) scale({each:.3f} {-each:.3f})">{cells}</g>']
    high, base = len(counts) * width_min, size - BOTTOM
    parts.append(
        f'<path class="axis" d="M{left} {base}L{n(left + len(counts) * each)} {n(base - len(counts) * each)}"/>'
    )
    for tick in ticks(0, high, 5):
        along = tick / width_min * each
        parts.append(f'<text class="tick" text-anchor="middle" x="{n(left + along)}" y="{size - 6}">{tick:g}</text>')
        parts.append(
            f'<text class="tick" text-anchor="end" x="{left - 4}" y="{n(base - along)}" dy="4">{tick:g}</text>'
        )
    return svg(size, size, "".join(parts), "chart square")


def gantt(rows: Sequence[tuple[str, float, float, str]]) -> Markup:
    """Return a bar for each of (name, start, end, label), times in seconds."""
    wide, tall, left = 640, 18, 84
    first, last = min((row[1] for row in rows), default=0), max((row[2] for row in rows), default=1)
    height = tall * len(rows) + BOTTOM

    def x(second: float) -> float:
        return left + (second - first) / max(last - first, 1e-9) * (wide - left - 120)

    parts = []
    for tick in ticks(0, last - first, 5):
        at = n(x(first + tick))
        parts.append(f'<path class="grid" d="M{at} 0V{height - BOTTOM}"/>')
        parts.append(f'<text class="tick" text-anchor="middle" x="{at}" y="{height - 6}">{tick:g} s</text>')
    for index, (name, start, end, label) in enumerate(rows):
        y = index * tall + 2
        long = max(x(end) - x(start), 1.5)
        parts.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{y + 11}">{escape(name)}</text>')
        parts.append(f'<path class="fill plain" d="M{n(x(start))} {y}h{n(long)}v{tall - 4}h-{n(long)}z"/>')
        parts.append(f'<text class="value" x="{n(x(start) + long + 5)}" y="{y + 11}">{escape(label)}</text>')
    return svg(wide, height, "".join(parts), "chart")
