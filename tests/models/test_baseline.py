"""The naive model."""

import pandas as pd
from monthwise.models.baseline import PairMean


def test_the_baseline_falls_back_from_pair_to_zone_to_all():
    trained = pd.DataFrame({"pair": [11, 11, 12, 21], "pickup_zone": [1, 1, 1, 2]})
    baseline = PairMean().fit(trained, pd.Series([10.0, 20.0, 30.0, 100.0]))
    trips = pd.DataFrame({"pair": [11, 13, 99], "pickup_zone": [1, 1, 9]})
    assert baseline.predict(trips).tolist() == [15.0, 20.0, 40.0]
    assert baseline.knows_pair(trips).tolist() == [True, False, False]
