"""Charts as SVG text, drawn when the page is written: no script, no network. Colours are classes of style.css.

Charts over months link every month to its page. They are hidden from screen readers: their caption says what they
show, and the table behind them has the numbers. A Python library that draws takes 50 ms a chart and more; a history of
15 years and four services has thousands of them.
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
    """Return a coordinate as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")


def say(value: float) -> str:
    """Return a number with three digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(2 - math.floor(math.log10(abs(value))), 0)}f}"


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers from `low` to `high`."""
    step = round_up(max(high - low, 1e-9) / about)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def of_tick(value: float) -> str:
    """Return the label of a tick."""
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= bound:
            return f"{value / (1e3 if unit == 'k' else bound):g} {unit}"
    return f"{value:g}"


class Months:
    """A frame with months along x and numbers from `low` to `high` along y."""

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
        """Return where the middle of a month is."""
        return LEFT + (index + 0.5) * self.step

    def y(self, value: float) -> float:
        """Return where a value is; what lies outside is drawn at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def _name_months(self) -> None:
        every = math.ceil(46 / self.step)
        by_year = every > 6
        for index, month in enumerate(self.months):
            if by_year and not month.endswith("-01"):
                continue
            if (int(month[:4]) % max(round(every / 12), 1) if by_year else index % every) == 0:
                label = month[:4] if by_year else month
                x = n(self.x(index))
                self.parts.append(
                    f'<text class="tick" text-anchor="middle" x="{x}" y="{self.height - 6}">{label}</text>'
                )

    def bands(self, names: Sequence[str | None]) -> None:
        """Shade spans of equal names in turn, and write the name where it fits."""
        begin, is_odd = 0, False
        for index in range(1, len(names) + 1):
            if index < len(names) and names[index] == names[begin]:
                continue
            if names[begin] is not None:
                left, wide = LEFT + begin * self.step, (index - begin) * self.step
                shape = f'x="{n(left)}" y="{TOP}" width="{n(wide)}" height="{self.height - TOP - BOTTOM}"'
                self.parts.append(f'<rect class="band{" odd" if is_odd else ""}" {shape}/>')
                if wide > 6 * len(str(names[begin])) + 4:
                    x, y = n(left + 3), self.height - BOTTOM - 4
                    self.parts.append(f'<text class="tick" x="{x}" y="{y}">{escape(names[begin])}</text>')
                is_odd = not is_odd
            begin = index

    def line(self, name: str, values: Values, dots: bool = False) -> None:
        """Draw a line through the values that are known, broken where one is not."""
        path, is_down = [], False
        for index, value in enumerate(values):
            if value is not None:
                path.append(f"{'L' if is_down else 'M'}{n(self.x(index))} {n(self.y(value))}")
            is_down = value is not None
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
        """Draw bars on top of each other, one class for each layer; a value that is not known is 0."""
        base = [0.0] * len(self.months)
        wide = max(self.step * 0.8, self.step - 3)
        for name, values in layers.items():
            path = []
            for index, value in enumerate(values):
                if value:
                    bottom, top = self.y(base[index]), self.y(base[index] + value)
                    base[index] += value
                    path.append(f"M{n(self.x(index) - wide / 2)} {n(bottom)}V{n(top)}h{n(wide)}V{n(bottom)}z")
            self.parts.append(f'<path class="fill {name}" d="{"".join(path)}"/>')

    def links(self, link: Callable[[str], str | None], bottom: float) -> None:
        """Lay a link over each month that has a page: an upright line as wide as the month."""
        lines = [
            f'<a href={page} tabindex=-1><path d="M{n(self.x(index))} {TOP}V{bottom}"/></a>'
            for index, month in enumerate(self.months)
            if (page := link(month))
        ]
        self.parts.append(f'<g class="links" stroke-width="{self.step:.2f}">{"".join(lines)}</g>')

    def svg(self, link: Callable[[str], str | None]) -> Markup:
        """Return the chart with a link for each month over its whole height."""
        self.links(link, self.height - BOTTOM)
        return svg(WIDTH, self.height, "".join(self.parts), "chart months")


def svg(width: float, height: float, inside: str, name: str) -> Markup:
    """Return an SVG element that screen readers pass over."""
    return Markup(
        f'<svg class="{name}" viewBox="0 0 {n(width)} {n(height)}" width="{n(width)}" height="{n(height)}"'
        f' aria-hidden="true" focusable="false">{inside}</svg>'
    )


def heat(
    months: Sequence[str], rows: Mapping[str, Values], bounds: Sequence[float], link: Callable[[str], str | None]
) -> Markup:
    """Return a map of rows by months; the class h0, h1, ... of a cell says how many `bounds` its value reaches."""
    tall = 15
    height = TOP + BOTTOM + tall * max(len(rows), 1)
    left = 108
    step = min((WIDTH - left - RIGHT) / max(len(months), 1), WIDEST_MONTH)
    frame = Months(months, 0, 1, height=height)
    frame.parts, frame.step = [], step
    wide = n(max(step - 1, step * 0.85))
    classes: dict[int, list[str]] = {}
    for row, (name, values) in enumerate(rows.items()):
        y = TOP + row * tall
        frame.parts.append(f'<text class="tick" text-anchor="end" x="{left - 6}" y="{y + 11}">{escape(name)}</text>')
        for index, value in enumerate(values):
            if value is not None:
                kind = sum(value >= bound for bound in bounds)
                classes.setdefault(kind, []).append(f"M{n(left + index * step)} {y}h{wide}v{tall - 1}h-{wide}z")
    frame.parts += [f'<path class="h{kind}" d="{"".join(cells)}"/>' for kind, cells in sorted(classes.items())]
    frame.parts.append(f'<g transform="translate({left - LEFT})">')
    frame._name_months()
    frame.links(link, height - BOTTOM)
    return svg(WIDTH, height, "".join(frame.parts) + "</g>", "chart months")
