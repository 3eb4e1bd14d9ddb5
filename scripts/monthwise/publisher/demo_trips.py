"""The trips of a demo month: drawn from a seed, block by block, with the dirt of real months.

A city is drawn once from the seed: 265 zones on a plane, their popularity, and the pace of each pair of zones. The
days of a month are drawn from the seed, the service and the month. Its trips are drawn block by block, each block from
its own random stream. So no month depends on another one, and neither memory nor content depends on how many rows are
written at once. Shares and the profile of the day are those of the real green months of 2021 to 2023.
"""

import calendar
import datetime
import hashlib
import math
from typing import NamedTuple

import numpy as np

BLOCK = 1 << 16  # rows that share a stream of random numbers
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
_KINDS = {name: code for code, name in enumerate(DIRT, start=1)}


class Drawn(NamedTuple):
    """The tables and factors for drawing the trips of a month. A table is an array of equally likely entries."""

    key: tuple  # of the month's random streams
    layout: str
    month: str
    rows: int
    metered: int  # number of records before those without passenger count and rate code, which end real files too
    pairs: np.ndarray  # table: pick-up zone * 265 + drop-off zone, from 0
    miles: np.ndarray  # by pair
    pace: np.ndarray  # by pair: minutes per mile
    central: np.ndarray  # by pair: whether the congestion surcharge applies
    minutes: np.ndarray  # table in the order of time: minute of the month
    slowness: np.ndarray  # by minute of the month: factor of the duration
    extra: np.ndarray  # by minute of the month: surcharge in cents
    detour: np.ndarray  # table: log-normal factor of the distance
    luck: np.ndarray  # table: log-normal factor of the duration
    dirt: np.ndarray  # table: kind of dirt, 0 for none


