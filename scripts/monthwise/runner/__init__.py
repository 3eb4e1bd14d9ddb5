"""One call of `run`: missing files, Snakemake, progress, alerts, cost."""
