"""Predict the trips of a published month with the champion of that month, and measure its live error."""

import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import zones
from monthwise.job import command_line
from monthwise.job.provenance import provenance
from monthwise.models import evaluation, model_files
from monthwise.models.evaluation import evaluate


def main(job) -> str:
    settings, decision = job.settings, files.read_json(job.champion)
    label, champion = f"{settings['service']} {settings['month']}", decision["champion"]
    if not pq.read_metadata(job.features).num_rows:
        raise BadData(f"{label}: no trip in {settings['month']} to score; look at its quality.json")
    trips, live = evaluate(
        model_files.load(job.model, champion["recipe"]),
        model_files.load(job.baseline),
        evaluation.batches(job.features),
        champion["columns"],
        zones.read(job.zones[0] if job.zones else None),
    )
    live |= {key: settings[key] for key in ("service", "month")}
    live |= {key: decision[key] for key in ("promised_rmse_min", "promised_on")}
    live["champion"] = {key: champion[key] for key in ("month", "kind")}
    live["off"] = live["rmse_min"] / live["promised_rmse_min"] - 1
    evaluation.write(job.predictions, trips)
    files.write_json(job.live, live)
    files.write_json(job.provenance, provenance())
    return (
        f"{label}: RMSE {live['rmse_min']:.3f} min on {live['rows']:,} trips, {live['off']:+.1%} off the"
        f" {live['promised_rmse_min']:.3f} that {live['promised_on']} promised"
    )


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("champion", "model", "baseline", "features", "zones"),
        outputs=("predictions", "live", "provenance"),
        many=("zones",),
    )
