"""How far two ordered lists agree: many pairs of lists at once, one a row."""

from __future__ import annotations

import numpy as np


def matched_elements(a, b):
    """Elements in the matching blocks that `difflib.SequenceMatcher` finds, all rows at once.

    The longest run that two lists share, the earliest of equal ones; then the same before it and behind it.

    Parameters
    ----------
    a, b : np.ndarray of int, shape=(n_rows, n)
        Each element at most once in a row, from 0 on.

    Returns
    -------
    np.ndarray of int, shape=(n_rows,)
    """
    place = np.full((len(a), max(a.max(), b.max()) + 1), -1)
    here = np.arange(a.shape[1])
    np.put_along_axis(place, b, here[None], axis=1)
    place = np.take_along_axis(place, a, axis=1)  # in b, of each element of a; -1 if it is not there
    runs = (place >= 0).astype(int)  # length of the run that begins at each element of a
    for at in here[-2::-1]:
        runs[:, at] += runs[:, at] * runs[:, at + 1] * (place[:, at + 1] == place[:, at] + 1)
    total = np.zeros(len(a), dtype=int)
    while runs.any():
        first = runs.argmax(axis=1)[:, None]
        length, start = (np.take_along_axis(each, first, axis=1) for each in (runs, place))
        total += length[:, 0]
        before = (here < first) & (place < start)
        runs *= before | ((here >= first + length) & (place >= start + length))
    return total


def levenshtein_distance(a, b):
    """Edit distance between the rows of two arrays of lists, all rows at once.

    Parameters
    ----------
    a, b : np.ndarray of int, shape=(n_rows, n)

    Returns
    -------
    np.ndarray of int, shape=(n_rows,)
        Insertions, deletions and substitutions from each row of `a` to that of `b`.
    """
    a, b = (np.ascontiguousarray(side.T) for side in (a, b))  # place by place, all rows together
    previous = np.tile(np.arange(len(b) + 1)[:, None], b.shape[1])
    for i in range(len(a)):
        current = np.empty_like(previous)
        current[0] = i + 1
        substituted = previous[:-1] + (a[i] != b)
        for j in range(len(b)):
            current[j + 1] = np.minimum(np.minimum(previous[j + 1], current[j]) + 1, substituted[j])
        previous = current
    return previous[-1]
