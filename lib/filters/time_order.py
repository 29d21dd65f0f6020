"""Does global max pooling remove time? Clips with their frames in another order (paper, section 4).

The paper chose global max pooling "to remove any time-dependency from the resulting vector, so that the
vector can solely consist of extracted features along the frequency axis". If so, a trained network gives a
clip the same embedding whatever the order of its frames.

Conventions
-----------
- Nothing is trained anew. All clips of a ranking, of queries and of candidates, are changed in the same way;
  each clip has its own random order or shift.
- The order of frames can matter only within the receptive field of a value that is pooled
  (`receptive_field`): 34 frames, 4 seconds, with three convolutions. A shift changes more than the place: a
  value stands for a cell of the grid of the max pooling before (8 or 16 frames), and the clip's ends meet.
- Judged on the test artists, with the dev artists beside; nothing is chosen.

References
----------
Allen (2018), section 4.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib import numerics
from lib.ranking import influence, metrics, ties

UNCHANGED, SHUFFLED = "unchanged", "shuffled, single frames"
SHIFTED = "shifted, multiples of 16 frames"  # this leaves the grid of max pooling where it is
STEPS = {SHIFTED: 16, "shifted, any number of frames": 1}  # frames
BLOCKS = {f"shuffled, blocks of {n} frames": n for n in (64, 16, 4)} | {SHUFFLED: 1}  # frames
ORDERS = {  # what is done to the frames of a clip, shortest step last
    UNCHANGED: "as they are",
    SHIFTED: "shifted in a circle by a random multiple of 16",
    "shifted, any number of frames": "shifted in a circle by a random number",
    "reversed": "in reverse",
    **{order: f"in shuffled blocks of {n}" for order, n in BLOCKS.items() if n > 1},
    SHUFFLED: "shuffled one by one",
}
CHANCE = "chance"
MARGIN = 0.01  # of nDCG: a smaller loss counts as none
KEPT = 0.9  # share of the nearest: where more stay, the neighbour lists count as unchanged
MEASURES = {
    "cosine": "cosine with the embedding of the clip as it is",
    "overlap": "share of each artist's nearest that stay",
    "ndcg": "nDCG of the ranking",
}


def reordered(clips, order, *, seed=0):
    """Clips with their frames in another order.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, n_bands)
    order : str
        One of `ORDERS`.
    seed : int
        Of the random orders and shifts.

    Returns
    -------
    np.ndarray, of the same shape
        The same frames of each clip; the last block may be shorter than the others.

    Raises
    ------
    ValueError
        If there is no such order.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {list(ORDERS)}, got {order!r}")
    n_frames, rng = clips.shape[1], np.random.default_rng(seed)
    places = np.tile(np.arange(n_frames), (len(clips), 1))
    if order in STEPS:
        steps = rng.integers(1, n_frames // STEPS[order], (len(clips), 1))
        places = (places + STEPS[order] * steps) % n_frames
    elif order == "reversed":
        places = places[:, ::-1]
    elif order in BLOCKS:
        blocks = np.array_split(np.arange(n_frames), np.arange(BLOCKS[order], n_frames, BLOCKS[order]))
        drawn = (rng.permutation(len(blocks)) for _ in clips)
        places = np.array([np.concatenate([blocks[k] for k in one]) for one in drawn])
    return np.take_along_axis(clips, places[..., None], axis=1)


def receptive_field(pools):
    """Frames that one value before global max pooling depends on.

    Parameters
    ----------
    pools : sequence of int
        Max pooling after each convolution over three frames, such as ``siamese.POOLS[3]``.

    Returns
    -------
    int

    Examples
    --------
    >>> receptive_field([2]), receptive_field([2, 4, 1])
    (4, 30)
    """
    field, stride = 1, 1
    for pool in pools:
        field += 2 * stride + (pool - 1) * stride
        stride *= pool
    return field


def cosines(first, second):
    """Cosine of corresponding rows; 0 where a row is all 0.

    Parameters
    ----------
    first, second : np.ndarray, shape=(n_clips, n_filters)

    Returns
    -------
    np.ndarray, shape=(n_clips,)
    """
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.divide(
        np.vecdot(first, second), lengths, out=np.zeros(len(first)), where=lengths > 0, dtype=float
    )


def cosine_of_others(embeddings, owners):
    """Mean cosine between clips of different artists: what a cosine comes to when nothing is shared.

    Parameters
    ----------
    embeddings : np.ndarray, shape=(n_clips, n_filters)
    owners : np.ndarray, shape=(n_clips,)

    Returns
    -------
    float
    """
    unit = numerics.unit(embeddings).astype(float)
    return float((unit @ unit.T)[np.not_equal.outer(owners, owners)].mean())


def quality(scores, truth, n):
    """Each order's nDCG, and how much of the neighbour lists it leaves as they were.

    Parameters
    ----------
    scores : dict of str to pd.DataFrame, shape=(n_artists, n_artists)
        Of one network, by order, `UNCHANGED` among them.
    truth : pd.DataFrame
    n : int
        Length of the lists.

    Returns
    -------
    pd.DataFrame
        ``order, overlap, ndcg``, the last row being `CHANCE`.
    """
    rows, before = [], scores[UNCHANGED]
    constant = pd.DataFrame(0.0, index=truth.index, columns=truth.columns)
    for order, frame in {**scores, CHANCE: constant}.items():
        overlap = metrics.overlap_at_n(frame, before, n).mean()
        rows.append({"order": order, "overlap": overlap, "ndcg": metrics.ndcg(frame, truth, n).mean()})
    return pd.DataFrame(rows)


def summary(measured):
    """Mean over trainings of what each order leaves, with the lowest and the highest training.

    Parameters
    ----------
    measured : pd.DataFrame
        ``split, seed, order`` and the columns of `MEASURES`, one row a training.

    Returns
    -------
    pd.DataFrame
        ``split, order``; each measure with ``_low`` and ``_high``; ``n_trainings``.

    Examples
    --------
    >>> measured = pd.DataFrame({"split": "test", "order": "reversed", "seed": [0, 1], "overlap": [0.7, 0.5]})
    >>> table = summary(measured.assign(cosine=[0.9, 0.8], ndcg=0.4))
    >>> table[["order", "overlap", "overlap_low", "overlap_high", "n_trainings"]]
          order  overlap  overlap_low  overlap_high  n_trainings
    0  reversed      0.6          0.5           0.7            2
    """
    groups = measured.groupby(["split", "order"], sort=False)
    columns = {}
    for measure in MEASURES:
        columns |= {measure: (measure, "mean")}
        columns |= {f"{measure}_low": (measure, "min"), f"{measure}_high": (measure, "max")}
    return groups.agg(**columns, n_trainings=("seed", "nunique")).reset_index()


def in_words(summary, n):
    """How much of neighbour lists and ranking stays when the frames stand in another order.

    Parameters
    ----------
    summary : pd.DataFrame
        From `summary`, of one split.
    n : int
        Length of the lists.

    Returns
    -------
    str

    Examples
    --------
    >>> table = pd.DataFrame({"order": [UNCHANGED, "reversed", SHUFFLED, CHANCE]})
    >>> print(in_words(table.assign(overlap=[1, 0.9, 0.8, 0.2], ndcg=[0.4, 0.4, 0.38, 0.2]), n=10))
    Of an artist's 10 nearest, 80 % (shuffled, single frames) to 90 % (reversed) stay; of a random list, 20 %.
    nDCG@10: 0.400 unchanged, 0.380 with single frames shuffled, 0.200 by chance.
    """
    table = summary.set_index("order")
    stay, ndcg = table["overlap"].drop([UNCHANGED, CHANCE]), table["ndcg"]
    least, most = (f"{100 * stay[order]:.0f} % ({order})" for order in (stay.idxmin(), stay.idxmax()))
    return (
        f"Of an artist's {n} nearest, {least} to {most} stay; of a random list,"
        f" {100 * table['overlap'][CHANCE]:.0f} %.\n"
        f"nDCG@{n}: {ndcg[UNCHANGED]:.3f} unchanged, {ndcg[SHUFFLED]:.3f} with single frames shuffled,"
        f" {ndcg[CHANCE]:.3f} by chance."
    )


def edges_in_words(edges):
    """How many of the maxima that pooling takes lie at the ends of the clips.

    Parameters
    ----------
    edges : pd.DataFrame
        From `lib.filters.ablation.maxima_at_edges`.

    Returns
    -------
    str

    Examples
    --------
    >>> print(edges_in_words(pd.DataFrame({"at_edges": [0.3, 0.5], "expected": 0.125})))
    40 % of the maxima (30 % to 50 % over 2 trainings) lie at the ends of a clip, 12.5 % of all places.
    """
    mean, low, high = (100 * edges["at_edges"].agg(name) for name in ("mean", "min", "max"))
    return (
        f"{mean:.0f} % of the maxima ({low:.0f} % to {high:.0f} % over {len(edges)} trainings) lie at the"
        f" ends of a clip, {100 * edges['expected'].iloc[0]:.3g} % of all places."
    )


def kept(changed, untouched, n):
    """Share of each artist's `n` nearest that stay, with the influence of each candidate on it.

    Parameters
    ----------
    changed, untouched : pd.DataFrame, shape=(n_artists, n_artists)
        Scores of one training.
    n : int
        Length of the lists.

    Returns
    -------
    lib.ranking.influence.Measured
        As `metrics.overlap_at_n`; a candidate counts by what is lost with it, so that equal lists vary by
        nothing.
    """
    after, before = (ties.inclusion(values, n) for values in metrics.validate(changed, untouched, n))
    lost = before * (1 - after) / n
    return influence.Measured.of(1 - lost.sum(axis=1), -lost, untouched)
