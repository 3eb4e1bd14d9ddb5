"""Make the MLflow registry agree with the files: a version per run month and content, aliases, decisions, live errors.

The files lead. What somebody edited there by hand is put right; what agrees is not written again.
"""

from monthwise.job import command_line
from monthwise.tracking.registry import main

if __name__ == "__main__":
    inputs = ("champions", "trackings", "lives")
    command_line.run(main, inputs=inputs, outputs=("registry",), many=inputs)
