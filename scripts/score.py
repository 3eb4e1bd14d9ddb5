"""Predict the trips of a published month with the champion of that month, and measure its live error."""

from monthwise.base import files
from monthwise.job import command_line
from monthwise.models import evaluation


def main(job) -> str:
    settings, decision = job.settings, files.read_json(job.champion)
    champion = decision["champion"]
    trips, live = evaluation.evaluate_month(job, champion, settings["month"])
    live |= {key: settings[key] for key in ("service", "month")}
    live |= {key: decision[key] for key in ("promised_rmse_min", "promised_on")}
    live["champion"] = {key: champion[key] for key in ("month", "kind")}
    live["off"] = live["rmse_min"] / live["promised_rmse_min"] - 1
    evaluation.write(job, job.predictions, trips, job.live, live)
    return (
        f"{settings['service']} {settings['month']}: RMSE {live['rmse_min']:.3f} min on {live['rows']:,} trips,"
        f" {live['off']:+.1%} off the {live['promised_rmse_min']:.3f} that {live['promised_on']} promised"
    )


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("champion", "model", "baseline", "features", "zones"),
        outputs=("predictions", "live", "provenance"),
        many=("zones",),
    )
