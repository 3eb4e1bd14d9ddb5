"""Turn a published month into trips of one schema, and count what was dropped, repaired and missing.

A row is dropped for the first of DROPS that applies to it. In a row that is kept, an implausible value becomes missing
and counts as a repair. No number depends on where the month is cut into batches.
"""

from monthwise.data.cleaning import main
from monthwise.job import command_line

if __name__ == "__main__":
    command_line.run(main, inputs=("raw", "zones"), outputs=("trips", "quality"), many=("zones",))
