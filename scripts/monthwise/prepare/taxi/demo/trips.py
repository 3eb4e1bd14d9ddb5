"""The trips of a demo month: drawn block by block, with the dirt of real months.

Each block has its own random stream. So neither memory nor content depends on how many rows are written at once.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .city import KINDS, ZONES, Drawn, random_stream

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    import numpy.typing as npt

    Integers: TypeAlias = npt.NDArray[np.integer[Any]]
    Mask: TypeAlias = npt.NDArray[np.bool_]

BLOCK = 1 << 16  # rows that share a stream of random numbers


class Trips(NamedTuple):
    """The trips of a block, one entry per row, before dirt is added."""

    lanes: npt.NDArray[np.uint16]  # (12, rows): the random numbers
    minute: npt.NDArray[np.int32]  # of the month
    pair: npt.NDArray[np.int32]
    miles: npt.NDArray[np.float32]
    minutes: npt.NDArray[np.float32]
    pickup: npt.NDArray[np.int64]  # seconds since 1970, local time
    seconds: npt.NDArray[np.int64]  # duration
    tail: Mask  # whether the record has no passenger count and rate code


class Column(NamedTuple):
    """A column of a block, and which of its rows are null. Texts are bytes of equal length."""

    values: npt.NDArray[Any]
    null: Mask | None


class Extras(NamedTuple):
    """Columns that only some layouts have: values, values in cents, and masks of the null rows of any column."""

    values: dict[str, npt.NDArray[Any]]
    cents: dict[str, Integers]
    null: dict[str, Mask]


def draw_block(drawn: Drawn, start: int) -> dict[str, Column]:
    """Return the columns of at most BLOCK rows from `start` on, by name in lower case; missing columns are null."""
    size = min(BLOCK, drawn.rows - start)
    stream = random_stream(*drawn.key, start // BLOCK).bit_generator
    lanes = stream.random_raw(3 * size).view(np.uint16).reshape(12, size)
    row = np.arange(start, start + size)
    duplicates = np.flatnonzero(drawn.dirt[lanes[6, 1:]] == KINDS["twice"]) + 1
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
    return {name: Column(values, null.get(name)) for name, values in columns.items()}


def _spoil(drawn: Drawn, trips: Trips) -> None:
    """Add the month's dirt to its trips, in place."""
    kinds = drawn.dirt[trips.lanes[6]]
    spoiled = np.flatnonzero(kinds)
    rows = {name: spoiled[kinds[spoiled] == code] for name, code in KINDS.items()}
    draws = trips.lanes[7].astype(np.int64)
    pickup, seconds, miles = trips.pickup, trips.seconds, trips.miles
    first, last = _seconds(drawn.month), _seconds(drawn.month) + len(drawn.slowness) * 60

    def put(values: npt.NDArray[Any], name: str, make: Callable[[npt.NDArray[np.int64]], Integers]) -> None:
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


def _draw_cabs(drawn: Drawn, trips: Trips) -> Extras:
    """Return the columns that only green and yellow have."""
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
    return Extras(columns, cents, dict.fromkeys([*unknown, "airport_fee" if yellow else "payment_type"], tail))


def _draw_fhv(drawn: Drawn, trips: Trips) -> Extras:
    """Return the columns that only fhv has: the bases, most of which report no pick-up zone."""
    lanes = trips.lanes
    base = lanes[8].astype(np.int64) ** 2 >> 24  # one of 256; the first is the busiest
    names = [f"B{number:05d}" for number in range(13, 13 + 11 * 256, 11)]
    columns = dict.fromkeys(("dispatching_base_num", "affiliated_base_number"), _texts(names, base))
    null = {"pulocationid": (base % 8 > 0) & (lanes[10] < 60000), "dolocationid": lanes[11] < 9000}
    return Extras(columns, {}, null | {"affiliated_base_number": lanes[9] < 600})


def _draw_fhvhv(drawn: Drawn, trips: Trips) -> Extras:
    """Return the columns that only fhvhv has."""
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
    return Extras(columns, cents, dict.fromkeys(("originating_base_num", "on_scene_datetime"), lyft))


def _at_airport(trips: Trips) -> Mask:
    pickup_zone = trips.pair // ZONES + 1
    return np.isin(pickup_zone, (132, 138))


def _seconds(month: str) -> int:
    """Return the first second of a month, counted from 1970 in local time."""
    return calendar.timegm((int(month[:4]), int(month[5:]), 1, 0, 0, 0))


def _texts(words: Sequence[str], codes: npt.NDArray[Any]) -> npt.NDArray[np.bytes_]:
    """Return the word of each code; the words of a column have equal length."""
    return np.array(words, "S")[codes.astype(np.intp)]
