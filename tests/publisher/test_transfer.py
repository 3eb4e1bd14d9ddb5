"""Transfers that stall, drip, are cut, or bring another file than was located."""

import os

import pytest
from monthwise import publisher
from monthwise.base import exits
from monthwise.publisher import partial
from servers.misbehaving_server import HTML, IMPATIENT, Answer, MisbehavingServer, etag_of, html_page

JANUARY = "green_tripdata_2021-01.parquet"
SIZE = 300_000


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / JANUARY).write_bytes(os.urandom(SIZE))
    with MisbehavingServer(folder) as server:
        yield server


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "month").mkdir()
    return tmp_path / "month" / "raw.file"


def fetch(server, raw, facts=None, **patience):
    facts = facts or publisher.locate(server.settings("2021-01"))
    publisher.fetch(facts, server.settings("2021-01", **patience), raw)


def is_whole(server, raw):
    nothing_left = sorted(path.name for path in raw.parent.iterdir()) == [raw.name]
    return nothing_left and raw.read_bytes() == (server.folder / JANUARY).read_bytes()


def ranges(server):
    return [request.headers.get("range") for request in server.requests_by("GET")]


def line_of(ended, *words):
    line = str(ended.value)
    assert "\n" not in line
    assert not [word for word in ("green 2021-01", *words) if word not in line], line


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_server_is_asked_again_in_the_middle_too(server, raw, status):
    server.behave(JANUARY, Answer(after=1000), Answer(status=status), Answer(), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)
    assert ranges(server) == [None, "bytes=1000-", "bytes=1000-"]


def test_a_redirect_is_followed(server, raw):
    for name in ("old.parquet", JANUARY):
        server.behave(name, Answer(status=302, headers={"Location": "/elsewhere/new.parquet"}))
    (server.folder / JANUARY).rename(server.folder / "new.parquet")
    fetch(server, raw)
    assert raw.read_bytes() == (server.folder / "new.parquet").read_bytes()


def test_a_cut_transfer_is_resumed(server, raw):
    server.behave(JANUARY, Answer(after=100_000), Answer(after=50_000), Answer(), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)
    assert ranges(server) == [None, "bytes=100000-", "bytes=150000-"]
    assert server.requests_by("GET")[1].headers["if-range"] == etag_of(server.folder / JANUARY)
    assert sum(request.sent for request in server.requests_by("GET")) == SIZE


def test_a_transfer_that_is_cut_often_but_moves_on_is_finished(server, raw):
    server.behave(JANUARY, Answer(after=30_000), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)
    assert len(server.requests_by("GET")) >= 10


def test_the_date_guards_a_resumed_transfer_where_there_is_no_strong_etag(server, raw):
    weak = {"ETag": 'W/"1"'}
    server.behave(JANUARY, Answer(headers=weak), method="HEAD")
    server.behave(JANUARY, Answer(headers=weak, after=1000), Answer(headers=weak), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)
    assert server.requests_by("GET")[1].headers["if-range"].endswith("GMT")


def test_nothing_is_resumed_where_nothing_guards_it(server, raw):
    bare = {"ETag": None, "Last-Modified": None}
    server.behave(JANUARY, Answer(headers=bare), method="HEAD")
    server.behave(JANUARY, Answer(headers=bare, after=1000), Answer(headers=bare), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)
    assert ranges(server) == [None, None]


def test_a_server_that_ignores_range_is_fetched_from_the_beginning(server, raw):
    server.behave(JANUARY, Answer(after=100_000), Answer(ranges=False), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)


def test_a_server_that_ignores_range_and_always_cuts_is_given_up(server, raw):
    server.behave(JANUARY, Answer(after=100_000, ranges=False), method="GET")
    with pytest.raises(exits.Unreachable):
        fetch(server, raw)
    assert len(server.requests_by("GET")) <= 4


def test_a_server_that_sends_another_part_is_not_believed(server, raw):
    other = Answer(status=206, body=b"x" * 1000, headers={"Content-Range": f"bytes 5000-5999/{SIZE}"})
    server.behave(JANUARY, Answer(after=100_000), other, Answer(), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)


@pytest.mark.parametrize("answer", [Answer(after=100_000, then="stall"), Answer(drip_s=0.02)])
def test_a_transfer_that_stalls_or_drips_is_cut_and_resumed(server, raw, answer):
    server.behave(JANUARY, answer, Answer(), method="GET")
    fetch(server, raw, **IMPATIENT)
    assert is_whole(server, raw)
    assert ranges(server)[1] is not None


