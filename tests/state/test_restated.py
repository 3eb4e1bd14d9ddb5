"""Which known months are looked at again, and which have changed in their folder."""

import os
import shlex
from pathlib import Path

import pytest
from monthwise import publisher
from monthwise.base import files, months, suggest
from monthwise.config.settings import Settings
from monthwise.runner import publication
from monthwise.state import calls, restated
from monthwise.workflow import targets
from monthwise.workflow.calendar import Calendar, Calendars

KNOWN = months.span("2015-01", "2023-12")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("published").mkdir()
    return tmp_path


def settings(here, **more) -> Settings:
    return Settings((), {"source": f"file:{here}/published", "begin": {"green": "2021-03"}} | more)


def called(times: int) -> None:
    Path(calls.PATH).parent.mkdir(exist_ok=True)
    Path(calls.PATH).write_text("{}\n" * times)


def test_every_known_month_of_the_web_is_looked_at_within_thirty_calls(here):
    asked = []
    for number in range(30):
        called(number)
        asked.append(publication.rechecked(settings(here, source="https"), KNOWN))
        assert asked[-1] == publication.rechecked(settings(here, source="https"), KNOWN)  # as `plan` before `run`
        assert asked[-1][-3:] == KNOWN[-3:]
        assert len(asked[-1]) <= 3 + 4
    assert {month for some in asked for month in some} == set(KNOWN)


@pytest.mark.parametrize(("recheck", "newest"), [(0, 0), (5, 5), (10**9, len(KNOWN))])
def test_a_number_that_is_given_holds(here, recheck, newest):
    assert publication.rechecked(settings(here, source="https"), KNOWN, recheck) == KNOWN[len(KNOWN) - newest :]


def test_every_known_month_of_a_folder_is_looked_at_in_each_call(here):
    assert publication.rechecked(settings(here), KNOWN) == KNOWN
    assert publication.rechecked(settings(here), KNOWN, 2) == KNOWN[-2:]


def published(here, month: str) -> Path:
    """Publish and locate a month."""
    path = here / f"published/green_tripdata_{month}.parquet"
    path.write_bytes(b"PAR1")
    asked = {"source": f"file:{here}/published", "service": "green", "month": month, "file": path.name}
    source = Path(targets.data_file("green", month, "source.json"))
    source.parent.mkdir(parents=True)
    source.write_bytes(files.to_json(publisher.locate(asked)))
    return path


def test_months_that_changed_in_the_folder_are_named_in_one_line(here, monkeypatch):
    paths = [published(here, month) for month in ("2021-01", "2021-02", "2021-03", "2021-04")]
    assert restated.notices(Calendars(settings(here))) == []
    paths[0].write_bytes(b"PAR1 again")
    os.utime(paths[2], (1, 1))
    paths[1].unlink()
    monkeypatch.setenv(suggest.CALL, "")
    suggest.remember("a b", overrides=["source=file:published"])
    (line,) = restated.notices(Calendars(settings(here)))
    assert line.startswith("green: 2021-01, 2021-03 changed in the folder")
    command = shlex.split(line.split("`")[1])
    assert command[:3] == ["./monthwise", "locate", "2021-01..2021-03"]
    assert command[3:] == ["--directory", "a b", "--service", "green", "--config", "source=file:published"]
    assert restated.restated_months(Calendar.read(settings(here, source="demo"), "green")) == []
    closed = settings(here, history={"closed_before": "2021-05"})
    assert restated.restated_months(Calendar.read(closed, "green")) == ["2021-03"]
