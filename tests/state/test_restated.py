"""Which known months are checked again, and which have changed in their folder."""

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
def workdir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("published").mkdir()
    return tmp_path


def settings(workdir, **changed) -> Settings:
    return Settings((), {"source": f"file:{workdir}/published", "begin": {"green": "2021-03"}} | changed)


def called(times: int) -> None:
    Path(calls.PATH).parent.mkdir(exist_ok=True)
    Path(calls.PATH).write_text("{}\n" * times)


def test_every_known_month_of_the_web_is_looked_at_within_thirty_calls(workdir):
    rechecked = []
    for number in range(30):
        called(number)
        rechecked.append(publication.rechecked(settings(workdir, source="https"), KNOWN))
        assert rechecked[-1] == publication.rechecked(
            settings(workdir, source="https"), KNOWN
        )  # as `plan` before `run`
        assert rechecked[-1][-3:] == KNOWN[-3:]
        assert len(rechecked[-1]) <= 3 + 4
    assert {month for months_of_call in rechecked for month in months_of_call} == set(KNOWN)


@pytest.mark.parametrize(("recheck", "newest"), [(0, 0), (5, 5), (10**9, len(KNOWN))])
def test_a_number_that_is_given_holds(workdir, recheck, newest):
    assert publication.rechecked(settings(workdir, source="https"), KNOWN, recheck) == KNOWN[len(KNOWN) - newest :]


def test_every_known_month_of_a_folder_is_looked_at_in_each_call(workdir):
    assert publication.rechecked(settings(workdir), KNOWN) == KNOWN
    assert publication.rechecked(settings(workdir), KNOWN, 2) == KNOWN[-2:]


def published(workdir, month: str) -> Path:
    """Publish and locate a month."""
    path = workdir / f"published/green_tripdata_{month}.parquet"
    path.write_bytes(b"PAR1")
    job_settings = {"source": f"file:{workdir}/published", "dataset": "green", "month": month, "file": path.name}
    source = Path(targets.data_file("green", month, "source.json"))
    source.parent.mkdir(parents=True)
    source.write_bytes(files.to_json(publisher.locate(job_settings)))
    return path


def test_months_that_changed_in_the_folder_are_named_in_one_line(workdir, monkeypatch):
    paths = [published(workdir, month) for month in ("2021-01", "2021-02", "2021-03", "2021-04")]
    assert restated.notices(Calendars(settings(workdir))) == []
    paths[0].write_bytes(b"PAR1 again")
    os.utime(paths[2], (1, 1))
    paths[1].unlink()
    monkeypatch.setenv(suggest.CALL, "")
    suggest.remember("a b", overrides=["source=file:published"])
    (line,) = restated.notices(Calendars(settings(workdir)))
    assert line.startswith("green: 2021-01, 2021-03 changed in the folder")
    command = shlex.split(line.split("`")[1])
    assert command[:3] == ["./monthwise", "locate", "2021-01..2021-03"]
    assert command[3:] == ["--directory", "a b", "--dataset", "green", "--config", "source=file:published"]
    assert restated.restated_months(Calendar.read(settings(workdir, source="demo"), "green")) == []
    closed = settings(workdir, history={"closed_before": "2021-05"})
    assert restated.restated_months(Calendar.read(closed, "green")) == ["2021-03"]
