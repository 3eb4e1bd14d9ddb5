"""Predict the trips of a published month with the champion of that month, and measure its live error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monthwise.base import files
from monthwise.job import command_line
from monthwise.models import evaluation

if TYPE_CHECKING:
    import argparse

    from monthwise.base.file_types import Champion, Live


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    decision: Champion = files.read_json(job.champion)
    champion = decision["champion"]
    trips, measured = evaluation.evaluate_month(job, champion, settings["month"])
    live: Live = {
        **measured,
        "service": settings["service"],
        "month": settings["month"],
        "champion": {"month": champion["month"], "kind": champion["kind"]},
        "promised_rmse_min": decision["promised_rmse_min"],
        "promised_on": decision["promised_on"],
        "off": measured["rmse_min"] / decision["promised_rmse_min"] - 1,
    }
    evaluation.write(job, job.predictions, trips, job.live, live)
    return (
        f"{settings['service']} {settings['month']}: RMSE {live['rmse_min']:.3f} min on {live['rows']:,} trips,"
        f" {live['off']:+.1%} from the validation error {live['promised_rmse_min']:.3f} on {live['promised_on']}"
    )


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("champion", "model", "baseline", "features", "zones"),
        outputs=("predictions", "live", "provenance"),
        many=("zones",),
    )
