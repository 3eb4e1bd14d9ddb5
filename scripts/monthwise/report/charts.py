"""Charts as SVG text, drawn when the page is written, without script or network. Colours are classes of style.css.

Charts over months link every month to its page. They are hidden from screen readers: the caption describes a chart,
and the table behind it has the numbers. A Python plotting library takes 50 ms or more per chart; a history of 15 years
and four datasets has thousands of charts.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

from ..base.rounding import round_up

WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 20
WIDEST_MONTH = 88
Values = Sequence[float | None]


def n(value: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def say(value: float) -> str:
    """Format a number with three significant digits, from 100 on without decimals."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(2 - math.floor(math.log10(abs(value))), 0)}f}"


def short(text: str, length: int = 16) -> Markup:
    """Return text for a label, cut to `length` characters; the table behind a chart has the whole text."""
    return escape(text if len(text) <= length else text[: length - 1] + "…")


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return about `count` round numbers from `low` to `high`."""
    step = round_up(max(high - low, 1e-9) / count)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def of_tick(value: float) -> str:
    """Return the label of an axis tick."""
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= bound:
            return f"{value / (1e3 if unit == 'k' else bound):g} {unit}"
    return f"{value:g}"


class Months:
    """Chart frame with months on the x axis and numbers from `low` to `high` on the y axis."""

    def __init__(self, months: Sequence[str], low: float, high: float, unit: str = "", height: int = HEIGHT):
        self.months, self.low, self.height = months, low, height
        self.high = high if high > low else low + 1
        self.step = min((WIDTH - LEFT - RIGHT) / max(len(months), 1), WIDEST_MONTH)
        self.parts: list[str] = []
        for tick in ticks(self.low, self.high):
            y = n(self.y(tick))
            self.parts.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
            self.parts.append(
                f'<text class="tick" text-anchor="end" x="{LEFT - 5}" y="{y}" dy="4">{of_tick(tick)}</text>'
            )
        if unit:
            self.parts.append(f'<text class="tick" x="2" y="{TOP - 1}">{escape(unit)}</text>')
        self._name_months()

    def x(self, index: float) -> float:
        """Return the x coordinate of the middle of a month."""
        return LEFT + (index + 0.5) * self.step

    def y(self, value: float) -> float:
        """Return the y coordinate of a value; values out of range are drawn at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def _name_months(self) -> None:
        label_step = math.ceil(46 / self.step)
        is_yearly = label_step > 6
        for index, month in enumerate(self.months):
            if is_yearly and not month.endswith("-01"):
                continue
            if (int(month[:4]) % max(round(label_step / 12), 1) if is_yearly else index % label_step) == 0:
                label = month[:4] if is_yearly else month
                x = n(self.x(index))
                self.parts.append(
                    f'<text class="tick" text-anchor="middle" x="{x}" y="{self.height - 6}">{label}</text>'
                )

    def bands(self, names: Sequence[str | None]) -> None:
        """Shade spans of equal names in alternating colours, and label each span that is wide enough."""
        begin, is_odd = 0, False
        for index in range(1, len(names) + 1):
            if index < len(names) and names[index] == names[begin]:
                continue
            if names[begin] is not None:
                left, span_width = LEFT + begin * self.step, (index - begin) * self.step
                shape = f'x="{n(left)}" y="{TOP}" width="{n(span_width)}" height="{self.height - TOP - BOTTOM}"'
                self.parts.append(f'<rect class="band{" odd" if is_odd else ""}" {shape}/>')
                if span_width > 6 * len(str(names[begin])) + 4:
                    x, y = n(left + 3), self.height - BOTTOM - 4
                    self.parts.append(f'<text class="tick" x="{x}" y="{y}">{escape(names[begin])}</text>')
                is_odd = not is_odd
            begin = index

    def line(self, name: str, values: Values, dots: bool = False) -> None:
        """Draw a line through the known values, with a gap at each unknown one."""
        path, is_pen_down = [], False
        for index, value in enumerate(values):
            if value is not None:
                path.append(f"{'L' if is_pen_down else 'M'}{n(self.x(index))} {n(self.y(value))}")
            is_pen_down = value is not None
        self.parts.append(f'<path class="line {name}" d="{"".join(path)}"/>')
        if dots or self.step > 12:
            points = [(n(self.x(i)), n(self.y(v))) for i, v in enumerate(values) if v is not None]
            radius = 2.5 if self.step > 8 else 1.5
            circles = "".join(
                f"M{x} {y}m-{radius} 0a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 -{2 * radius} 0"
                for x, y in points
            )
            self.parts.append(f'<path class="dot {name}" d="{circles}"/>')

    def stacks(self, layers: Mapping[str, Values]) -> None:
        """Draw stacked bars, one class per layer; an unknown value is 0."""
        base = [0.0] * len(self.months)
        bar_width = max(self.step * 0.8, self.step - 3)
        for name, values in layers.items():
            path = []
            for index, value in enumerate(values):
                if value:
                    bottom, top = self.y(base[index]), self.y(base[index] + value)
                    base[index] += value
                    path.append(f"M{n(self.x(index) - bar_width / 2)} {n(bottom)}V{n(top)}h{n(bar_width)}V{n(bottom)}z")
            self.parts.append(f'<path class="fill {name}" d="{"".join(path)}"/>')

    def links(self, link: Callable[[str], str | None], bottom: float) -> None:
        """Add a link to each month that has a page: a vertical line as wide as the month."""
        anchors = [
            f'<a href={page} tabindex=-1><path d="M{n(self.x(index))} {TOP}V{bottom}"/></a>'
            for index, month in enumerate(self.months)
            if (page := link(month))
        ]
        self.parts.append(f'<g class="links" stroke-width="{self.step:.2f}">{"".join(anchors)}</g>')

    def svg(self, link: Callable[[str], str | None]) -> Markup:
        """Return the chart, with a link over the whole height of each month."""
        self.links(link, self.height - BOTTOM)
        return svg(WIDTH, self.height, "".join(self.parts), "chart months")


