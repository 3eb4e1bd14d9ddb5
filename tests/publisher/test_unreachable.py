"""A publisher that does not answer: one line within seconds, however many months and datasets are requested."""

import contextlib
import os
import socket
import time

import pytest
from fixtures.workflow import Clone
from monthwise import publisher
from monthwise.base import exits, months
from monthwise.publisher import at_once
from servers.misbehaving_server import Answer, MisbehavingServer

MONTHS = months.span("2021-01", "2023-12")


@pytest.fixture
def server(tmp_path):
    with MisbehavingServer(tmp_path) as server:
        yield server


@contextlib.contextmanager
def black_hole():
    """Yield the address of a port at which connections neither succeed nor fail."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, contextlib.ExitStack() as stack:
        address = listening.getsockname()
        for _ in range(4):  # fill the queue of connections that nobody accepts
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"


def settings_by_month(server, url: str, **patience: float) -> dict[tuple[str, str], dict]:
    of_dataset = {name: {"dataset": name, "url": url} for name in ("green", "yellow")}
    return {
        (name, month): server.settings(month, **patience) | changed
        for name, changed in of_dataset.items()
        for month in MONTHS
    }


def timed(settings_by_month: dict) -> tuple[dict, float]:
    began = time.monotonic()
    answers = publisher.locate_all(settings_by_month)
    return answers, time.monotonic() - began


@pytest.mark.parametrize("kind", ["closed", "silent", "black hole"])
def test_all_months_share_one_line(server, monkeypatch, kind):
    monkeypatch.setattr(at_once, "SILENCE_S", 1.0)
    for month in MONTHS:
        server.behave(f"green_tripdata_{month}.parquet", Answer(silent=True))
    with contextlib.ExitStack() as stack:
        url = {"closed": "http://127.0.0.1:9", "silent": server.url}.get(kind) or stack.enter_context(black_hole())
        answers, passed = timed(settings_by_month(server, url))
    (end,) = {id(end): end for end in answers.values()}.values()
    assert len(answers) == 2 * len(MONTHS)
    assert isinstance(end, exits.Unreachable)
    assert "\n" not in str(end)
    assert ("connection refused" if kind == "closed" else "does not answer within 1 s") in str(end)
    assert passed < 5


def test_two_publishers_are_asked_side_by_side(server, monkeypatch):
    monkeypatch.setattr(at_once, "SILENCE_S", 1.0)
    with black_hole() as first, black_hole() as second:
        months_of_both = settings_by_month(server, first) | {
            ("fhv", month): server.settings(month) | {"url": second} for month in MONTHS
        }
        months_of_both |= {("there", "2023-12"): server.settings("2023-12")}
        (server.folder / "green_tripdata_2023-12.parquet").write_bytes(b"PAR1")
        answers, passed = timed(months_of_both)
    assert len({str(end) for end in answers.values() if isinstance(end, exits.Unreachable)}) == 2
    assert answers["there", "2023-12"]["size"] == 4
    assert passed < 1.9


def test_a_month_that_fails_alone_costs_the_others_nothing(server):
    for month in MONTHS[1:]:
        (server.folder / f"green_tripdata_{month}.parquet").write_bytes(b"PAR1")
    (server.folder / f"green_tripdata_{MONTHS[0]}.parquet").write_bytes(b"PAR1")
    server.behave(f"green_tripdata_{MONTHS[0]}.parquet", Answer(status=503))
    answers, _ = timed({month: server.settings(month, back_off_s=0.3) for month in MONTHS})
    assert isinstance(answers.pop(MONTHS[0]), exits.Unreachable)
    assert all(facts["size"] == 4 for facts in answers.values())


def test_a_publisher_that_stops_in_the_middle_is_given_up(server, monkeypatch):
    monkeypatch.setattr(at_once, "SILENCE_S", 1.0)
    for month in MONTHS:
        (server.folder / f"green_tripdata_{month}.parquet").write_bytes(b"PAR1")
        if month > MONTHS[11]:
            server.behave(f"green_tripdata_{month}.parquet", Answer(silent=True))
    answers, passed = timed({month: server.settings(month) for month in MONTHS})
    assert sum(isinstance(end, exits.Unreachable) for end in answers.values()) == 24
    assert passed < 5


@pytest.mark.parametrize("command", ["run", "plan"])
def test_run_and_plan_say_one_line_and_exit_with_69(tmp_path, command):
    clone = Clone(tmp_path / "clone")
    clone.edit("config/datasets.yaml", "https://d37ci6vzurychx.cloudfront.net/trip-data", "http://127.0.0.1:9")
    clone.configure({"datasets": ["green", "yellow"], "begin": {"green": "2021-03", "yellow": "2021-03"}})
    began = time.monotonic()
    ended = clone.monthwise(command)
    assert time.monotonic() - began < 15
    assert ended.returncode == os.EX_UNAVAILABLE
    assert len((ended.stdout + ended.stderr).splitlines()) == 1, ended.stdout + ended.stderr
    assert "connection refused; check the network and the address" in ended.stdout
