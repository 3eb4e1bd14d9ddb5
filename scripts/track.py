"""Write a run month into MLflow: its parameters, errors, data, code and model, once however often it is asked for."""

from monthwise.job import command_line
from monthwise.tracking.runs import main

if __name__ == "__main__":
    inputs = ("model", "training", "metrics", "features", "validation_features")
    command_line.run(main, inputs=inputs, outputs=("tracking",), many=("features",))
