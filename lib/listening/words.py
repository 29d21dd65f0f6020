"""What notebook 01 says came out, computed: no sentence about a result is typed.

Conventions
-----------
- Numbers stand as in the tables, rounded.
"""

from __future__ import annotations

import numpy as np


def rows(outcomes):
    """What became of the rows of a plays file.

    Parameters
    ----------
    outcomes : pd.DataFrame
        ``outcome, rows``: the summary of `lib.listening.plays.read`.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> outcomes = ["kept", "merged into another row", "rejected: no user", "rejected: no name"]
    >>> print(rows(pd.DataFrame({"outcome": outcomes, "rows": [950, 30, 15, 5]})))
    Of 1,000 rows, 950 are kept, 30 are merged into another row, and 20 (2.0 %) are rejected.
    """
    counts = outcomes.set_index("outcome")["rows"]
    rejected = counts[counts.index.str.startswith("rejected")].sum()
    merged = counts.get("merged into another row", 0)
    return (
        f"Of {counts.sum():,} rows, {counts.get('kept', 0):,} are kept, {merged:,} are merged into another"
        f" row, and {rejected:,} ({100 * rejected / counts.sum():.1f} %) are rejected."
    )


def audiences(listening):
    """How many artists and listeners there are, and how many pairs of artists share nobody.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd, scipy.sparse
    >>> from lib.listening.matrix import ListeningMatrix
    >>> plays = scipy.sparse.csr_array([[3, 1, 0], [0, 4, 2]])  # two users, three artists
    >>> print(audiences(ListeningMatrix(plays, pd.DataFrame({"artist_id": ["abba", "air", "zz"]}))))
    3 artists, 2 listeners. Of the 3 pairs of artists, 33 % have no listener in common.
    """
    n_users, n_artists = listening.plays.shape
    n_pairs = n_artists * (n_artists - 1) // 2
    shared = (
        np.count_nonzero(listening.co_listeners) - np.count_nonzero(listening.co_listeners.diagonal())
    ) // 2
    return (
        f"{n_artists:,} artists, {n_users:,} listeners. Of the {n_pairs:,} pairs of artists,"
        f" {100 * (1 - shared / max(n_pairs, 1)):.0f} % have no listener in common."
    )


def trust(summary, metric="min_conditional"):
    """How much of a metric is popularity, and how much of its agreement needs taste.

    Parameters
    ----------
    summary : pd.DataFrame
        From `lib.listening.trust.summary`.
    metric : str

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"metric": "jaccard", "popularity_correlation": 0.3}
    >>> row |= {"popularity_low": 0.2, "popularity_high": 0.4}
    >>> row |= {"split_half": 0.5, "split_half_by_chance": 0.2}
    >>> print(trust(pd.DataFrame([row]), "jaccard"))
    jaccard follows popularity (ρ = +0.30, 95 % interval +0.20 to +0.40): popular artists are near to many.
    Two halves of the listeners agree with ρ = 0.50. Without taste they would agree with 0.20.
    """
    row = summary.set_index("metric").loc[metric]
    low, high = row["popularity_low"], row["popularity_high"]
    if low > 0:
        verb, meaning = "follows popularity", "popular artists are near to many"
    elif high < 0:
        verb, meaning = "is opposed to popularity", "obscure artists are near to many"
    else:
        verb, meaning = "cannot be shown to follow popularity", "the interval contains 0"
    return (
        f"{metric} {verb} (ρ = {row['popularity_correlation']:+.2f}, 95 % interval {low:+.2f} to"
        f" {high:+.2f}): {meaning}.\n"
        f"Two halves of the listeners agree with ρ = {row['split_half']:.2f}. Without taste they would agree"
        f" with {row['split_half_by_chance']:.2f}."
    )
