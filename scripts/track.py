"""Log a run month in MLflow: its parameters, errors, data, code and model; a rerun does not log it twice."""

from monthwise.job import command_line
from monthwise.tracking.runs import main

if __name__ == "__main__":
    inputs = ("model", "training", "metrics", "features", "validation_features")
    command_line.run(main, inputs=inputs, outputs=("tracking",), many=("features",))
