"""Choosing hyper-parameters (paper, section 5: grid search).

Conventions
-----------
- Every candidate is fitted on training artists and judged on dev artists only, by loss and by ranking; the
  two may disagree.
- A setting is a batch size, a learning rate, a number of convolutions and a number of epochs.
"""

from __future__ import annotations

import itertools

import pandas as pd
from tqdm import tqdm

from lib import ranking
from lib.training import Siamese

SETTING = ["batch_size", "learning_rate", "n_convolutions", "epochs"]


def grid(
    collection,
    train,
    dev,
    *,
    batch_sizes,
    learning_rates,
    depths=(3,),
    epochs,
    n,
    seed=0,
    checkpoint_folder=None,
    **settings,
):
    """Train one network for each combination and judge it on the dev artists.

    Parameters
    ----------
    collection : lib.methods.Collection
    train, dev : sequence of str
    batch_sizes, learning_rates : sequence
    depths : sequence of int
        Numbers of convolutions (`lib.siamese.encoder`).
    epochs : sequence of int
        Passes over all pairs, ascending. With checkpoints, more epochs go on from fewer.
    n : int
        Length of the lists whose overlap is reported.
    seed : int
    checkpoint_folder : path, optional
        Where finished and half-finished trainings are kept (`Siamese.fit`): an interrupted search goes on.
    **settings
        Further arguments of `Siamese`.

    Returns
    -------
    pd.DataFrame
        ``batch_size, learning_rate, n_convolutions, epochs, seed, dev_loss, dev_overlap, dev_ndcg``.
    """
    truth = collection.target.loc[dev, dev]
    ranking.validate(truth, truth, n)
    rows = []
    combinations = list(itertools.product(batch_sizes, learning_rates, depths, sorted(epochs)))
    for values in tqdm(combinations, desc="search", unit="training"):
        tried = dict(zip(SETTING, values, strict=True))
        method = Siamese(**tried, **settings)
        history = method.fit(collection, train, dev, seed=seed, checkpoint_folder=checkpoint_folder).history
        scores = method.score(collection, dev).reindex_like(truth)
        found = {
            "dev_loss": history.loc[history["split"] == "dev", "loss"].iloc[-1],
            "dev_overlap": ranking.overlap_at_n(scores, truth, n).mean(),
            "dev_ndcg": ranking.ndcg(scores, truth, n).mean(),
        }
        rows.append(tried | {"seed": seed} | found)
    return pd.DataFrame(rows)


def best(table):
    """The settings that the dev artists call best, by each measure.

    Parameters
    ----------
    table : pd.DataFrame
        From `grid`.

    Returns
    -------
    pd.DataFrame
        The row of the lowest loss, of the highest overlap and of the highest nDCG, the first of equals;
        index: the measure.
    """
    places = {
        "dev_loss": table["dev_loss"].idxmin(),
        "dev_overlap": table["dev_overlap"].idxmax(),
        "dev_ndcg": table["dev_ndcg"].idxmax(),
    }
    return table.loc[list(places.values())].set_axis(pd.Index(places, name="best by"))