def svg(width: float, height: float, inside: str, name: str) -> Markup:
    """Return an SVG element that screen readers ignore."""
    return Markup(
        f'<svg class="{name}" viewBox="0 0 {n(width)} {n(height)}" width="{n(width)}" height="{n(height)}"'
        f' aria-hidden="true" focusable="false">{inside}</svg>'
    )


def heat(
    months: Sequence[str], rows: Mapping[str, Values], bounds: Sequence[float], link: Callable[[str], str | None]
) -> Markup:
    """Return a heat map of rows by months; class h0, h1, ... of a cell is the number of `bounds` its value reaches."""
    row_height = 15
    height = TOP + BOTTOM + row_height * max(len(rows), 1)
    left = 108
    step = min((WIDTH - left - RIGHT) / max(len(months), 1), WIDEST_MONTH)
    frame = Months(months, 0, 1, height=height)
    frame.parts, frame.step = [], step
    cell_width = n(max(step - 1, step * 0.85))
    cells_by_level: dict[int, list[str]] = {}
    for row, (name, values) in enumerate(rows.items()):
        y = TOP + row * row_height
        frame.parts.append(f'<text class="tick" text-anchor="end" x="{left - 6}" y="{y + 11}">{short(name)}</text>')
        for index, value in enumerate(values):
            if value is not None:
                level = sum(value >= bound for bound in bounds)
                cells_by_level.setdefault(level, []).append(
                    f"M{n(left + index * step)} {y}h{cell_width}v{row_height - 1}h-{cell_width}z"
                )
    frame.parts += [f'<path class="h{level}" d="{"".join(cells)}"/>' for level, cells in sorted(cells_by_level.items())]
    frame.parts.append(f'<g transform="translate({left - LEFT})">')
    frame._name_months()
    frame.links(link, height - BOTTOM)
    return svg(WIDTH, height, "".join(frame.parts) + "</g>", "chart months")
