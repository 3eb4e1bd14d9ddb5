"""The MLflow store: its location, its owner, its runs and its registry."""
