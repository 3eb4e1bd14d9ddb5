"""The program of the warm processes: `python -P process.py DESCRIPTORS`. What it does is in server.py.

They hold libraries only. The project's own modules are imported by each job, as they then are, and from where its
program lies; so this one forgets them again.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    """Import the server, forget the project, serve."""
    scripts = str(Path(__file__).resolve().parents[3])
    sys.path.insert(0, scripts)
    from monthwise.job.warm import server

    sys.path.remove(scripts)
    for name in [name for name in sys.modules if name.partition(".")[0] == "monthwise"]:
        del sys.modules[name]
    server.start(json.loads(sys.argv[1]))


if __name__ == "__main__":
    main()
