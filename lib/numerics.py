"""Two pieces of arithmetic that many steps share: vectors of length 1, and an interval by resampling."""

import numpy as np


def unit(vectors, *, axis=1, least=0.0):
    """Vectors of length 1.

    Parameters
    ----------
    vectors : np.ndarray, shape=(n_rows, n_columns)
    axis : int
        1 where rows are the vectors, 0 where columns are.
    least : float or np.ndarray
        What is no longer than this is 0, or rounding, and becomes 0.

    Returns
    -------
    np.ndarray, of the same shape and type
    """
    length = np.linalg.norm(vectors, axis=axis, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > least)


def bootstrap_interval(values, *, level=0.95, n_resamples=2000, seed=0, statistic=None, quantile=np.quantile):
    """Percentile interval of a mean over queries, or of another statistic of them.

    Parameters
    ----------
    values : array_like, shape=(n_queries,) or (n_queries, k)
        What belongs to a query is drawn together; queries with a blank value are left out.
    level : float
    statistic : function, optional
        From resamples, shape=(n_resamples, n_queries) or (n_resamples, n_queries, k), to one value each.
    n_resamples, seed : int
    quantile : function
        From values and shares to quantiles; numpy's and scipy's differ in the last bit.

    Returns
    -------
    tuple of float
        Lower and upper end.

    Raises
    ------
    ValueError
        If no value is left.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values.reshape(len(values), -1)).any(axis=1)]
    if len(values) == 0:
        raise ValueError("there is no value to resample")
    rng = np.random.default_rng(seed)
    resamples = values[rng.integers(len(values), size=(n_resamples, len(values)))]
    estimates = resamples.mean(axis=1) if statistic is None else statistic(resamples)
    low, high = quantile(estimates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
