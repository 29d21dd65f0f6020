"""The paper's claims, and what this run finds for each (beyond the paper).

Conventions
-----------
- A verdict is computed from one deciding figure and its 95 % interval: *holds* where the interval lies wholly
  above the border, *does not hold* where it lies below, *cannot be told* where it does neither, or where the
  data at hand have no such figure.
- Intervals are over query artists (bootstrap), over trainings (Student's t), random lists or untrained
  networks, as ``decided_by`` says.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib import confounds, evaluation, filters, ranking, significance, time_order

COLUMNS = ["claim", "section", "decided_by", "value", "ci_low", "ci_high", "border", "verdict"]
RISES_AFTER = 5  # the epoch after which the paper sees its test loss rise
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


def ranking_claims(predicted, truths, *, list_lengths, seed=0):
    """Network against baseline, and baseline against chance, for each truth and list length.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame
        From `evaluation.predictions`: ``siamese``, ``l2`` and ``chance`` at least.
    truths : dict of str to pd.DataFrame
    list_lengths : sequence of int
    seed : int

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    rows = []
    for name, truth in truths.items():
        values = {
            (method, n): evaluation.mean_of_runs(predicted[method], truth, "unordered", n, seed=seed)
            for method in ("siamese", "l2", "chance")
            for n in list_lengths
        }
        judged = f"truth {name.replace('_', ' ')}"
        for first, second, claim, section in (
            ("siamese", "l2", "the model beats the baseline", "5, Table 1"),
            ("l2", "chance", "the baseline beats random", "4"),
        ):
            for n in list_lengths:
                result = evaluation.paired(values[first, n], values[second, n], seed=seed)
                decided_by = "difference of unordered overlap, over artists"
                rows.append(_row(f"{claim}, n = {n}, {judged}", section, decided_by, result))
        short, long = min(list_lengths), max(list_lengths)
        lead = {n: values["siamese", n] - values["l2", n] for n in (short, long)}
        result = evaluation.paired(lead[short], lead[long], seed=seed)
        decided_by = f"lead at n = {short} - lead at n = {long}, unordered overlap, over artists"
        rows.append(_row(f"the model's lead is largest at small n, {judged}", "5", decided_by, result))
    return pd.DataFrame(rows, columns=COLUMNS)


def loss_claims(history, constant, losses):
    """Does the test loss rise with more epochs, and is the loss good?

    Parameters
    ----------
    history : pd.DataFrame
        ``seed, epoch, split, loss``, over pairs of clips.
    constant : float
        What one constant costs over the same pairs of the test artists (`lib.training.constant_loss`).
    losses : pd.DataFrame
        From `evaluation.loss_table`, of ``siamese``.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    test = _by_epoch(history, "test")
    after = test.index[max(0, min(RISES_AFTER, len(test) - 1) - 1)]
    rise = (test.iloc[-1] - test.loc[after]).to_numpy()
    decided_by = f"test loss after the last epoch - after epoch {after}, over trainings"
    gain = (constant - test.iloc[-1]).to_numpy()
    gained_by = "test loss of the constant - of the model, pairs of clips, over trainings"
    rows = [
        _row(
            f"the test loss rises after about epoch {RISES_AFTER}", "5, Figure 2", decided_by, _trained(rise)
        ),
        _row("the loss is good: better than one constant", "6", gained_by, _trained(gain)),
    ]
    for _, row in losses[losses["method"] == "siamese"].iterrows():
        result = {"difference": row["gain"], "ci_low": row["gain_low"], "ci_high": row["gain_high"]}
        claim = (
            f"artists' scores are nearer the truth than one constant, truth {row['truth'].replace('_', ' ')}"
        )
        decided_by = "squared error of the constant - of the model, pairs of artists, over artists"
        rows.append(_row(claim, "6", decided_by, result))
    return pd.DataFrame(rows, columns=COLUMNS)


def epoch_claims(last, best, truth, *, n, seed=0):
    """Do more epochs help the ranking?

    Parameters
    ----------
    last, best : list of pd.DataFrame
        Predictions of the trainings after their last epoch, and after the one that the dev artists call best.
    truth : pd.DataFrame
    n, seed : int

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    first, second = (evaluation.mean_of_runs(runs, truth, "unordered", n, seed=seed) for runs in (best, last))
    decided_by = f"unordered overlap @ {n} of the best dev epoch - of the last, over artists"
    result = evaluation.paired(first, second, seed=seed)
    return pd.DataFrame([_row("more epochs do not help", "5", decided_by, result)], columns=COLUMNS)


