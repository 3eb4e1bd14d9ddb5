"""Predict the rows of a published month with the champion of that month, and measure its live error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monthwise.base import files, metric_values
from monthwise.job import command_line
from monthwise.models import evaluation

if TYPE_CHECKING:
    import argparse

    from monthwise.base.file_types import Champion, Live


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    decision: Champion = files.read_json(job.champion)
    champion = decision["champion"]
    predicted, measured = evaluation.evaluate_month(job, champion, settings["month"])
    error = metric_values.deciding(measured)
    live: Live = {
        **measured,
        "dataset": settings["dataset"],
        "month": settings["month"],
        "champion": {"month": champion["month"], "kind": champion["kind"]},
        "validation_error": decision["validation_error"],
        "validation_month": decision["validation_month"],
        "live_excess": metric_values.excess(error, decision["validation_error"]),
    }
    evaluation.write(job, job.predictions, predicted, job.live, live)
    return (
        f"{settings['dataset']} {settings['month']}: {metric_values.in_words(live, error)} on {live['rows']:,} rows,"
        f" {live['live_excess']:+.1%} from the validation error {live['validation_error']:.3f}"
        f" on {live['validation_month']}"
    )


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("champion", "model", "baseline", "features"),
        outputs=("predictions", "live", "provenance"),
    )
