"""Turn a published month into trips of one schema, and say in numbers what was dropped, repaired and missing.

A row is dropped for the first of DROPS that it meets. What is merely implausible in a row that is kept becomes missing
and is counted as a repair. Every number is the same wherever the month is cut into batches.
"""

from monthwise.data.cleaning import main
from monthwise.job import command_line

if __name__ == "__main__":
    command_line.run(main, inputs=("raw", "zones"), outputs=("trips", "quality"), many=("zones",))
