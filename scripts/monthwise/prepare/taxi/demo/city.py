"""What the trips of a demo month are drawn from: a city, and the days of the month.

The city is drawn once from the seed: 265 zones on a plane, their popularity, and the pace of each pair of zones. The
days are drawn from the seed, the dataset and the month. So no month depends on another one. Shares and the profile of
the day are those of the real green months of 2021 to 2023.
"""

from __future__ import annotations

import calendar
import datetime
import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ZONES = 265
SKEW = {"green": 1.0, "yellow": 0.8, "fhv": 0.5, "fhvhv": 0.4}  # exponent of a zone's popularity over its rank
NO_METER = {  # share of the records without passenger count, rate code and trip type, by last year
    "green": {2019: 0.01, 2020: 0.35, 2021: 0.47, 2022: 0.10, 9999: 0.07},
    "yellow": {2019: 0.005, 2020: 0.03, 2021: 0.06, 2023: 0.03, 2024: 0.10, 9999: 0.22},
}
PICKUPS = (18, 12, 10, 8, 7, 6, 14, 37, 47, 52, 52, 54, 53, 59, 64, 70, 79, 77, 77, 61, 50, 38, 32, 24)  # by hour, in ‰
DIRT = {  # share of faulty records by kind; a record has at most one kind
    "distance of 0": 0.035, "distance of 200,000 miles": 0.0006, "duration of 0": 0.001, "negative duration": 0.0003,
    "under a minute": 0.018, "an hour on the meter": 0.03, "over an hour": 0.008, "a day long": 0.0013,
    "neighbouring month": 0.0004, "2008 and 2009": 0.0001, "2041": 0.00006, "twice": 0.003,
}  # fmt: skip
KINDS = {name: code for code, name in enumerate(DIRT, start=1)}


class Drawn(NamedTuple):
    """The tables and factors for drawing the trips of a month. A table is an array of equally likely entries."""

    key: tuple[object, ...]  # of the month's random streams
    layout: str
    month: str
    rows: int
    metered: int  # number of records before those without passenger count and rate code, which end real files too
    pairs: npt.NDArray[np.int32]  # table: pick-up zone * 265 + drop-off zone, from 0
    miles: npt.NDArray[np.float32]  # by pair
    pace: npt.NDArray[np.float32]  # by pair: minutes per mile
    central: npt.NDArray[np.bool_]  # by pair: whether the congestion surcharge applies
    minutes: npt.NDArray[np.int32]  # table in the order of time: minute of the month
    slowness: npt.NDArray[np.float32]  # by minute of the month: factor of the duration
    extra: npt.NDArray[np.int32]  # by minute of the month: surcharge in cents
    detour: npt.NDArray[np.float32]  # table: log-normal factor of the distance
    luck: npt.NDArray[np.float32]  # table: log-normal factor of the duration
    dirt: npt.NDArray[np.int8]  # table: kind of dirt, 0 for none


