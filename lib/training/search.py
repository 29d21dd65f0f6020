"""Choosing hyper-parameters (paper, section 5: grid search).

Conventions
-----------
- Every candidate is fitted on training artists and judged on dev artists only, by loss and by ranking; the
  two may disagree.
- A setting is a batch size, a learning rate, a number of convolutions and a number of epochs. Fewer epochs
  are read off the training of more: its weights are the same up to there.
- The whole grid can be limited to the first depth: the others are then trained with the best batch sizes and
  rates of the first one (`n_at_other_depths`). No setting is dropped after few epochs: large batches and low
  rates are slow at first, and the best setting may be behind then.
- The lowest of several losses is biased: part of it is luck. `check` trains the setting that looks best, and
  the paper's, again with seeds that took no part in the choice.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from lib.training import trainings

SETTING = ["batch_size", "learning_rate", "n_convolutions", "epochs"]
COLUMNS = [*SETTING, "seed", "dev_loss", "dev_overlap", "dev_ndcg"]


def grid(
    study,
    train,
    dev,
    *,
    batch_sizes,
    learning_rates,
    depths=(3,),
    n_at_other_depths=0,
    epochs,
    judge,
    kept,
    seed=0,
    checkpoint_folder=None,
    **settings,
):
    """Train one network for each combination and judge it on the dev artists.

    Parameters
    ----------
    study : lib.study.Study
    train, dev : sequence of str
    batch_sizes, learning_rates : sequence
    depths : sequence of int
        Numbers of convolutions (`lib.training.network.encoder`).
    n_at_other_depths : int
        So many batch sizes with their learning rates, those of lowest dev loss with the first depth and the
        most epochs, are trained with the other depths too; 0: all of them.
    epochs : sequence of int
        Passes over all pairs. Only the most are trained.
    judge : callable
        Of scores and truth among the dev artists; returns a dict with ``overlap`` and ``ndcg``, such as
        `lib.ranking.lists.judge` makes it.
    kept : lib.workflow.kept.Kept
        Where finished trainings are kept.
    seed : int
    checkpoint_folder : path, optional
        Where half-finished trainings are kept (`Siamese.fit`): an interrupted search goes on.
    **settings
        Further arguments of `Siamese`.

    Returns
    -------
    pd.DataFrame
        ``batch_size, learning_rate, n_convolutions, epochs, seed, dev_loss, dev_overlap, dev_ndcg``.

    Raises
    ------
    ValueError
        If `n_at_other_depths` is negative.

    Examples
    --------
    >>> from lib.ranking import lists
    >>> how = {"batch_sizes": [1024, 2048], "learning_rates": [0.001], "epochs": [5, 25]}
    >>> searched = grid(study, train, dev, **how, judge=lists.judge(10), kept=run.kept)  # doctest: +SKIP
    >>> len(searched)  # of two trainings, each judged after 5 and after 25 epochs  # doctest: +SKIP
    4
    """
    if n_at_other_depths < 0:
        raise ValueError(f"n_at_other_depths must be 0 (all settings) or more, got {n_at_other_depths}")
    truth = study.target.loc[dev, dev]
    judge(truth, truth)  # refuse what cannot be judged before anything is trained
    tables, crossed = [], list(itertools.product(batch_sizes, learning_rates))
    for depth in depths:
        tried = [dict(zip(SETTING, (*values, depth))) | {"seed": seed} for values in crossed]
        how = {"judge": judge, "kept": kept, "checkpoint_folder": checkpoint_folder}
        rows = _trained(study, train, dev, tried, sorted(set(epochs)), **how, **settings)
        tables.append(pd.DataFrame(rows, columns=COLUMNS))
        if len(tables) == 1 and n_at_other_depths:
            longest = tables[0][tables[0]["epochs"] == max(epochs)]
            first = longest.sort_values("dev_loss", kind="stable").head(n_at_other_depths)
            crossed = list(first[SETTING[:2]].itertuples(index=False, name=None))
    return pd.concat(tables, ignore_index=True)


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

    Examples
    --------
    >>> table = pd.DataFrame({"batch_size": [512, 2048], "dev_loss": [0.2, 0.1]})
    >>> best(table.assign(dev_overlap=[0.4, 0.3], dev_ndcg=[0.6, 0.6]))["batch_size"].to_dict()
    {'dev_loss': 2048, 'dev_overlap': 512, 'dev_ndcg': 512}
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
    study,
    train,
    dev,
    table,
    *,
    judge,
    kept,
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
    study : lib.study.Study
    train, dev : sequence of str
    table : pd.DataFrame
        From `grid`.
    judge, kept
        As for `grid`.
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

    Examples
    --------
    >>> searched = pd.DataFrame([[2048, 0.001, 3, 25, 0, 0.02]], columns=[*SETTING, "seed", "dev_loss"])
    >>> checked = check(None, [], [], searched, judge=None, kept=None)
    >>> len(checked), list(checked.columns)[:3]  # no other setting was searched: nothing to train
    (0, ['setting', 'batch_size', 'learning_rate'])
    """
    other = rival(table, batch_size=batch_size, learning_rate=learning_rate, n_convolutions=n_convolutions)
    rows = []
    if other is not None:
        papers = other | {"batch_size": batch_size, "learning_rate": learning_rate}
        first = int(table["seed"].max()) + 1
        pairs = itertools.product(range(first, first + n_seeds), {"paper": papers, "rival": other}.items())
        named = [(name, setting | {"seed": seed}) for seed, (name, setting) in pairs]
        tried = [{key: value for key, value in setting.items() if key != "epochs"} for _, setting in named]
        how = {"judge": judge, "kept": kept, "checkpoint_folder": checkpoint_folder}
        records = _trained(study, train, dev, tried, [other["epochs"]], **how, **settings)
        rows = [{"setting": name} | row for (name, _), row in zip(named, records, strict=True)]
    return pd.DataFrame(rows, columns=["setting", *COLUMNS])


def _trained(study, train, dev, tried, epochs, *, judge, **settings):
    """Trainings of some settings with their seeds, judged after each of some epochs (ascending).

    A row of the table for each setting and epoch, in this order.
    """
    truth = study.target.loc[dev, dev]
    common = {"study": study, "train": train, "dev": dev, "keep": epochs, "epochs": epochs[-1]}
    rows = []
    for setting, method in zip(tried, trainings.several(tried, **common, **settings), strict=True):
        losses = method.history[method.history["split"] == "dev"].set_index("epoch")["loss"]
        for epoch in epochs:
            method.model.set_weights(method.kept[epoch])
            scores = method.score(study, dev).reindex_like(truth)
            rows.append(
                {
                    **setting,
                    "epochs": epoch,
                    "dev_loss": losses[epoch],
                    **{f"dev_{name}": value for name, value in judge(scores, truth).items()},
                }
            )
    return rows
