"""A map of a service's zones: outlines from a GeoJSON file whose features have the property `id` of a zone."""

import bisect
import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup, escape

from .charts import svg

WIDTH = 560
CLASSES = 6


class Outlines:
    """Zones as paths in a frame of WIDTH by `height`; longitudes are narrowed to the middle latitude."""

    def __init__(self, path: str | Path, zones: str | Path | None):
        features = json.loads(Path(path).read_text(encoding="utf-8"))["features"]
        shapes = {str(feature["properties"]["id"]): _rings(feature["geometry"]) for feature in features}
        points = [point for rings in shapes.values() for ring in rings for point in ring]
        west, east = min(x for x, _ in points), max(x for x, _ in points)
        south, north = min(y for _, y in points), max(y for _, y in points)
        narrow = math.cos(math.radians((south + north) / 2))
        scale = WIDTH / ((east - west) * narrow)
        self.height = math.ceil((north - south) * scale)
        self.paths = {
            zone: "".join(
                _path([((x - west) * narrow * scale, (north - y) * scale) for x, y in ring]) for ring in rings
            )
            for zone, rings in shapes.items()
        }
        self.names = _names(zones) if zones else {}
        self.titles = {zone: escape(self.names.get(zone, zone)) for zone in self.paths}

    def draw(self, errors: Mapping[str, Mapping[str, float]]) -> tuple[Markup, list[float], list[float]]:
        """Return the map, with classes e1..e6 by error and t1..t6 by trips, and the bounds between these."""
        known = {zone: of for zone, of in errors.items() if zone in self.paths}
        errors_at = _bounds([of["rmse_min"] for of in known.values()])
        trips_at = _bounds([of["rows"] for of in known.values()])
        parts = []
        for zone, path in self.paths.items():
            of, name = known.get(zone), self.titles[zone]
            kind, said = "none", f"{name}: no trip"
            if of:
                error, trips = _kind(of["rmse_min"], errors_at), _kind(of["rows"], trips_at)
                kind, said = f"e{error} t{trips}", f"{name}: {of['rmse_min']:.2f} min on {of['rows']:,} trips"
            parts.append(f'<path class="{kind}" d="{path}"><title>{said}</title></path>')
        return svg(WIDTH, self.height, "".join(parts), "map"), errors_at, trips_at


def _rings(geometry: Mapping) -> list:
    shapes = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [ring for shape in shapes for ring in shape]


def _path(ring: list[tuple[float, float]]) -> str:
    """Return a closed path in whole units, each point relative to the one before."""
    at = found = None
    for x, y in ring[:-1]:
        point = round(x), round(y)
        if at is None:
            found = f"M{point[0]} {point[1]}l"
        elif point != at:
            step = f"{point[0] - at[0]} {point[1] - at[1]}"
            found += step if found.endswith("l") or step.startswith("-") else f" {step}"
        at = point
    return f"{found}z" if found else ""


def _names(path: str | Path) -> dict[str, str]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: f"{row.get('name') or row['id']}, {row.get('borough') or '?'}" for row in rows}


def _bounds(values: list[float]) -> list[float]:
    """Return the values that part the zones into at most CLASSES of about equally many."""
    ordered = sorted(values)
    return (
        sorted({ordered[len(ordered) * cut // CLASSES] for cut in range(1, CLASSES)} - {ordered[0]}) if ordered else []
    )


def _kind(value: float, bounds: list[float]) -> int:
    return 1 + bisect.bisect_right(bounds, value)