def random_stream(*key: object) -> np.random.Generator:
    """Return the random stream of `key`, the same on any machine and in any process."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "little")))


def _table(weights: npt.ArrayLike, bits: int) -> npt.NDArray[np.int32]:
    """Return 2**bits indices of `weights` in ascending order, each as often as its weight requires."""
    ends = np.rint(np.cumsum(weights) / np.sum(weights) * (1 << bits)).astype(np.int64)
    return np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))


def draw_month(layout: str, month: str, rows: int, seed: int, dataset: str) -> Drawn:
    """Return the tables for a month of about `rows` trips (5 % more or less by season)."""
    # Tables are rounded: the last bit of exp() differs between processors, and must not change the file.
    city = random_stream(seed, "city")
    positions = city.normal(size=(ZONES, 2)) * (2.0, 4.5)  # miles; long and narrow
    air_miles = np.hypot(*(positions[:, None, :] - positions[None, :, :]).transpose(2, 0, 1))
    miles = (0.45 + 1.25 * air_miles * np.exp(city.normal(0, 0.08, air_miles.shape))).round(4)
    centrality = np.exp(-np.hypot(*positions.T) / 4)  # 1 in the middle of the city, less outside
    pace = 2.6 + 2.6 * np.sqrt(centrality[:, None] * centrality) + 2.5 / (1 + miles)
    pace *= np.exp(city.normal(0, 0.13, air_miles.shape))
    detour, luck = (np.exp(city.normal(0, sigma, 1 << 16)).round(5).astype(np.float32) for sigma in (0.1, 0.2))
    weights = _popularity(random_stream(seed, dataset, "habits"), layout) * (np.exp(-air_miles) + 0.001)

    days = random_stream(seed, dataset, month)
    first = datetime.date(int(month[:4]), int(month[5:]), 1)
    index = first.year * 12 + first.month
    rate, slowness, extra = _clock(days, first)
    rows = round(rows * (1 + 0.04 * math.sin((index - 1) * math.tau / 12) + days.uniform(-0.01, 0.01)))
    shares = NO_METER.get(layout, {9999: 0})
    unmetered_share = next(share for year, share in shares.items() if first.year <= year)
    return Drawn(
        key=(seed, dataset, month), layout=layout, month=month, rows=rows, metered=rows - round(rows * unmetered_share),
        pairs=_table(weights.ravel(), 20), miles=miles.ravel().astype(np.float32),
        pace=pace.ravel().round(4).astype(np.float32), central=np.minimum.outer(centrality, centrality).ravel() > 0.5,
        minutes=_table(rate, 19), slowness=slowness.round(4).astype(np.float32), extra=extra.astype(np.int32),
        detour=detour, luck=luck, dirt=_table([1 - sum(DIRT.values()), *DIRT.values()], 16).astype(np.int8),
    )  # fmt: skip


def _popularity(habits: np.random.Generator, layout: str) -> npt.NDArray[np.float64]:
    """Return the weight of each pair of pick-up and drop-off zone, without the distance: ZONES x ZONES."""
    rank = np.array([habits.permutation(ZONES - 2), habits.permutation(ZONES - 2)]) + 1.0
    popular: npt.NDArray[np.float64] = np.c_[
        rank ** -np.array([[SKEW[layout]], [SKEW[layout] * 0.6]]), np.zeros((2, 2))
    ]
    popular[:, -2:] = popular.sum(axis=1, keepdims=True) * (0.002, 0.001)  # 264 and 265: unknown, outside the city
    weights: npt.NDArray[np.float64] = popular[0][:, None] * popular[1]
    return weights


def _clock(days: np.random.Generator, first: datetime.date) -> tuple[npt.NDArray[np.float64], ...]:
    """Return for each minute of a month the rate of trips, the slowness of traffic and the extra charge in cents."""
    index = first.year * 12 + first.month
    length = calendar.monthrange(first.year, first.month)[1]
    minute = np.arange(length * 1440)
    hour, day = minute % 1440 / 60, minute // 1440
    weekday = (first.weekday() + day) % 7
    weekend = weekday >= 5
    weekday_profile = np.interp(hour, np.arange(24) + 0.5, PICKUPS, period=24)
    weekend_profile = np.interp((hour - 1.5) % 24, np.arange(24) + 0.5, PICKUPS, period=24)
    rate = (
        np.where(weekend, weekend_profile * 0.95, weekday_profile * (0.94 + 0.03 * weekday))
        * np.exp(days.normal(0, 0.07, length))[day]
    )
    rush = 0.25 * np.exp(-(((hour - 8.5) / 1.5) ** 2)) + 0.4 * np.exp(-(((hour - 17) / 2.8) ** 2))
    rush = np.where(weekend, 0.18 * np.exp(-(((hour - 15) / 4) ** 2)), rush * (0.9 + 0.05 * weekday))
    drift = 1 + 0.03 * math.sin(index * math.tau / 12) + 0.04 * math.sin(index * math.tau / 47)
    slowness = (0.82 + rush) * drift * np.exp(days.normal(0, 0.04, length))[day]
    night, evening = (50, 100) if first.year < 2023 else (100, 250)
    extra = np.where((hour < 6) | (hour >= 20), night, np.where(~weekend & (hour >= 16), evening, 0))
    return rate, slowness, extra
