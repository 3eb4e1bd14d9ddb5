"""The job of check.smk: write whether it started warm, with libraries loaded, and whether it finds all libraries."""

import json
import sys

answer: dict[str, object] = {"warm": "numpy" in sys.modules, "utf8": sys.flags.utf8_mode}

import numpy  # noqa: E402
import pandas  # noqa: E402
import pyarrow  # noqa: E402

answer["libraries"] = [numpy.__version__, pandas.__version__, pyarrow.__version__]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(answer, file)