def search_claims(search, history=None, *, batch_size=2048, learning_rate=0.001):
    """Was the paper's setting the best of the grid on the dev artists?

    Parameters
    ----------
    search : pd.DataFrame
        From `lib.search.grid`: one training a setting. Only the paper's depth, and the longest trainings, are
        compared.
    history : pd.DataFrame, optional
        Of several trainings of the paper's setting: their spread after as many epochs says how much a single
        training may be off.
    batch_size, learning_rate
        The paper's choice.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    claim = f"batch size {batch_size:,} and rate {learning_rate} are best"
    search = search[(search["n_convolutions"] == 3) & (search["epochs"] == search["epochs"].max())]
    of_paper = (search["batch_size"] == batch_size) & np.isclose(search["learning_rate"], learning_rate)
    chosen, others = search[of_paper], search[~of_paper]
    if chosen.empty or others.empty:
        return untold(claim, "5", "the grid must hold the paper's setting and another one")
    margin = others["dev_loss"].min() - chosen["dev_loss"].iloc[0]
    decided_by = "dev loss of the best other setting - of this one, one training each"
    result = {"difference": margin}
    if history is not None:
        losses = _by_epoch(history, "dev")
        at = losses.loc[min(int(chosen["epochs"].iloc[0]), losses.index[-1])].to_numpy()
        low, high = significance.seed_interval(at)
        half = (high - low) / 2 * np.sqrt(2 * len(at))  # of a difference of two single trainings
        result |= {"ci_low": margin - half, "ci_high": margin + half}
        decided_by += "; interval from the spread over trainings of this one"
    return pd.DataFrame([_row(claim, "5", decided_by, result)], columns=COLUMNS)


def metric_claims(original, target, listeners, *, n, seed=0):
    """Is the paper's metric symmetric, and does it bring obscure artists nearer to obscure ones?

    Parameters
    ----------
    original : pd.DataFrame, shape=(n_artists, n_artists)
        The metric that the paper began with: share of the query's listeners who listen to the candidate.
    target : pd.DataFrame, shape=(n_artists, n_artists)
        The metric that it settled on.
    listeners : pd.Series
    n : int
        Length of the lists of neighbours.
    seed : int

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    apart = float(np.nanmax(np.abs(target.to_numpy() - target.to_numpy().T)))
    told = dict.fromkeys(("difference", "ci_low", "ci_high"), 0.0 - apart)
    decided_by = "minus the largest difference between the two directions of a pair, all pairs"
    rows = [_row("the metric is symmetric", "3", decided_by, told, border=-1e-9)]
    own = listeners.reindex(target.index)
    obscure = own.index[own.rank(method="first") <= len(own) / 2]
    fame = [
        confounds.mean_fame(frame.reindex_like(target).loc[obscure], listeners, n)
        for frame in (original, target)
    ]
    decided_by = f"log2 listeners of the {n} nearest before - with it, the less known half, over artists"
    lifted = evaluation.paired(*fame, seed=seed)
    rows.append(_row("the metric lifts obscure artists on obscure artists' lists", "3", decided_by, lifted))
    return pd.DataFrame(rows, columns=COLUMNS)


