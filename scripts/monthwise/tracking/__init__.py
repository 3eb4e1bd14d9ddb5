"""The MLflow store: where it is, whose it is, its runs and its registry."""
