"""Choosing hyper-parameters (paper, section 5: grid search).

Conventions
-----------
- Every candidate is fitted on training artists and judged on dev artists only, by loss and by ranking; the
  two may disagree.
"""

from __future__ import annotations

import itertools

import pandas as pd
from tqdm import tqdm

from lib import ranking
from lib.training import Siamese


def grid(
    collection,
    train,
    dev,
    *,
    batch_sizes,
    learning_rates,
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
    epochs : int
        Passes over all pairs, the same for every combination.
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
        ``batch_size, learning_rate, epochs, seed, dev_loss, dev_overlap, dev_ndcg``.
    """
    truth = collection.target.loc[dev, dev]
    ranking.validate(truth, truth, n)
    rows = []
    for batch_size, learning_rate in tqdm(
        list(itertools.product(batch_sizes, learning_rates)), desc="search", unit="training"
    ):
        method = Siamese(batch_size=batch_size, learning_rate=learning_rate, epochs=epochs, **settings)
        history = method.fit(collection, train, dev, seed=seed, checkpoint_folder=checkpoint_folder).history
        scores = method.score(collection, dev).reindex_like(truth)
        rows.append(
            {
                "batch_size": batch_size,
                "learning_rate": learning_rate,
                "epochs": epochs,
                "seed": seed,
                "dev_loss": history.loc[history["split"] == "dev", "loss"].iloc[-1],
                "dev_overlap": ranking.overlap_at_n(scores, truth, n).mean(),
                "dev_ndcg": ranking.ndcg(scores, truth, n).mean(),
            }
        )
    return pd.DataFrame(rows)
