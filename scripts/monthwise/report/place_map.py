"""Map of the places of a dataset, from a GeoJSON file whose features have the place as property `id`."""

import bisect
import csv
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from .charts import svg

WIDTH = 560
CLASSES = 6


class Outlines:
    """Places as paths in a frame of WIDTH by `height`; longitudes are scaled by the cosine of the middle latitude."""

    def __init__(self, path: str | Path, names: Mapping[str, str]):
        features = json.loads(Path(path).read_text(encoding="utf-8"))["features"]
        shapes = {str(feature["properties"]["id"]): _rings(feature["geometry"]) for feature in features}
        points = [point for rings in shapes.values() for ring in rings for point in ring]
        west, east = min(x for x, _ in points), max(x for x, _ in points)
        south, north = min(y for _, y in points), max(y for _, y in points)
        longitude_scale = math.cos(math.radians((south + north) / 2))
        scale = WIDTH / ((east - west) * longitude_scale)
        self.height = math.ceil((north - south) * scale)
        self.paths = {
            place: "".join(
                _path([((x - west) * longitude_scale * scale, (north - y) * scale) for x, y in ring]) for ring in rings
            )
            for place, rings in shapes.items()
        }
        self.names = names
        self.titles = {place: escape(self.names.get(place, place)) for place in self.paths}

    def draw(
        self, errors: Mapping[str, Mapping[str, float]], in_words: Callable[[float], str]
    ) -> tuple[Markup, list[float], list[float]]:
        """Return the map, with classes e1..e6 by error and n1..n6 by rows, and the bounds between these."""
        errors_by_place = {place: place_errors for place, place_errors in errors.items() if place in self.paths}
        errors_at = _bounds([place_errors["error"] for place_errors in errors_by_place.values()])
        rows_at = _bounds([place_errors["rows"] for place_errors in errors_by_place.values()])
        parts = []
        for place, path in self.paths.items():
            place_errors, name = errors_by_place.get(place), self.titles[place]
            kind, title = "none", f"{name}: no row"
            if place_errors:
                error, rows = _kind(place_errors["error"], errors_at), _kind(place_errors["rows"], rows_at)
                kind, title = (
                    f"e{error} n{rows}",
                    f"{name}: {in_words(place_errors['error'])} on {place_errors['rows']:,} rows",
                )
            parts.append(f'<path class="{kind}" d="{path}"><title>{title}</title></path>')
        return svg(WIDTH, self.height, "".join(parts), "map"), errors_at, rows_at


def _rings(geometry: Mapping[str, Any]) -> list[list[Sequence[float]]]:
    shapes = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [ring for shape in shapes for ring in shape]


def _path(ring: list[tuple[float, float]]) -> str:
    """Return a closed path in integer units, each point relative to the previous one."""
    points = [(round(x), round(y)) for x, y in ring[:-1]]
    if not points:
        return ""
    path = f"M{points[0][0]} {points[0][1]}l"
    for previous, point in itertools.pairwise(points):
        if point != previous:
            step = f"{point[0] - previous[0]} {point[1] - previous[1]}"
            path += step if path.endswith("l") or step.startswith("-") else f" {step}"
    return f"{path}z"


def read_names(path: str | Path) -> dict[str, str]:
    """Return the names of places from a CSV file with the columns `id` and `name`."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: row.get("name") or row["id"] for row in rows}


def _bounds(values: list[float]) -> list[float]:
    """Return the bounds that divide the places into at most CLASSES classes of roughly equal size."""
    ordered = sorted(values)
    return (
        sorted({ordered[len(ordered) * cut // CLASSES] for cut in range(1, CLASSES)} - {ordered[0]}) if ordered else []
    )


def _kind(value: float, bounds: list[float]) -> int:
    return 1 + bisect.bisect_right(bounds, value)
