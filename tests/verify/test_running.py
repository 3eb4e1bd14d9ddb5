"""Programs that `verify` runs: which failures are findings about a month."""

import os

import pytest
from monthwise.base import exits
from monthwise.verify import recorded_jobs, running


@pytest.mark.parametrize(
    ("code", "error"),
    [(os.EX_CANTCREAT, exits.CannotWrite), (os.EX_TEMPFAIL, exits.TryAgain), (1, recorded_jobs.Finding)],
)
def test_a_failure_that_is_not_about_the_month_is_no_finding(tmp_path, monkeypatch, code, error):
    program = tmp_path / "drift.py"
    program.write_text(f"print('exit {code}: no room')\nraise SystemExit({code})")
    monkeypatch.setattr(running, "resource", lambda _: program)
    job = recorded_jobs.Job("drift", "2023-10", {}, {}, {})
    with pytest.raises(error, match=r"^drift of 2023-10( fails)?: no room$"):
        running.run(job, tmp_path)
