"""The kinds of targets, and the words for them that config and code share."""

SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86400}  # units of a target that is a duration
PARTS = ("hour", "weekday", "day", "week", "month", "day_of_year", "minute_of_day")  # of a calendar feature
# Errors that can decide, by task; the first is the default. They are means of a loss of single rows: a comparison can
# redraw rows.
DECIDING = {"regression": ("rmse", "mae"), "binary": ("log_loss", "brier"), "multiclass": ("log_loss", "brier")}