def _random(*key):
    """Return the random stream of `key`, the same on any machine and in any process."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "little")))


def _table(weights, bits: int):
    """Return 2**bits indices of `weights` in ascending order, each as often as its weight requires."""
    ends = np.rint(np.cumsum(weights) / np.sum(weights) * (1 << bits)).astype(np.int64)
    return np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))


def draw_month(layout: str, month: str, rows: int, seed: int, service: str) -> Drawn:
    """Return the tables for a month of about `rows` trips (5 % more or less by season)."""
    # Tables are rounded: the last bit of exp() differs between processors, and must not change the file.
    city = _random(seed, "city")
    positions = city.normal(size=(ZONES, 2)) * (2.0, 4.5)  # miles; long and narrow
    air_miles = np.hypot(*(positions[:, None, :] - positions[None, :, :]).transpose(2, 0, 1))
    miles = (0.45 + 1.25 * air_miles * np.exp(city.normal(0, 0.08, air_miles.shape))).round(4)
    centrality = np.exp(-np.hypot(*positions.T) / 4)  # 1 in the middle of the city, less outside
    pace = 2.6 + 2.6 * np.sqrt(centrality[:, None] * centrality) + 2.5 / (1 + miles)
    pace *= np.exp(city.normal(0, 0.13, air_miles.shape))
    detour, luck = (np.exp(city.normal(0, sigma, 1 << 16)).round(5).astype(np.float32) for sigma in (0.1, 0.2))
    weights = _popularity(_random(seed, service, "habits"), layout) * (np.exp(-air_miles) + 0.001)

    days = _random(seed, service, month)
    first = datetime.date(int(month[:4]), int(month[5:]), 1)
    index = first.year * 12 + first.month
    rate, slowness, extra = _clock(days, first)
    rows = round(rows * (1 + 0.04 * math.sin((index - 1) * math.tau / 12) + days.uniform(-0.01, 0.01)))
    shares = NO_METER.get(layout, {9999: 0})
    unmetered_share = next(share for year, share in shares.items() if first.year <= year)
    return Drawn(
        key=(seed, service, month), layout=layout, month=month, rows=rows, metered=rows - round(rows * unmetered_share),
        pairs=_table(weights.ravel(), 20), miles=miles.ravel().astype(np.float32),
        pace=pace.ravel().round(4).astype(np.float32), central=np.minimum.outer(centrality, centrality).ravel() > 0.5,
        minutes=_table(rate, 19), slowness=slowness.round(4).astype(np.float32), extra=extra.astype(np.int32),
        detour=detour, luck=luck, dirt=_table([1 - sum(DIRT.values()), *DIRT.values()], 16).astype(np.int8),
    )  # fmt: skip


def _popularity(habits: np.random.Generator, layout: str) -> np.ndarray:
    """Return the weight of each pair of pick-up and drop-off zone, without the distance: ZONES x ZONES."""
    rank = np.array([habits.permutation(ZONES - 2), habits.permutation(ZONES - 2)]) + 1.0
    popular = np.c_[rank ** -np.array([[SKEW[layout]], [SKEW[layout] * 0.6]]), np.zeros((2, 2))]
    popular[:, -2:] = popular.sum(axis=1, keepdims=True) * (0.002, 0.001)  # 264 and 265: unknown, outside the city
    return popular[0][:, None] * popular[1]


def _clock(days: np.random.Generator, first: datetime.date) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


class Trips(NamedTuple):
    """The trips of a block, one entry per row, before dirt is added."""

    lanes: np.ndarray  # (12, rows) uint16: the random numbers
    minute: np.ndarray  # of the month
    pair: np.ndarray
    miles: np.ndarray
    minutes: np.ndarray
    pickup: np.ndarray  # seconds since 1970, local time
    seconds: np.ndarray  # duration
    tail: np.ndarray  # whether the record has no passenger count and rate code


def draw_block(drawn: Drawn, start: int) -> dict:
    """Return the columns of at most BLOCK rows from `start` on, by name in lower case; missing columns are null.

    A column is an array, or a pair of an array and a mask of its null rows. Texts are bytes of equal length.
    """
    size = min(BLOCK, drawn.rows - start)
    stream = _random(*drawn.key, start // BLOCK).bit_generator
    lanes = stream.random_raw(3 * size).view(np.uint16).reshape(12, size)
    row = np.arange(start, start + size)
    duplicates = np.flatnonzero(drawn.dirt[lanes[6, 1:]] == _KINDS["twice"]) + 1
    lanes[:, duplicates], row[duplicates] = lanes[:, duplicates - 1], row[duplicates - 1]

    # Records with and without a meter are each in the order of time, with shifts of up to three hours.
    tail = row >= drawn.metered
    position = (row - tail * drawn.metered) / np.where(tail, drawn.rows - drawn.metered, drawn.metered)
    minute = drawn.minutes[((position + lanes[0] / 2**24) % 1 * len(drawn.minutes)).astype(np.int32)]
    pair = drawn.pairs[lanes[1].astype(np.int32) << 4 | lanes[2] >> 12]
    miles = drawn.miles[pair] * drawn.detour[lanes[3]]
    minutes = (2.2 + miles * drawn.pace[pair]) * drawn.slowness[minute] * drawn.luck[lanes[4]]
    pickup = _seconds(drawn.month) + minute * np.int64(60) + (lanes[5] * np.uint32(60) >> 16)
    trips = Trips(lanes, minute, pair, miles, minutes, pickup, np.rint(minutes * 60).astype(np.int64), tail)

    draw = {"fhv": _draw_fhv, "fhvhv": _draw_fhvhv}.get(drawn.layout, _draw_cabs)
    columns, cents, null = draw(drawn, trips)
    for name, values in cents.items():
        values[duplicates[::2]] *= -1  # every second duplicate refunds the trip
        columns[name] = values / 100
    _spoil(drawn, trips)
    zone = pair // ZONES
    columns |= {"pulocationid": zone + 1, "dolocationid": pair - zone * ZONES + 1, "trip_time": trips.seconds}
    prefix = {"green": "lpep_", "yellow": "tpep_"}.get(drawn.layout, "")
    columns[prefix + "pickup_datetime"] = pickup * 1_000_000
    columns[prefix + "dropoff_datetime"] = (pickup + trips.seconds) * 1_000_000
    columns |= dict.fromkeys(("trip_distance", "trip_miles"), np.rint(miles.astype(np.float64) * 100) / 100)
    return columns | {name: (columns[name], rows) for name, rows in null.items()}


def _spoil(drawn: Drawn, trips: Trips) -> None:
    """Add the month's dirt to its trips, in place."""
    kinds = drawn.dirt[trips.lanes[6]]
    spoiled = np.flatnonzero(kinds)
    rows = {name: spoiled[kinds[spoiled] == code] for name, code in _KINDS.items()}
    draws = trips.lanes[7].astype(np.int64)
    pickup, seconds, miles = trips.pickup, trips.seconds, trips.miles
    first, last = _seconds(drawn.month), _seconds(drawn.month) + len(drawn.slowness) * 60

    def put(values, name, make):
        values[rows[name]] = make(draws[rows[name]])

    put(miles, "distance of 0", lambda draws: 0 * draws)
    put(miles, "distance of 200,000 miles", lambda draws: 1000 + draws * 4)
    put(seconds, "duration of 0", lambda draws: 0 * draws)
    put(seconds, "negative duration", lambda draws: -1 - draws % 3600)
    put(seconds, "under a minute", lambda draws: 1 + draws % 59)
    put(seconds, "over an hour", lambda draws: 3601 + draws % 7200)
    put(seconds, "a day long", lambda draws: 86400 - draws % 1200)
    put(pickup, "neighbouring month", lambda draws: np.where(draws % 8, first - 1 - draws // 2, last + draws % 3600))
    put(pickup, "2008 and 2009", lambda draws: _seconds("2009-01") - 4000 + draws // 4)
    put(pickup, "2041", lambda draws: _seconds("2041-11") + draws * 10)
    seconds[rows["an hour on the meter"]] += 300 + (draws[rows["an hour on the meter"]] ** 2 * 2400 >> 32)


def _draw_cabs(drawn: Drawn, trips: Trips) -> tuple[dict, dict, dict]:
    """Return the columns that only green and yellow have: values, values in cents, and masks of null rows."""
    lanes, tail, miles = trips.lanes, trips.tail, trips.miles
    year, yellow = int(drawn.month[:4]), drawn.layout == "yellow"
    low_byte, high_byte = lanes[8] & 255, lanes[8] >> 8
    base_charge, unit_charge = (300, 70) if year >= 2023 else (250, 50)  # fares after and before 2022-12-19
    fare = base_charge + unit_charge * (miles * 3.9 + trips.minutes * 0.35).astype(np.int32)
    fare[tail] = (fare[tail] * 1.13).astype(np.int32) + (lanes[9][tail] & 127)
    central = drawn.central[trips.pair]
    cash = (lanes[10] & 255) < 90
    tip = (fare * np.repeat((0.2, 0.25, 0.3, 0.15, 0), (110, 50, 30, 26, 40))[lanes[10] >> 8]).astype(np.int32)
    tip[cash] = 0
    rate = np.repeat((1, 5, 2, 4, 3, 99), (244, 7, 2, 1, 1, 1))[high_byte]
    payment = np.where(cash, 2, np.where((lanes[10] & 255) == 255, 3, 1))
    payment[tail] = 0
    cents = {
        "fare_amount": fare,
        "extra": np.where(tail, 0, drawn.extra[trips.minute]),
        "mta_tax": np.where(tail, 0, 50),
        "tip_amount": tip,
        "tolls_amount": np.where((miles > 8) & (lanes[11] < 20000), 655, 0),
        "improvement_surcharge": np.full(len(fare), 100 if year >= 2023 else 30),
        "congestion_surcharge": central * (250 if yellow else 275),
    }
    if yellow:
        cents["airport_fee"] = _at_airport(trips) * (175 if year >= 2023 else 125)
    if year >= 2025:
        cents["cbd_congestion_fee"] = central * 75
    cents["total_amount"] = sum(cents.values())
    columns = {
        "vendorid": np.repeat((2, 1), (220, 36))[lanes[9] >> 8],
        "passenger_count": np.repeat((1, 2, 5, 6, 3, 4, 0, 8), (220, 20, 6, 4, 3, 1, 1, 1))[low_byte],
        "ratecodeid": rate,
        "trip_type": np.where(rate == 5, 2, 1),
        "payment_type": payment,
        "store_and_fwd_flag": _texts(("N", "Y"), lanes[11] < 250),
    }
    unknown = ["passenger_count", "ratecodeid", "trip_type", "store_and_fwd_flag", "congestion_surcharge"]
    return columns, cents, dict.fromkeys([*unknown, "airport_fee" if yellow else "payment_type"], tail)


def _draw_fhv(drawn: Drawn, trips: Trips) -> tuple[dict, dict, dict]:
    """Return the columns that only fhv has: the bases, most of which report no pick-up zone."""
    lanes = trips.lanes
    base = lanes[8].astype(np.int64) ** 2 >> 24  # one of 256; the first is the busiest
    names = [f"B{number:05d}" for number in range(13, 13 + 11 * 256, 11)]
    columns = dict.fromkeys(("dispatching_base_num", "affiliated_base_number"), _texts(names, base))
    null = {"pulocationid": (base % 8 > 0) & (lanes[10] < 60000), "dolocationid": lanes[11] < 9000}
    return columns, {}, null | {"affiliated_base_number": lanes[9] < 600}


def _draw_fhvhv(drawn: Drawn, trips: Trips) -> tuple[dict, dict, dict]:
    """Return the columns that only fhvhv has, in the form of _draw_cabs."""
    lanes, pickup = trips.lanes, trips.pickup
    lyft, chance, wait = lanes[8] < 18000, lanes[10] >> 8, lanes[9].astype(np.int64) % 600
    fare = (300 + trips.miles * 170 + trips.minutes * 45).astype(np.int32)
    central = drawn.central[trips.pair]
    cents = {
        "base_passenger_fare": fare,
        "tolls": np.where((trips.miles > 8) & (lanes[11] < 20000), 655, 0),
        "bcf": (fare * 0.0275).astype(np.int32),
        "sales_tax": (fare * 0.08875).astype(np.int32),
        "congestion_surcharge": central * 275,
        "airport_fee": _at_airport(trips) * 250,
        "tips": np.where(lanes[11] >> 8 > 215, (fare * 0.15).astype(np.int32), 0),
        "driver_pay": (fare * 0.78).astype(np.int32),
        "cbd_congestion_fee": central * 150,
    }
    columns = {
        "hvfhs_license_num": _texts(("HV0003", "HV0005"), lyft),
        "dispatching_base_num": _texts(("B03404", "B03406"), lyft),
        "originating_base_num": _texts(("B03404",), lyft & False),
        "request_datetime": (pickup - wait - 60) * 1_000_000,
        "on_scene_datetime": (pickup - wait // 8) * 1_000_000,
        "shared_request_flag": _texts(("N", "Y"), chance < 8),
        "shared_match_flag": _texts(("N", "Y"), chance < 3),
        "access_a_ride_flag": _texts((" ", "N"), lyft),
        "wav_request_flag": _texts(("N", "Y"), chance == 255),
        "wav_match_flag": _texts(("N", "Y"), chance > 237),
    }
    return columns, cents, dict.fromkeys(("originating_base_num", "on_scene_datetime"), lyft)


def _at_airport(trips: Trips):
    pickup_zone = trips.pair // ZONES + 1
    return (pickup_zone == 132) | (pickup_zone == 138)


def _seconds(month: str) -> int:
    """Return the first second of a month, counted from 1970 in local time."""
    return calendar.timegm((int(month[:4]), int(month[5:]), 1, 0, 0, 0))


def _texts(words, codes):
    """Return the word of each code; the words of a column have equal length."""
    return np.array(words, "S")[codes.astype(np.intp)]