def test_a_transfer_that_only_drips_is_given_up_and_kept_for_the_next_job(server, raw):
    server.behave(JANUARY, Answer(drip_s=0.02), method="GET")
    with pytest.raises(exits.Unreachable) as ended:
        fetch(server, raw, **IMPATIENT)
    line_of(ended, "bytes came in")
    assert not raw.exists()
    server.behave(JANUARY, Answer(), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)
    assert ranges(server)[-1] != "bytes=0-"
    assert ranges(server)[-1] is not None


def test_a_length_that_is_too_long_is_never_whole(server, raw):
    too_long = Answer(headers={"Content-Length": str(SIZE + 500)})
    server.behave(JANUARY, too_long)
    with pytest.raises(exits.Unreachable) as ended:
        fetch(server, raw)
    line_of(ended, f"after {SIZE:,} of {SIZE + 500:,} bytes")
    assert not raw.exists()


def test_a_length_that_is_not_the_located_one_is_a_change(server, raw):
    server.behave(JANUARY, Answer(headers={"Content-Length": str(SIZE - 500)}), method="GET")
    with pytest.raises(exits.TryAgain) as ended:
        fetch(server, raw)
    line_of(ended, "changed since it was located", "./monthwise locate 2021-01")
    assert not list(raw.parent.iterdir())


def test_without_a_length_the_end_of_the_chunks_is_the_end(server, raw):
    server.behave(JANUARY, Answer(chunked=True))
    fetch(server, raw)
    assert is_whole(server, raw)


def test_without_a_length_a_cut_is_noticed_all_the_same(server, raw):
    server.behave(JANUARY, Answer(chunked=True, after=5000), Answer(chunked=True), method="GET")
    server.behave(JANUARY, Answer(chunked=True), method="HEAD")
    fetch(server, raw)
    assert is_whole(server, raw)


def test_more_bytes_than_located_are_not_taken(server, raw):
    longer = Answer(chunked=True, body=b"x" * (SIZE + 1))
    server.behave(JANUARY, longer, method="GET")
    with pytest.raises(exits.TryAgain) as ended:
        fetch(server, raw)
    line_of(ended, f"changed since it was located (more than {SIZE:,} bytes)")
    assert not list(raw.parent.iterdir())


def test_fewer_bytes_than_located_are_never_whole(server, raw):
    server.behave(JANUARY, Answer(chunked=True, body=b"x" * 500), method="GET")
    with pytest.raises(exits.Unreachable) as ended:
        fetch(server, raw)
    line_of(ended, f"ended after 500 of {SIZE:,} bytes")
    assert not raw.exists()


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changes_in_the_middle_is_not_mixed(server, raw, if_range):
    def restate():
        (server.folder / JANUARY).write_bytes(os.urandom(SIZE))

    server.behave(JANUARY, Answer(after=100_000), Answer(do=restate, if_range=if_range), method="GET")
    with pytest.raises(exits.TryAgain) as ended:
        fetch(server, raw)
    line_of(ended, "changed since it was located", "etag")
    assert not list(raw.parent.iterdir())


def test_a_file_that_changed_before_the_transfer_is_not_taken(server, raw):
    facts = publisher.locate(server.settings("2021-01"))
    (server.folder / JANUARY).write_bytes(os.urandom(SIZE))
    with pytest.raises(exits.TryAgain):
        fetch(server, raw, facts)


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_file_that_is_gone_is_given_up_at_once(server, raw, status):
    server.behave(JANUARY, Answer(status=status), method="GET")
    with pytest.raises(exits.NotPublished) as ended:
        fetch(server, raw)
    line_of(ended, f"answers {status}")
    assert len(server.requests_by("GET")) == 1
    assert not list(raw.parent.iterdir())


def test_what_was_brought_for_other_facts_is_dropped(server, raw):
    server.behave(JANUARY, Answer(after=100_000), Answer(status=500), method="GET")
    with pytest.raises(exits.Unreachable):
        fetch(server, raw)
    assert (raw.parent / partial.NAME).stat().st_size == 100_000
    (server.folder / JANUARY).write_bytes(os.urandom(SIZE))
    server.behave(JANUARY, Answer(), method="GET")
    fetch(server, raw)
    assert is_whole(server, raw)
    assert ranges(server)[-1] is None


def test_two_jobs_never_write_one_partial(server, raw):
    facts = publisher.locate(server.settings("2021-01"))
    with partial.Partial(raw.parent, facts) as first:
        first.write(b"begun")
        with pytest.raises(exits.TryAgain, match="another job"):
            fetch(server, raw, facts)


def test_an_html_page_instead_of_a_located_file_is_a_change(server, raw):
    facts = publisher.locate(server.settings("2021-01"))
    server.behave(JANUARY, html_page())
    with pytest.raises(exits.TryAgain, match=f"{len(HTML)} bytes instead of {SIZE:,}"):
        fetch(server, raw, facts)
