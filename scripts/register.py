"""Update the MLflow registry from the files: a version per run month and content, aliases, decisions, live errors.

The files are the source of truth. Manual edits in the registry are corrected; entries that agree are not rewritten.
"""

from monthwise.job import command_line
from monthwise.tracking.registry import main

if __name__ == "__main__":
    inputs = ("champions", "trackings", "lives")
    command_line.run(main, inputs=inputs, outputs=("registry",), many=inputs)
