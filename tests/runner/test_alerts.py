"""Alerts reach a real mail server, each once, without secrets."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fixtures.shared_months import LAST, publish
from fixtures.workflow import Clone
from monthwise.base import files
from monthwise.config.settings import Settings
from monthwise.runner import alerts
from servers.mail_server import SECRET

NEXT = LAST  # the data month that is not yet published
OUTCOME = {"code": 0, "line": "up to date", "failed": [], "rejected": {}, "champions": []}
FAULT = {"rule": "train", "dataset": "green", "month": "2024-03", "code": 1, "line": "planted", "log": "logs/x.log"}


@pytest.fixture
def workdir(tmp_path, monkeypatch) -> Path:
    for name in alerts.SECRETS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def raised(outcome: dict, **switched) -> list[str]:
    config = {"source": "demo", "alerts": switched} if switched else {"source": "demo"}
    return alerts.send_alerts(Settings((), config), ["green"], OUTCOME | outcome)


def test_a_failure_is_told_once_until_it_is_gone(workdir, mails, monkeypatch):
    received, url = mails
    monkeypatch.setenv(alerts.URLS, url)
    for _ in range(2):
        assert raised({"code": 1, "failed": [FAULT]}) == []
    assert len(received.texts) == 1
    assert "train green 2024-03 failed: planted (logs/x.log)" in received.texts[0]
    assert raised({}) == []
    assert raised({"code": 1, "failed": [FAULT]}) == []
    assert len(received.texts) == 2
    assert SECRET not in "".join(path.read_text() for path in workdir.rglob("*") if path.is_file())


def test_each_kind_can_be_switched_off(workdir, mails, monkeypatch):
    received, url = mails
    monkeypatch.setenv(alerts.URLS, url)
    nothing = {"failure": False, "reject": False, "champion": False, "live_excess": None, "late_days": None}
    happened = {"code": 65, "failed": [FAULT], "rejected": {"green": {"2024-01": "no"}}, "champions": ["another"]}
    assert raised(happened, **nothing) == []
    assert received.texts == []
    assert raised(happened) == []
    assert all(word in received.texts[0] for word in ("planted", "no", "another"))


def test_a_month_whose_error_is_far_above_its_validation_error_and_a_late_one_are_told(workdir, monkeypatch):
    settings = Settings((), {"source": "https"})
    run = workdir / "runs/green/2024-03"
    run.mkdir(parents=True)
    files.write_json(run / "champion.json", {"month": "2024-03", "decision": "kept", "champion": {}})
    live = {"metric": "rmse", "unit": "min", "rmse": 6.0, "validation_error": 4.0, "live_excess": 0.5}
    files.write_json(run / "live.json", live)
    for month, published in (("2024-01", "2024-03-01"), ("2024-02", "2024-04-01")):
        data = workdir / "data/green" / month
        data.mkdir(parents=True)
        files.write_json(data / "source.json", {"last_modified": f"{published}T10:00:00Z"})
    monkeypatch.setenv("MONTHWISE_TODAY", "2024-05-14")  # usually 31 days after the end: the first of May
    assert alerts.conditions(settings, ["green"], OUTCOME).keys() == {"live green 2024-03"}
    monkeypatch.setenv("MONTHWISE_TODAY", "2024-05-16")
    raised_alerts = alerts.conditions(settings, ["green"], OUTCOME)
    assert raised_alerts["live green 2024-03"] == (
        "green 2024-03: the champion's live error is RMSE 6.000 min, the validation error 4.000 (+50.0%)"
    )
    assert "green 2024-03 is still not published" in raised_alerts["late green 2024-03"]


def test_an_alert_that_cannot_be_sent_is_a_line_without_the_url_and_is_tried_again(workdir, mails, monkeypatch, capfd):
    received, url = mails
    monkeypatch.setenv(alerts.URLS, f"json://127.0.0.1:9/{SECRET}")
    lines = raised({"code": 1, "failed": [FAULT]})
    assert lines == ["alerts: 1 could not be sent; the next call tries again"]
    assert SECRET not in "".join(capfd.readouterr())
    monkeypatch.setenv(alerts.URLS, url)
    assert raised({"code": 1, "failed": [FAULT]}) == []
    assert len(received.texts) == 1


def test_urls_may_lie_in_a_file_outside_the_repository_alone(workdir, mails, monkeypatch):
    received, url = mails
    outside = workdir.parent / "alerts"
    outside.write_text(f"# who is told\n{url}\n")
    monkeypatch.setenv(alerts.FILE, str(outside))
    assert raised({"code": 1, "failed": [FAULT]}) == []
    assert len(received.texts) == 1
    inside = workdir / "alerts"
    inside.write_text(url)
    monkeypatch.setenv(alerts.FILE, str(inside))
    assert "move it out" in raised({})[0]


def test_a_ping_follows_success_alone(workdir, monkeypatch):
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(alerts.PING, f"http://127.0.0.1:{server.server_port}/{SECRET}")
    assert raised({"code": 65}) == []
    assert paths == []
    assert raised({}) == []
    assert paths == [f"/{SECRET}"]
    server.shutdown()
    server.server_close()
    lines = raised({})
    assert lines
    assert SECRET not in lines[0]


def test_no_secret_of_the_environment_is_left_anywhere_after_a_run(clone: Clone, mails):
    received, url = mails
    clone.configure({"last": "newest"})
    publish(clone.path("published"), "green", NEXT, rows=50)
    ended = clone.monthwise("run", "--jobs", "2", env={alerts.URLS: url, alerts.PING: f"http://127.0.0.1:9/{SECRET}"})
    assert ended.returncode == 65
    assert f"green {NEXT} is rejected" in received.texts[0]
    assert SECRET not in ended.stdout + ended.stderr
    paths = [path for path in clone.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert paths == []
    assert json.loads(clone.path("logs/alerts.json").read_text())
