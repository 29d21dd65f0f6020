"""What is heard and what is known, in one ranking (beyond the paper).

Popularity cannot be heard, but a catalogue often knows it, and listeners share popular artists more often.

Conventions
-----------
- ``z(score) + weight * z(log listeners)``: both standardised over a query's candidates. Weight 0 is audio
  alone and leaves the order as it was; the larger the weight, the more all queries are told the same artists.
- A blend is another question than a score of audio alone, and is reported apart from it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)


def blend(scores, listeners, weight):
    """Scores with so much popularity in them.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
        Higher is closer; blank cells stay blank and count for nothing.
    listeners : pd.Series
        Of each candidate.
    weight : float, >= 0

    Returns
    -------
    pd.DataFrame, shape=(n_queries, n_candidates)

    Raises
    ------
    ValueError
        If a candidate has no listeners, or the weight is negative or not finite.
    """
    if not 0 <= weight < np.inf:
        raise ValueError(f"the weight of popularity must be 0 or more, got {weight}")
    known = listeners.reindex(scores.columns).to_numpy(dtype=float)
    if not (known > 0).all():
        raise ValueError(f"{int((~(known > 0)).sum())} candidates have no listeners")
    values = scores.to_numpy(dtype=float)
    fame = np.where(np.isnan(values), np.nan, np.log(known))
    return pd.DataFrame(
        _standardised(values) + weight * _standardised(fame), index=scores.index, columns=scores.columns
    )


def _standardised(values):
    """Mean 0 and standard deviation 1 in each row; rows of one value become 0."""
    centred = values - np.nanmean(values, axis=1, keepdims=True)
    spread = np.nanstd(values, axis=1, keepdims=True)
    return np.divide(centred, spread, out=centred * 0, where=spread > 1e-12)
