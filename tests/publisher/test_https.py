"""Wrong answers of a publisher on the web."""

import os
import threading

import pytest
from monthwise import publisher
from monthwise.base import exits
from monthwise.publisher import connection
from servers.misbehaving_server import IMPATIENT, Answer, MisbehavingServer, etag_of, html_page

JANUARY, FEBRUARY = "green_tripdata_2021-01.parquet", "green_tripdata_2021-02.parquet"
SIZE = 300_000


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / JANUARY).write_bytes(os.urandom(SIZE))
    with MisbehavingServer(folder) as server:
        yield server


def line_of(ended, *words):
    line = str(ended.value)
    assert "\n" not in line
    assert not [word for word in ("green 2021-01", *words) if word not in line], line


def test_the_facts_of_a_month_come_from_one_head_request(server):
    os.utime(server.folder / JANUARY, (1_614_556_800, 1_614_556_800))
    assert publisher.locate(server.settings("2021-01")) == {
        "dataset": "green",
        "month": "2021-01",
        "kind": "https",
        "file": JANUARY,
        "url": f"{server.url}/{JANUARY}",
        "size": SIZE,
        "etag": etag_of(server.folder / JANUARY),
        "last_modified": "2021-03-01T00:00:00Z",
    }
    assert [request.method for request in server.requests] == ["HEAD"]


def test_what_the_publisher_does_not_say_is_null(server):
    server.behave(JANUARY, Answer(chunked=True, headers={"ETag": None, "Last-Modified": "yesterday"}))
    facts = publisher.locate(server.settings("2021-01"))
    assert (facts["size"], facts["etag"], facts["last_modified"]) == (None, None, None)


@pytest.mark.parametrize("status", [405, 501])
def test_a_server_without_head_is_asked_for_the_first_byte(server, status):
    proper = publisher.locate(server.settings("2021-01"))
    server.behave(JANUARY, Answer(status=status), method="HEAD")
    assert publisher.locate(server.settings("2021-01")) == proper
    assert [request.headers["range"] for request in server.requests_by("GET")] == ["bytes=0-0"]


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_month_that_is_not_out_names_the_newest_that_is(server, status):
    (server.folder / "green_tripdata_2020-09.parquet").write_bytes(b"PAR1")
    (server.folder / "green_tripdata_2020-10.parquet").write_bytes(b"PAR1")
    server.behave(JANUARY, Answer(status=status))
    with pytest.raises(exits.NotPublished) as ended:
        publisher.locate(server.settings("2021-01"))
    line_of(ended, f"{server.url}/{JANUARY} answers {status}", "newest published month before it is 2020-10")
    assert len(server.requests_by("HEAD", JANUARY)) == 1


def test_the_search_for_the_newest_month_is_bounded(server):
    with pytest.raises(exits.NotPublished, match="neither is any month from 2022-03 to 2022-08"):
        publisher.locate(server.settings("2022-09"))
    assert len(server.requests) == 7


def test_a_month_of_the_far_future_is_compared_with_those_of_today(server, monkeypatch):
    monkeypatch.setattr(publisher.https.months, "today", lambda: "2021-04")
    with pytest.raises(exits.NotPublished, match="newest published month before it is 2021-01"):
        publisher.locate(server.settings("2031-01"))


def test_a_dropped_file_is_a_published_month(server):
    with pytest.raises(exits.NotPublished):
        publisher.locate(server.settings("2021-02"))
    (server.folder / FEBRUARY).write_bytes(b"PAR1")
    assert publisher.locate(server.settings("2021-02"))["size"] == 4


def test_an_html_page_is_no_month_and_does_not_become_facts(server):
    server.behave(JANUARY, html_page())
    with pytest.raises(exits.BadData) as ended:
        publisher.locate(server.settings("2021-01"))
    line_of(ended, "HTML page", JANUARY)


def test_months_are_located_in_threads(server):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(publisher.locate(server.settings("2021-01")))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert all(facts == answers[0] for facts in answers)


def test_redirects_without_end_are_given_up(server):
    server.behave(JANUARY, Answer(status=302, headers={"Location": JANUARY}))
    with pytest.raises(exits.Unreachable) as ended:
        publisher.locate(server.settings("2021-01"))
    line_of(ended, "too many redirects")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_overloaded_for_a_moment_is_asked_again(server, status):
    server.behave(JANUARY, Answer(status=status), Answer(status=status), Answer())
    assert publisher.locate(server.settings("2021-01"))["size"] == SIZE


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_stays_overloaded_is_given_up(server, status):
    server.behave(JANUARY, Answer(status=status))
    with pytest.raises(exits.Unreachable) as ended:
        publisher.locate(server.settings("2021-01"))
    line_of(ended, "after 3 tries", f"answers {status}")
    assert len(server.requests) == 3


@pytest.mark.parametrize(("asked_for", "longest", "waited"), [("7", 60, 7), ("86400", 60, 60), ("soon", 60, 0)])
def test_retry_after_is_respected_within_bounds(server, monkeypatch, asked_for, longest, waited):
    pauses = []
    monkeypatch.setattr(connection.time, "sleep", pauses.append)
    server.behave(JANUARY, Answer(status=429, headers={"Retry-After": asked_for}), Answer())
    publisher.locate(server.settings("2021-01", longest_pause_s=longest))
    assert pauses == [pytest.approx(waited, abs=0.02)]


def test_pauses_double_with_jitter_up_to_a_bound():
    patience = connection.Patience(back_off_s=1, longest_pause_s=20)
    pauses = [[connection.pause_s(failures, 0, patience) for _ in range(50)] for failures in (1, 2, 3, 4, 9)]
    assert all(
        2**n * 0.5 <= min(pauses_of_try) < max(pauses_of_try) <= 2**n * 1.5
        for n, pauses_of_try in enumerate(pauses[:4])
    )
    assert set(pauses[4]) == {20}


def test_a_port_where_nobody_listens_is_unreachable(server):
    server.__exit__()
    try:
        with pytest.raises(exits.Unreachable) as ended:
            publisher.locate(server.settings("2021-01"))
    finally:
        os.environ["no_proxy"] = "127.0.0.1"
    line_of(ended, "connection refused", "after 3 tries")


def test_another_bad_status_is_given_up_at_once(server):
    server.behave(JANUARY, Answer(status=401))
    with pytest.raises(exits.Unreachable, match="answers 401"):
        publisher.locate(server.settings("2021-01"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [Answer(silent=True), Answer(drip_s=0.01, drip_headers=True)])
def test_a_server_that_does_not_begin_to_answer_is_given_up(server, answer):
    server.behave(JANUARY, answer)
    with pytest.raises(exits.Unreachable) as ended:
        publisher.locate(server.settings("2021-01", **IMPATIENT))
    line_of(ended, "nothing came for 0.3 s")


def test_wrong_patience_and_wrong_address_are_wrong_config(server):
    with pytest.raises(exits.WrongConfig, match="MONTHWISE_PATIENCE"):
        publisher.locate(server.settings("2021-01", forever=True))
    with pytest.raises(exits.WrongConfig, match="no address"):
        publisher.locate({**server.settings("2021-01"), "url": "ftp://somewhere"})
