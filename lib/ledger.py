"""The paper's claims, and what this run finds for each (beyond the paper).

Conventions
-----------
- A verdict is computed from one deciding figure and its 95 % interval: *holds* or *does not hold* where the
  interval lies wholly on one side of the border, *cannot be told* where it does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib import evaluation, filters

COLUMNS = ["claim", "section", "decided_by", "value", "ci_low", "ci_high", "border", "verdict"]
MEANINGS = {1: "holds", -1: "does not hold", 0: "cannot be told"}


def verdict(low, high, border=0.0):
    """Whether "greater than `border`" holds, given an interval.

    Returns
    -------
    str
        ``holds``, ``does not hold`` or ``cannot be told``.

    Raises
    ------
    ValueError
        If the interval is not one.
    """
    if not low <= high:
        raise ValueError(f"not an interval: {low} to {high}")
    return MEANINGS[int(low > border) - int(high < border)]


def ranking_claims(scores, truths, *, list_lengths, seed=0):
    """Network against baseline, and baseline against chance, for each truth and list length.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores of ``siamese``, ``l2`` and ``chance`` at least.
    truths : dict of str to pd.DataFrame
    list_lengths : sequence of int
    seed : int

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    claims = [
        ("siamese", "l2", "the model beats the baseline", "5, Table 1"),
        ("l2", "chance", "the baseline beats random", "4"),
    ]
    rows = []
    for name, truth in truths.items():
        for first, second, claim, section in claims:
            for n in list_lengths:
                result = evaluation.compare(scores, truth, first, second, n=n, seed=seed)
                asked = f"{claim}, n = {n}, truth {name.replace('_', ' ')}"
                rows.append(_row(asked, section, "difference of unordered overlap", result))
    return pd.DataFrame(rows, columns=COLUMNS)


def loss_claims(history, constants):
    """Is the loss good, and does the test loss rise with more epochs? One value for each training (seed).

    Parameters
    ----------
    history : pd.DataFrame
        ``seed, epoch, split, loss``.
    constants : dict of str to float
        Loss of the constant predictor on each split.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger; intervals are the range over seeds.
    """
    dev, test = (
        history[history["split"] == split].pivot(index="epoch", columns="seed", values="loss")
        for split in ("dev", "test")
    )
    best = dev.idxmin()  # chosen on the dev artists: the lowest test loss would rise by being chosen
    rise = test.iloc[-1] - pd.Series({seed: test.loc[epoch, seed] for seed, epoch in best.items()})
    gain = constants["test"] - test.iloc[-1]
    rises = "last epoch's test loss - that of the best dev epoch, range over seeds"
    gains = "constant predictor's test loss - the network's, range over seeds"
    rows = [
        _row("test loss rises after its best epoch", "5, Figure 2", rises, _spread(rise)),
        _row("the loss is good: better than always predicting the mean", "6", gains, _spread(gain)),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def search_claims(search, *, batch_size=2048, learning_rate=0.001):
    """Was the paper's setting the best of the grid on the dev artists?

    Parameters
    ----------
    search : pd.DataFrame
        From `lib.search.grid`.
    batch_size, learning_rate
        The paper's choice.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger; one training a setting carries no interval, so a loss further than the
        paper's is called *does not hold* only as far as one seed can.
    """
    chosen = search[(search["batch_size"] == batch_size) & np.isclose(search["learning_rate"], learning_rate)]
    if chosen.empty:
        return pd.DataFrame(columns=COLUMNS)
    others = search.drop(chosen.index)["dev_loss"].min()
    margin = others - chosen["dev_loss"].iloc[0]
    claim = f"batch size {batch_size:,} and rate {learning_rate} are best"
    decided_by = "dev loss of the best other setting - of this one (one seed, no interval)"
    return pd.DataFrame([_row(claim, "5", decided_by, {"difference": margin})], columns=COLUMNS)


def filter_claims(structure, described, untrained):
    """What the paper says of the first layer's filters, held against noise and untrained networks.

    Parameters
    ----------
    structure : pd.DataFrame
        From `lib.filters.structure`, all trainings, with ``seed``.
    described, untrained : pd.DataFrame
        From `lib.filters.describe`: all trainings, and untrained networks.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger. Intervals are the range over trainings, or, where a trained network's
        best filter is held against an untrained one's, the middle 95 % of all pairs of the two.
    """
    noise = (structure["p_value"].fillna(1) > filters.LEVEL).groupby(structure["seed"]).mean()
    criteria = list(filters.SELECTED)
    beyond = (
        (described[criteria] > untrained[criteria].max()).any(axis=1).groupby(described["network"]).mean()
    )
    rows = [
        _row(
            "most filters look like noise", "5, Figure 3",
            "share of kernels without a shape that noise lacks - one half, range over seeds",
            _spread(noise - 0.5),
        ),
        _row(
            "a selection of filters answers to specific patterns", "5, Figure 4",
            "share of filters beyond the best of all untrained networks in any criterion, range over seeds",
            _spread(beyond),
        ),
    ]  # fmt: skip
    claims = {
        "bass_beat": "a filter answers to a sharp bassy sound",
        "offset": "a filter answers to what is followed by silence",
    }
    for criterion, claim in claims.items():
        ours, theirs = (table.groupby("network")[criterion].max() for table in (described, untrained))
        margins = np.subtract.outer(ours.to_numpy(), theirs.to_numpy()).ravel()
        low, high = np.nanquantile(margins, [0.025, 0.975])
        decided_by = f"{criterion} of a trained network's best filter - of an untrained one's, 95 % of pairs"
        result = {"difference": float(np.nanmean(margins)), "ci_low": float(low), "ci_high": float(high)}
        rows.append(_row(claim, "5, Figure 4", decided_by, result))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(claim, section, decided_by, result):
    """One line of the ledger; without an interval nothing can be told."""
    low, high = result.get("ci_low", np.nan), result.get("ci_high", np.nan)
    told = "cannot be told" if np.isnan(low) else verdict(low, high)
    values = [claim, section, decided_by, result["difference"], low, high, 0.0, told]
    return dict(zip(COLUMNS, values, strict=True))


def _spread(values):
    return {"difference": float(values.mean()), "ci_low": float(values.min()), "ci_high": float(values.max())}
