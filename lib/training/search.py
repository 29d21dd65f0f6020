"""Choosing hyper-parameters (paper, section 5: grid search).

Conventions
-----------
- Every candidate is fitted on training artists and judged on dev artists only, by loss and by ranking; the
  two may disagree.
- A setting is a batch size, a learning rate, a number of convolutions and a number of epochs. Fewer epochs
  are read off the training of more: its weights are the same up to there.
- The lowest of several losses is biased: part of it is luck. `check` trains the setting that looks best, and
  the paper's, again with seeds that took no part in the choice.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.ranking import metrics
from lib.training.siamese import Siamese

SETTING = ["batch_size", "learning_rate", "n_convolutions", "epochs"]
COLUMNS = [*SETTING, "seed", "dev_loss", "dev_overlap", "dev_ndcg"]


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
    collection : lib.study.Collection
    train, dev : sequence of str
    batch_sizes, learning_rates : sequence
    depths : sequence of int
        Numbers of convolutions (`lib.training.network.encoder`).
    epochs : sequence of int
        Passes over all pairs. Only the most are trained.
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
    metrics.validate(truth, truth, n)
    rows = []
    combinations = list(itertools.product(batch_sizes, learning_rates, depths))
    for values in tqdm(combinations, desc="search", unit="training"):
        tried = dict(zip(SETTING, values))
        how = {"n": n, "seed": seed, "checkpoint_folder": checkpoint_folder}
        rows += _trained(collection, train, dev, tried, sorted(set(epochs)), **how, **settings)
    return pd.DataFrame(rows, columns=COLUMNS)


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


def rival(table, *, batch_size=2048, learning_rate=0.001, n_convolutions=3):
    """The setting of lowest dev loss but for the paper's own.

    Parameters
    ----------
    table : pd.DataFrame
        From `grid`. Only the paper's depth and the longest trainings are compared: the paper's claim is about
        batch size and learning rate.
    batch_size, learning_rate, n_convolutions
        The paper's setting.

    Returns
    -------
    dict or None
        ``batch_size, learning_rate, n_convolutions, epochs``; None where the grid holds no other setting.
    """
    compared = (table["n_convolutions"] == n_convolutions) & (table["epochs"] == table["epochs"].max())
    of_paper = (table["batch_size"] == batch_size) & np.isclose(table["learning_rate"], learning_rate)
    others = table[compared & ~of_paper]
    if others.empty:
        return None
    return {name: others.loc[others["dev_loss"].idxmin(), name].item() for name in SETTING}


def check(
    collection,
    train,
    dev,
    table,
    *,
    n,
    batch_size=2048,
    learning_rate=0.001,
    n_convolutions=3,
    n_seeds=3,
    checkpoint_folder=None,
    **settings,
):
    """Train the paper's setting and the best other one of the grid again, with fresh seeds.

    Which other setting is best was chosen on the seed of the grid; that seed takes no part here. So the
    difference of the two is without the bias of a lowest value.

    Parameters
    ----------
    collection : lib.study.Collection
    train, dev : sequence of str
    table : pd.DataFrame
        From `grid`.
    n : int
        Length of the lists whose overlap is reported.
    batch_size, learning_rate, n_convolutions
        The paper's setting.
    n_seeds : int
        Trainings of each of the two; their seeds follow the highest one of the grid.
    checkpoint_folder : path, optional
        As for `grid`.
    **settings
        Further arguments of `Siamese`.

    Returns
    -------
    pd.DataFrame
        ``setting`` (``paper``, ``rival``), then the columns of `grid`; two rows a seed. Without rows if the
        grid holds no other setting.
    """
    other = rival(table, batch_size=batch_size, learning_rate=learning_rate, n_convolutions=n_convolutions)
    rows = []
    if other is not None:
        papers = other | {"batch_size": batch_size, "learning_rate": learning_rate}
        first = int(table["seed"].max()) + 1
        pairs = itertools.product(range(first, first + n_seeds), {"paper": papers, "rival": other}.items())
        for seed, (name, setting) in tqdm(list(pairs), desc="check", unit="training"):
            tried = {key: value for key, value in setting.items() if key != "epochs"}
            how = {"n": n, "seed": seed, "checkpoint_folder": checkpoint_folder}
            found = _trained(collection, train, dev, tried, [setting["epochs"]], **how, **settings)
            rows += [{"setting": name} | row for row in found]
    return pd.DataFrame(rows, columns=["setting", *COLUMNS])


def _trained(collection, train, dev, tried, epochs, *, n, seed, checkpoint_folder, **settings):
    """One training, judged after each of some epochs (ascending); a row of the table for each."""
    truth = collection.target.loc[dev, dev]
    method = Siamese(**tried, epochs=epochs[-1], **settings)
    method.fit(collection, train, dev, seed=seed, keep=epochs, checkpoint_folder=checkpoint_folder)
    losses = method.history[method.history["split"] == "dev"].set_index("epoch")["loss"]
    rows = []
    for epoch in epochs:
        method.model.set_weights(method.kept[epoch])
        scores = method.score(collection, dev).reindex_like(truth)
        rows.append(
            {
                **tried,
                "epochs": epoch,
                "seed": seed,
                "dev_loss": losses[epoch],
                "dev_overlap": metrics.overlap_at_n(scores, truth, n).mean(),
                "dev_ndcg": metrics.ndcg(scores, truth, n).mean(),
            }
        )
    return rows
