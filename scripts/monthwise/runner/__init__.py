"""One call of `run`: what is missing, Snakemake, progress, alerts, cost."""
