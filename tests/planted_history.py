"""A history with known events, and the decisions that a person would make in it, written down before `promote` was."""

FIRST, LAST = "2022-03", "2023-04"  # run months; data months begin two months before

SLOWER = "2022-04"  # every trip takes 20 % longer
TWICE = "2022-07"  # every row is there twice
CLOSED = "2022-09"  # the busiest zone has no trips
BETTER = "2022-11"  # run month from which a better recipe holds, the ninth
REJECTED = "2022-12"  # most rows are unusable: rejected, then skipped

# Run month: decision, run month whose model serves.
DECISIONS = {
    "2022-03": ("first", "2022-03"),
    "2022-04": ("kept", "2022-03"),
    "2022-05": ("kept", "2022-03"),  # measured on the slower month, which neither model knew
    "2022-06": ("kept", "2022-03"),  # trained on the slower month
    "2022-07": ("kept", "2022-03"),
    "2022-08": ("kept", "2022-03"),
    "2022-09": ("kept", "2022-03"),
    "2022-10": ("kept", "2022-03"),
    "2022-11": ("promoted", "2022-11"),
    "2022-12": ("kept", "2022-11"),
    "2023-01": ("no challenger", "2022-11"),  # its validation month is skipped
    "2023-02": ("kept", "2022-11"),  # trained on the month before the skipped one
    "2023-03": ("kept", "2022-11"),
    "2023-04": ("kept", "2022-11"),
}
