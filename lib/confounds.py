"""What else could make a ranking look right: fame, hubs, the catalogue, the level (beyond the paper).

Conventions
-----------
- Frames are those of `lib.ranking`: queries (rows) by candidates (columns), higher is closer, blank where the
  query is its own candidate.
- Measures return one value for each query, blank where the query allows none; those of hubs one for each
  candidate.

References
----------
Radovanović, Nanopoulos & Ivanović (2010). Hubs in space.
Flexer & Stevens (2018). Mutual proximity graphs for improved reachability in music recommendation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib import ranking


def matched_concordance(predicted, truth, listeners, *, ratio=1.3):
    """Share of candidate pairs of like fame that a method orders as the truth does.

    Parameters
    ----------
    predicted, truth : pd.DataFrame, shape=(n_queries, n_candidates)
    listeners : pd.Series
        Listeners of each candidate.
    ratio : float, >= 1
        Pairs whose listener counts differ by at most this factor are compared.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1], chance exactly 0.5; predicted ties count half, pairs that the truth ties are left out;
        blank for a query without any pair.

    Raises
    ------
    ValueError
        As `ranking.validate`, or if a candidate has no listeners.
    """
    ranking.validate(predicted, truth)
    fame = _log_listeners(listeners, truth.columns)
    first, second = np.triu_indices(len(fame), k=1)
    alike = np.abs(fame[first] - fame[second]) <= np.log(ratio) + 1e-12  # exactly 1.3 is still alike
    first, second = first[alike], second[alike]
    shares = np.full(len(truth), np.nan)
    for place, (p, t) in enumerate(zip(predicted.to_numpy(float), truth.to_numpy(float), strict=True)):
        true_sign = np.sign(t[first] - t[second])  # blank with the query's own cell
        counted = np.nan_to_num(true_sign) != 0
        if counted.any():
            agreement = np.sign(p[first] - p[second])[counted] * true_sign[counted]
            shares[place] = 0.5 * (1 + agreement.mean())
    return pd.Series(shares, index=truth.index)


def _log_listeners(listeners, artists):
    counts = listeners.reindex(artists).to_numpy(dtype=float)
    if not (counts > 0).all():
        raise ValueError(f"{int((~(counts > 0)).sum())} candidates have no listeners")
    return np.log(counts)