def clip_claims(curve):
    """Does the variance between an artist's tracks hurt, so that more clips of each rank better?

    Parameters
    ----------
    curve : pd.DataFrame
        From `evaluation.clips_curve`, of ``siamese``.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    claim = "the variance between an artist's tracks hurts"
    most = curve["clips"].max()
    if not most > 1:
        return untold(claim, "5", "too few artists have more than one clip")
    (row,) = curve[(curve["method"] == "siamese") & (curve["clips"] == most)].to_dict("records")
    result = {"difference": row["gain"], "ci_low": row["gain_low"], "ci_high": row["gain_high"]}
    decided_by = f"unordered overlap @ {row['n']} with {most} clips an artist - with one, over artists"
    return pd.DataFrame([_row(claim, "5", decided_by, result)], columns=COLUMNS)


def style_claims(style, predicted, queries, test, *, n=5, n_draws=2000, seed=0):
    """Are the artists that the model names alike in style, where styles are known?

    Parameters
    ----------
    style : pd.DataFrame, shape=(n_artists, n_artists), or None
        Closeness in style; known of a simulated world only.
    predicted : dict of str to list of pd.DataFrame, shape=(n_queries, n_artists)
        ``siamese`` and ``l2``, for `queries` and `test` among all artists.
    queries : sequence of str
        Artists of Table 2.
    test : sequence of str
        Artists that no training has heard.
    n : int
        Length of the lists.
    n_draws, seed : int
        Of random lists.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.
    """
    claims = (
        "the model predicts the style of the query artists of Table 2",
        "the model predicts the style of unheard artists better than the baseline",
    )
    if style is None:
        reason = "needs the styles of a simulated world"
        return pd.concat([untold(claim, "5, Table 2", reason) for claim in claims], ignore_index=True)
    closeness = {
        method: pd.concat([_closeness(style, run, n) for run in runs], axis=1).mean(axis=1)
        for method, runs in predicted.items()
    }
    spread = style.loc[list(queries)].apply(lambda row: (row - row.mean()) / row.std(ddof=0), axis=1)
    rng = np.random.default_rng(seed)
    known = [row.dropna().to_numpy() for _, row in spread.iterrows()]
    null = np.mean(
        [[rng.choice(row, n, replace=False).mean() for _ in range(n_draws)] for row in known], axis=0
    )
    value = closeness["siamese"][list(queries)].mean()
    low, high = np.quantile(null, [0.025, 0.975])
    told = {"difference": value - null.mean(), "ci_low": value - high, "ci_high": value - low}
    measure = f"mean closeness in style of the {n} nearest, in standard deviations"
    by_random, by_baseline = f"{measure}: model - random lists", f"{measure}: model - L2, over artists"
    unheard = evaluation.paired(*(closeness[name][list(test)] for name in ("siamese", "l2")), seed=seed)
    rows = [
        _row(claims[0], "5, Table 2", by_random, told), _row(claims[1], "5, Table 2", by_baseline, unheard)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def filter_claims(structure, described, controls=None, *, seed=0):
    """What the paper says of the first layer's filters, held against noise and against controls.

    Parameters
    ----------
    structure : pd.DataFrame
        From `lib.filters.structure`, all trainings, with ``seed``.
    described : pd.DataFrame
        From `lib.filters.describe`, all trainings.
    controls : pd.DataFrame, optional
        From `lib.controls.describe`: networks trained on permuted targets. Without them, what the filters
        answer to cannot be told.
    seed : int
        Of the random divisions of networks behind an interval.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger. Networks are the unit of all intervals.
    """
    noise = (structure["p_value"].fillna(1) > filters.LEVEL).groupby(structure["seed"]).mean()
    decided_by = "share of kernels without a shape that noise lacks - one half, over trainings"
    rows = [_row("most filters look like noise", "5, Figure 3", decided_by, _trained(noise - 0.5))]
    selection = "a selection of filters answers to specific patterns"
    patterns = {
        "bass_beat": "a filter answers to a sharp bassy sound",
        "offset": "a filter answers to what is followed by silence",
    }
    if controls is None or controls["network"].nunique() < 2:
        reason = (
            f"needs networks trained on permuted targets: {filters.CONTROLS_COMMAND} for the demo,"
            " -p 06_first_layer_filters.n_controls=10 for other data"
        )
        none = [untold(claim, "5, Figure 4", reason) for claim in (selection, *patterns.values())]
        return pd.concat([pd.DataFrame(rows, columns=COLUMNS), *none], ignore_index=True)
    decided_by = (
        "share of a trained network's filters beyond all controls but one in any criterion - of a control's"
        " filters beyond the other controls, over random divisions of the networks"
    )
    rows.append(_row(selection, "5, Figure 4", decided_by, filters.beyond(described, controls, seed=seed)))
    ours, theirs = filters.best(described), filters.best(controls)
    for criterion, claim in patterns.items():
        decided_by = f"{criterion} of a trained network's best filter - of a control's, over networks"
        values = (table[criterion].dropna().to_numpy() for table in (ours, theirs))
        rows.append(_row(claim, "5, Figure 4", decided_by, filters.welch_interval(*values)))
    return pd.DataFrame(rows, columns=COLUMNS)


def time_order_claims(predicted, truth, *, n):
    """Does global max pooling remove all dependence on time?

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame
        From `lib.ablation.time_orders`: of the test artists, by order of the frames and training.
    truth : pd.DataFrame
    n : int
        Length of the lists.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger; one row for each change of the order that is judged. The claim holds
        where less than `time_order.MARGIN` is lost.
    """
    claims = {
        "shifted": "global max pooling removes the dependence on when something sounds",
        "frames shuffled": "global max pooling removes any time dependency",
    }
    rows = []
    for order, claim in claims.items():
        result = time_order.change(predicted[order], predicted["as they are"], truth, n)
        decided_by = f"nDCG@{n} with frames {time_order.ORDERS[order]} - as they are, artists and trainings"
        rows.append(_row(claim, "4", decided_by, result, border=-time_order.MARGIN))
    return pd.DataFrame(rows, columns=COLUMNS)


def untold(claim, section, reason):
    """A claim that the data at hand cannot decide, and why.

    Returns
    -------
    pd.DataFrame
        One line in the columns of the ledger.
    """
    return pd.DataFrame([_row(claim, section, reason, {"difference": np.nan})], columns=COLUMNS)


def _closeness(style, run, n):
    """Mean closeness in style of each query's list, in standard deviations over all candidates."""
    rows = style.reindex(index=run.index, columns=run.columns)
    own = np.equal.outer(run.index.to_numpy(dtype=object), run.columns.to_numpy(dtype=object)).astype(bool)
    values = rows.to_numpy()[~own].reshape(len(rows), -1)
    listed = ranking.inclusion(run.to_numpy()[~own].reshape(len(rows), -1), n) / n
    scaled = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    return pd.Series((listed * scaled).sum(axis=1), index=run.index)


def _by_epoch(history, split):
    """Losses of one split, epoch by seed."""
    return history[history["split"] == split].pivot(index="epoch", columns="seed", values="loss")


def _trained(values):
    low, high = significance.seed_interval(values)
    return {"difference": float(np.mean(values)), "ci_low": low, "ci_high": high}


def _row(claim, section, decided_by, result, border=0.0):
    """One line of the ledger; without an interval nothing can be told."""
    low, high = result.get("ci_low", np.nan), result.get("ci_high", np.nan)
    told = "cannot be told" if np.isnan(low) else verdict(low, high, border)
    values = [claim, section, decided_by, result["difference"], low, high, border, told]
    return dict(zip(COLUMNS, values, strict=True))
