"""Charts of one month as SVG text; like the charts over months (charts.py), each has a table behind it."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from .charts import BOTTOM, n, say, short, svg, ticks


def dots(rows: Mapping[str, Mapping[str, float]], series: Sequence[str], unit: str) -> Markup:
    """Return a dot plot: one line per row, with a mark for each of the `series` (classes) in the row."""
    values = [value for row in rows.values() for value in row.values()]
    low, high = 0.0, max(values, default=1.0) or 1.0
    chart_width, row_height, left = 420, 16, 96
    height = row_height * len(rows) + BOTTOM + 4

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (chart_width - left - 12)

    parts = []
    for tick in ticks(low, high):
        parts.append(f'<path class="grid" d="M{n(x(tick))} 2V{height - BOTTOM}"/>')
        label = f"{tick:g}{' ' + unit if tick == 0 else ''}"
        parts.append(f'<text class="tick" text-anchor="middle" x="{n(x(tick))}" y="{height - 6}">{label}</text>')
    for index, (name, row) in enumerate(rows.items()):
        y = index * row_height + 10
        parts.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{y + 4}">{short(name, 14)}</text>')
        positions = [x(row[key]) for key in series if key in row]
        if positions:
            parts.append(f'<path class="span" d="M{n(min(positions))} {y}H{n(max(positions))}"/>')
        parts += [_mark(key, x(row[key]), y) for key in series if key in row]
    return svg(chart_width, height, "".join(parts), "chart")


def _mark(name: str, x: float, y: float) -> str:
    if name == "champion":
        return f'<path class="dot {name}" d="M{n(x)} {n(y - 4.5)}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>'
    return f'<circle class="dot {name}" cx="{n(x)}" cy="{n(y)}" r="3.5"/>'


def bars(rows: Mapping[str, float], lines: Mapping[str, float], strong: Iterable[str] = ()) -> Markup:
    """Return a bar for each row, in another colour if it is in `strong`, and vertical `lines` by class."""
    chart_width, row_height, left, strong = 420, 18, 108, set(strong)
    high = max([*rows.values(), *lines.values(), 1e-9]) * 1.12
    height = row_height * len(rows) + 6

    def x(value: float) -> float:
        return left + min(value / high, 1) * (chart_width - left - 8)

    parts = []
    for index, (name, value) in enumerate(rows.items()):
        y = index * row_height + 3
        kind = "strong" if name in strong else "plain"
        parts.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{y + 11}">{short(name)}</text>')
        parts.append(f'<path class="fill {kind}" d="M{left} {y}H{n(x(value))}v{row_height - 5}H{left}z"/>')
        parts.append(f'<text class="value" x="{n(x(value) + 4)}" y="{y + 11}">{say(value)}</text>')
    parts += [f'<path class="mark {name}" d="M{n(x(value))} 0V{height}"/>' for name, value in lines.items()]
    return svg(chart_width, height, "".join(parts), "chart")


def interval(value: float, low: float, high: float, margin: float | None) -> Markup:
    """Return a chart of a relative difference and its interval, with marks at 0 and at the required margin."""
    chart_width, height = 420, 52
    values = [value, low, high, 0.0, margin or 0.0]
    pad = (max(values) - min(values) or 0.01) * 0.12
    first, last = min(values) - pad, max(values) + pad

    def x(share: float) -> float:
        return 10 + (share - first) / (last - first) * (chart_width - 20)

    parts = [f'<path class="axis" d="M{n(x(0))} 4V34"/>']
    for tick in ticks(first, last, 5):
        parts.append(f'<text class="tick" text-anchor="middle" x="{n(x(tick))}" y="48">{tick * 100:g}%</text>')
    if margin is not None:
        parts.append(f'<path class="mark bound" d="M{n(x(margin))} 4V34"/>')
    parts.append(f'<path class="whisker" d="M{n(x(low))} 19H{n(x(high))}M{n(x(low))} 14v10M{n(x(high))} 14v10"/>')
    parts.append(f'<circle class="dot champion" cx="{n(x(value))}" cy="19" r="5"/>')
    return svg(chart_width, height, "".join(parts), "chart")


def histogram(first: float, width: float, shares: Sequence[float], usual: Sequence[float] | None) -> Markup:
    """Return a histogram: shares of bins as bars, and the `usual` shares as a line over them."""
    chart_width, height, left = 268, 112, 34
    high = max([*shares, *(usual or ()), 1e-9])
    step = (chart_width - left - 6) / max(len(shares), 1)

    def y(share: float) -> float:
        return height - BOTTOM - share / high * (height - BOTTOM - 8)

    parts = [
        f'<path class="grid" d="M{left} {n(y(tick))}H{chart_width - 6}"/>'
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
    return svg(chart_width, height, "".join(parts), "chart")


def square(counts: Sequence[Sequence[float]], width: float, first: float) -> Markup:
    """Return a chart of predicted (y) against actual (x) targets: each darker shade means four times as many rows."""
    size, left = 268, 34
    cell = (size - left - 8) / max(len(counts), 1)
    max_count = max((count for row in counts for count in row), default=0)
    paths_by_shade: dict[int, list[str]] = {}
    for row_index, row in enumerate(counts):
        shades = [max(5 - int(math.log(max_count / count, 4)), 1) if count > 0 else 0 for count in row]
        offset = 0
        for shade, cells in itertools.groupby(shades):
            run_length = len(list(cells))
            if shade:
                paths_by_shade.setdefault(shade, []).append(f"M{offset} {row_index}h{run_length}v1h-{run_length}z")
            offset += run_length
    shapes = "".join(
        f'<path class="q{shade}" d="{"".join(paths)}"/>' for shade, paths in sorted(paths_by_shade.items())
    )
    inside = f'<g transform="translate({left} {size - BOTTOM}) scale({cell:.3f} {-cell:.3f})">{shapes}</g>'
    return _on_a_diagonal(inside, size, left, first, first + len(counts) * width)


def reliability(points: Sequence[tuple[float, float, int]]) -> Markup:
    """Return a chart of predicted probabilities (y) against actual shares (x), with a dot for each bin of rows."""
    size, left = 268, 34
    length = size - left - 8
    most = max((rows for _, _, rows in points), default=1)
    dots = [
        f'<circle class="dot champion" cx="{n(left + actual * length)}" cy="{n(size - BOTTOM - predicted * length)}"'
        f' r="{2 + 5 * math.sqrt(rows / most):.1f}"/>'
        for predicted, actual, rows in points
    ]
    return _on_a_diagonal("".join(dots), size, left, 0, 1)


def _on_a_diagonal(inside: str, size: int, left: int, first: float, last: float) -> Markup:
    """Return a square chart with the same axis, from `first` to `last`, in both directions."""
    length, base = size - left - 8, size - BOTTOM
    parts = [inside, f'<path class="axis" d="M{left} {base}L{left + length} {base - length}"/>']
    for tick in ticks(first, last, 5):
        distance = (tick - first) / (last - first) * length
        parts.append(f'<text class="tick" text-anchor="middle" x="{n(left + distance)}" y="{size - 6}">{tick:g}</text>')
        parts.append(
            f'<text class="tick" text-anchor="end" x="{left - 4}" y="{n(base - distance)}" dy="4">{tick:g}</text>'
        )
    return svg(size, size, "".join(parts), "chart square")


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Markup:
    """Return a matrix of predicted (down) by actual classes (across); the shade is the share of the actual class."""
    size = len(classes)
    left, top, cell = 96, 20, max(min(44, 220 // max(size, 1)), 14)
    totals = [max(sum(row[code] for row in counts), 1) for code in range(size)]
    parts = []
    for down, name in enumerate(classes):
        middle = top + down * cell + cell / 2
        parts.append(
            f'<text class="tick" text-anchor="end" x="{left - 6}" y="{n(middle)}" dy="4">{short(name, 14)}</text>'
        )
        x = n(left + down * cell + cell / 2)
        parts.append(f'<text class="tick" text-anchor="middle" x="{x}" y="{top - 6}">{short(name, cell // 7)}</text>')
        for across in range(size):
            share = counts[down][across] / totals[across]
            shade = min(int(share * 5) + 1, 5) if counts[down][across] else 0
            place = f'x="{left + across * cell}" y="{top + down * cell}" width="{cell - 1}" height="{cell - 1}"'
            parts.append(f'<rect class="{f"q{shade}" if shade else "none"}" {place}><title>{share:.1%}</title></rect>')
    return svg(left + size * cell + 8, top + size * cell + 8, "".join(parts), "chart")


def gantt(rows: Sequence[tuple[str, float, float, str]]) -> Markup:
    """Return a Gantt chart with a bar for each (name, start, end, label); times are in seconds."""
    chart_width, row_height, left = 640, 18, 84
    first, last = min((row[1] for row in rows), default=0), max((row[2] for row in rows), default=1)
    height = row_height * len(rows) + BOTTOM

    def x(second: float) -> float:
        return left + (second - first) / max(last - first, 1e-9) * (chart_width - left - 120)

    parts = []
    for tick in ticks(0, last - first, 5):
        tick_x = n(x(first + tick))
        parts.append(f'<path class="grid" d="M{tick_x} 0V{height - BOTTOM}"/>')
        parts.append(f'<text class="tick" text-anchor="middle" x="{tick_x}" y="{height - 6}">{tick:g} s</text>')
    for index, (name, start, end, label) in enumerate(rows):
        y = index * row_height + 2
        bar_width = max(x(end) - x(start), 1.5)
        parts.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{y + 11}">{escape(name)}</text>')
        parts.append(
            f'<path class="fill plain" d="M{n(x(start))} {y}h{n(bar_width)}v{row_height - 4}h-{n(bar_width)}z"/>'
        )
        parts.append(f'<text class="value" x="{n(x(start) + bar_width + 5)}" y="{y + 11}">{escape(label)}</text>')
    return svg(chart_width, height, "".join(parts), "chart")
