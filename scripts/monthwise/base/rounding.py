"""Round numbers for bin edges and axis ticks."""

import math


def round_up(number: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is not less than a positive number."""
    power = 10.0 ** math.floor(math.log10(number))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number * (1 - 1e-9))
