"""The paper's claims on target, training and ranking, and the figure that decides each (beyond the paper).

This file is long because each of the paper's claims has a function and an example.

Conventions
-----------
- A claim is stated as the paper states it, and is one line in the columns of `lib.ranking.ledger`.
- Claims on methods take figure, p-value and decision from `compare.comparisons`, unchanged. All other
  claims are secondary.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.methods import EARLY
from lib.ranking import (
    compare,
    confounds,
    influence,
    ledger,
    longer_results,
    longer_runs,
    metrics,
    significance,
    ties,
)

APPRECIABLE = 0.05  # of the loss of one constant: what the ledger takes for an appreciable reduction
CLOSENESS = "mean closeness in style, in standard deviations,"


def comparison_claims(comparisons):
    """Network against baseline, and baseline and network against chance, for each truth and list length.

    Parameters
    ----------
    comparisons : pd.DataFrame
        From `compare.comparisons`.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger; every figure is that of the comparison.

    Examples
    --------
    >>> row = {"truth": "corrected", "kind": "primary", "measure": "unordered", "n": 10, "difference": 0.1}
    >>> row |= {"method": "siamese", "reference": "l2", "ci_low": 0.04, "ci_high": 0.16}
    >>> row |= {"p_value": 0.002, "p_corrected": 0.002}
    >>> comparison_claims(pd.DataFrame([row]))[["claim", "verdict"]].to_numpy().tolist()
    [['the model outperforms the baseline, n = 10, truth corrected', 'holds']]
    """
    claims = {
        ("siamese", "l2"): ("the model outperforms the baseline", "5, Table 1"),
        ("l2", "chance"): ("the baseline is better than random selection", "4"),
        ("siamese", "chance"): ("the model is better than random selection", "5, Table 1"),
    }
    rows = []
    for truth, part in comparisons.groupby("truth", sort=False):
        for (method, reference), (claim, section) in claims.items():
            own = part[(part["method"] == method) & (part["reference"] == reference)]
            for row in own[own["measure"] == compare.PRIMARY_METRIC].to_dict("records"):
                text = f"{claim}, n = {row['n']}, truth {truth.replace('_', ' ')}"
                rows.append(ledger.compared(text, section, "difference of unordered overlap", row))
        for row in part[part["measure"] == compare.LEAD].to_dict("records"):
            text = f"the model's lead is largest at small n, truth {truth.replace('_', ' ')}"
            rows.append(
                ledger.compared(
                    text, "5", "lead in unordered overlap at the smallest n - at the largest", row
                )
            )
    return pd.DataFrame(rows, columns=ledger.COLUMNS)


def loss_claims(early, last, constant, *, truth):
    """Does the test loss rise with more epochs, is the reduction by more epochs small, and is the loss good?

    Parameters
    ----------
    early, last, constant : tuple of (list of pd.DataFrame, pd.DataFrame)
        Losses of pairs of artists, one frame a training, and the number of pairs of clips behind each
        (`lib.training.losses.artist_losses`): after epoch `EARLY`, after the last one, and of one constant.
    truth : str
        What the loss was measured against.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> pairs = labelled_scores(np.ones((5, 5)), list("abcde"))
    >>> early, last = ([loss * pairs for loss in losses] for losses in ([0.030, 0.031], [0.036, 0.037]))
    >>> claims = loss_claims((early, pairs), (last, pairs), ([0.04 * pairs], pairs), truth="corrected")
    >>> dict(zip(["rise", "small", "good"], claims["value"].round(4).tolist()))
    {'rise': 0.006, 'small': 0.008, 'good': 0.0035}
    """
    (before, weights), (after, _), ((flat,), _) = early, last, constant
    rise = significance.pairs_estimate([b - a for a, b in zip(before, after, strict=True)], weights)
    level = float(np.nansum(flat * weights) / np.nansum(weights.where(flat.notna())))
    small = [APPRECIABLE * level + (b - a) for a, b in zip(before, after, strict=True)]
    better = [flat - run for run in after]
    over, judged = "pairs of clips, over artists and trainings", f"truth {truth.replace('_', ' ')}"
    rows = [
        ledger.claim_row(
            f"the test loss rises after about epoch {EARLY}, {judged}", "5, Figure 2",
            f"test loss after the last epoch - after epoch {EARLY}, {over}", rise,
        ),
        ledger.claim_row(
            f"more epochs bring no appreciable reduction of the test loss, {judged}", "5",
            f"{APPRECIABLE:.0%} of the constant's loss - reduction from epoch {EARLY} to the last, {over}",
            significance.pairs_estimate(small, weights),
        ),
        ledger.claim_row(
            f"the loss is good: better than one constant, {judged}", "6",
            f"test loss of the constant - of the model, {over}", significance.pairs_estimate(better, weights),
        ),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=ledger.COLUMNS)


def artist_loss_claim(gain):
    """Are the scores of pairs of artists nearer the truth than one constant?

    Parameters
    ----------
    gain : significance.Estimate
        From `compare.loss_table`.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> gain = significance.Estimate(0.002, 0.0005, 30, 49, 3)
    >>> artist_loss_claim(gain)[["value", "ci_low", "ci_high", "border"]].round(3)
       value  ci_low  ci_high  border
    0  0.002   0.001    0.003     0.0
    """
    claim = "artists' scores are nearer the truth than one constant, truth corrected"
    decided_by = "squared error of the constant - of the model, pairs of artists"
    return pd.DataFrame([ledger.claim_row(claim, "6", decided_by, gain)], columns=ledger.COLUMNS)


def epoch_claims(last, early, truth, *, n, seed=0):
    """Beside the loss: does the ranking gain by more epochs?

    Parameters
    ----------
    last, early : list of pd.DataFrame
        Predictions of the trainings after their last epoch, and after epoch `EARLY`.
    truth : pd.DataFrame
    n, seed : int

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> place = np.array([0, 1, 3, 7])
    >>> truth = labelled_scores(-abs(place - place[:, None]), list("abcd"))
    >>> epoch_claims(last=[-truth], early=[truth], truth=truth, n=1)[["claim", "value"]].values.tolist()
    [['the ranking is better after epoch 5 than after the last', 1.0]]
    """
    first, second = (compare.measured(runs, truth, "unordered", n, seed=seed) for runs in (early, last))
    paired = [before - after for before, after in zip(first, second, strict=True)]
    decided_by = f"unordered overlap @ {n} after epoch {EARLY} - after the last"
    claim = f"the ranking is better after epoch {EARLY} than after the last"
    row = ledger.claim_row(claim, "not in the paper", decided_by, significance.estimate(paired))
    return pd.DataFrame([row], columns=ledger.COLUMNS)


def search_claims(check, *, batch_size=2048, learning_rate=0.001):
    """Was the paper's setting the best of the grid on the dev artists?

    The rival is chosen on the trainings of the search; both are compared on fresh trainings, so that the
    choice of a minimum flatters nobody.

    Parameters
    ----------
    check : pd.DataFrame
        Fresh trainings: ``setting`` (paper, rival), ``seed, dev_loss``.
    batch_size, learning_rate
        The paper's choice.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> check = pd.DataFrame({"setting": ["paper", "rival"] * 3})
    >>> claims = search_claims(check.assign(dev_loss=[0.2, 0.3, 0.22, 0.28, 0.21, 0.32]))
    >>> claims["claim"][0], float(claims["value"].round(2)[0])
    ('batch size 2,048 and rate 0.001 are best', 0.09)
    """
    claim = f"batch size {batch_size:,} and rate {learning_rate} are best"
    losses = {name: part["dev_loss"].to_numpy() for name, part in check.groupby("setting")}
    if set(losses) != {"paper", "rival"}:
        return ledger.untold(claim, "5", "the grid must hold the paper's setting and another one")
    decided_by = (
        "dev loss of the best other setting of the search - of this one, fresh trainings, over trainings"
    )
    result = significance.trainings_estimate(losses["rival"], losses["paper"])
    return pd.DataFrame([ledger.claim_row(claim, "5", decided_by, result)], columns=ledger.COLUMNS)


def metric_claims(original, target, listeners, style, *, n):
    """Is the paper's metric symmetric, and does it bring obscure, similar artists nearer to obscure ones?

    Parameters
    ----------
    original : pd.DataFrame, shape=(n_artists, n_artists)
        The metric that the paper began with: share of the query's listeners who listen to the candidate.
    target : pd.DataFrame, shape=(n_artists, n_artists)
        The metric that it settled on.
    listeners : pd.Series
    style : pd.DataFrame, shape=(n_artists, n_artists), or None
        Closeness in style; known of a simulated world only.
    n : int
        Length of the lists of neighbours.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> listeners = pd.Series([80, 40, 20, 10], index=list("abcd"))
    >>> before = labelled_scores(np.tile(listeners, (4, 1)), list("abcd"))  # the famous are near to all
    >>> after = labelled_scores(np.minimum.outer([1, 2, 3, 4], [1, 2, 3, 4]), list("abcd"))
    >>> claims = metric_claims(before, after, listeners, None, n=1)
    >>> claims["claim"][1], float(claims["value"].round(2)[1])
    ("the metric lifts obscure artists on obscure artists' lists", 2.5)
    """
    apart = float(np.nanmax(np.abs(target.to_numpy() - target.to_numpy().T)))
    exact = significance.Estimate(-apart, 0.0, np.inf, len(target), 1)
    decided_by = "minus the largest difference between the two directions of a pair, all pairs"
    rows = [ledger.claim_row("the metric is symmetric", "3", decided_by, exact, border=-1e-9, kind="exact")]
    own = listeners.reindex(target.index)
    obscure = own.index[own.rank(method="first") <= len(own) / 2]
    before, after = (frame.reindex_like(target) for frame in (original, target))
    lists = [
        confounds.popularity_of_lists(frame, listeners, n).of_queries(obscure) for frame in (before, after)
    ]
    decided_by = f"log2 listeners of the {n} nearest before - with it, the less popular half"
    lifted = significance.estimate([lists[0]], [lists[1]])
    rows.append(
        ledger.claim_row(
            "the metric lifts obscure artists on obscure artists' lists", "3", decided_by, lifted
        )
    )
    claim = "the artists that the metric lifts are stylistically similar"
    if style is None:
        rows.append(ledger.undecided(claim, "3", "needs the styles of a simulated world"))
    else:
        closeness = [_closeness(style, frame, n).of_queries(obscure) for frame in (after, before)]
        decided_by = f"{CLOSENESS} of the {n} nearest with it - before, the less popular half"
        rows.append(
            ledger.claim_row(claim, "3", decided_by, significance.estimate([closeness[0]], [closeness[1]]))
        )
    return pd.DataFrame(rows, columns=ledger.COLUMNS)


def popularity_claims(target, listeners, style):
    """Does an artist who sounds the same but is less known get a lower similarity?

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    listeners : pd.Series
    style : pd.DataFrame, shape=(n_artists, n_artists), or None
        Closeness in style; known of a simulated world only.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> listeners, place = pd.Series([80, 40, 20, 10], index=list("abcd")), np.array([0, 7, 3, 1])
    >>> style = labelled_scores(-abs(place - place[:, None]), list("abcd"))
    >>> target = confounds.popularity_frame(style, listeners)  # nothing but popularity
    >>> popularity_claims(target, listeners, style)["value"].round(2).tolist()
    [0.75]
    """
    claim = "of two artists equally close in style, the less known one has the lower similarity"
    if style is None:
        return ledger.untold(claim, "5", "needs the styles of a simulated world")
    style = style.reindex_like(target)
    popularity = confounds.popularity_frame(target, listeners)
    result = significance.estimate([confounds.partial(target, popularity, style)])
    decided_by = "rank correlation of similarity and listeners, closeness in style controlled for"
    return pd.DataFrame([ledger.claim_row(claim, "5", decided_by, result)], columns=ledger.COLUMNS)


def clip_claims(curve):
    """Beside the paper: does averaging over more clips of an artist at test time rank better?

    Parameters
    ----------
    curve : pd.DataFrame
        From `compare.clips_curve`, of ``siamese``.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> row = {"method": "siamese", "clips": 3, "n": 10, "gain_value": 0.08}
    >>> row |= {"gain_ci_low": 0.03, "gain_ci_high": 0.13, "gain_p_value": 0.003}
    >>> clip_claims(pd.DataFrame([row]))[["decided_by", "value"]].values.tolist()
    [['unordered overlap @ 10 with 3 clips an artist - with one', 0.08]]
    """
    claim = "averaging over more clips of an artist at test time ranks better"
    most = curve["clips"].max()
    if not most > 1:
        return ledger.untold(claim, "not in the paper", "too few artists have more than one clip")
    (row,) = curve[(curve["method"] == "siamese") & (curve["clips"] == most)].to_dict("records")
    decided_by = f"unordered overlap @ {row['n']} with {most} clips an artist - with one"
    figures = {"value": row["gain_value"]} | {
        name: row[f"gain_{name}"] for name in ("ci_low", "ci_high", "p_value")
    }
    line = ledger.claim_row(claim, "not in the paper", decided_by, figures)
    return pd.DataFrame([line], columns=ledger.COLUMNS)


def track_claims(table):
    """The paper's future work: are tracks ranked better than by chance, and better than artists?

    "perhaps similarity between tracks would be better suited for this kind of application" (section 6). There
    is no listening by track here, so that the truth is that of the tracks' artists: it favours averages over
    an artist's tracks, and only the second claim does without it.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.track_results.table`, with ``siamese``.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger.

    Examples
    --------
    >>> row = {"method": "siamese", "input": "track", "over_chance": 0.05, "over_low": 0.02}
    >>> row |= {"over_high": 0.08}
    >>> one = row | {"question": "listeners", "measure": "ndcg", "n": 10, "p_value": 0.002}
    >>> two = row | {"question": "same artist", "measure": "average_precision", "p_value": 0.003}
    >>> gain = {"gain": 0.01, "gain_low": -0.01, "gain_high": 0.03, "gain_p_value": 0.3}
    >>> table = pd.DataFrame([one, two, one | gain | {"input": "artist average"}]).astype({"n": "Int64"})
    >>> track_claims(table)["value"].tolist()
    [0.05, 0.05, -0.01]
    """
    own = table[table["method"] == "siamese"].set_index(["question", "input", "measure"])
    claims = {
        ("listeners", "track", "ndcg"): "the model ranks tracks better than random selection",
        (
            "same artist",
            "track",
            "average_precision",
        ): "the model names the other tracks of an unheard artist better than random selection",
        (
            "listeners",
            "artist average",
            "ndcg",
        ): "similarity between tracks is better suited than between artists",
    }
    rows = []
    for key, claim in claims.items():
        if key not in own.index:
            rows.append(ledger.undecided(claim, "6", "too few artists have more than one clip"))
            continue
        row = own.loc[key]
        names = ("over_chance", "over_low", "over_high", "p_value")
        decided_by = "average precision among all tracks of unheard artists - chance"
        if key[0] == "listeners":
            decided_by = (
                f"nDCG @ {row['n']} of tracks of unheard artists, by their artists' listeners - chance"
            )
        if key[1] != "track":
            names = ("gain", "gain_low", "gain_high", "gain_p_value")
            decided_by = f"nDCG @ {row['n']} of tracks by themselves - by averages over their artists' tracks"
        value, low, high, p_value = (float(row[name]) for name in names)
        if key[1] != "track":
            value, low, high = -value, -high, -low
        figures = {"value": value, "ci_low": low, "ci_high": high, "p_value": p_value}
        rows.append(ledger.claim_row(claim, "6", decided_by, figures))
    return pd.DataFrame(rows, columns=ledger.COLUMNS)


def training_clip_claims(table):
    """Does it hurt the training that an artist's tracks differ, or do more of them help?

    With one clip an artist, no two clips that sound different have the same target; with three, they do.
    If that makes learning harder, training with one clip ranks better, at an equal number of steps.

    Parameters
    ----------
    table : pd.DataFrame
        ``benchmarks/clips_per_artist_differences.csv``, from `longer_runs.differences`.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger; two claims on the two signs of one difference.

    Examples
    --------
    >>> row = {"part": "test", "measure": "unordered", "error": 0.01, "freedom": 20}
    >>> row |= {"n_queries": 49, "n_trainings": 3}
    >>> pairs = [{"first": 1, "second": 3, "value": 0.02}, {"first": 3, "second": 1, "value": -0.02}]
    >>> training_clip_claims(pd.DataFrame([row | pair for pair in pairs]))[["section", "value"]]
      section  value
    0       5   0.02
    1       6  -0.02
    """
    measure = f"unordered overlap @ {longer_runs.LIST_LENGTH} of test artists, trained with"
    rows = []
    for claim, section, first, second in (
        ("the variance between an artist's tracks hurts the training", "5", 1, 3),
        ("training with more audio samples of each artist would help", "6", 3, 1),
    ):
        decided_by = f"{measure} {first} minus with {second} clips an artist, equal steps"
        result = longer_results.estimate_of(table, first, second, measure="unordered")
        rows.append(ledger.claim_row(claim, section, decided_by, result))
    return pd.DataFrame(rows, columns=ledger.COLUMNS)


def untold_training_clips():
    """The claims of `training_clip_claims` where no such trainings were made.

    Examples
    --------
    >>> untold_training_clips()["section"].tolist()
    ['5', '6']
    """
    reason = "needs trainings with one, two and three clips an artist: benchmarks.clips_per_artist"
    claims = {
        "the variance between an artist's tracks hurts the training": "5",
        "training with more audio samples of each artist would help": "6",
    }
    return pd.concat(
        [ledger.untold(claim, section, reason) for claim, section in claims.items()], ignore_index=True
    )


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

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> place, ids = np.array([0, 1, 3, 7, 15, 31]), list("abcdef")
    >>> style = labelled_scores(-abs(place - place[:, None]), ids)
    >>> claims = style_claims(style, {"siamese": [style], "l2": [-style]}, ids[:2], ids[2:], n=1)
    >>> (claims["value"] > 0).tolist()  # nearer in style than random lists, and than those of the baseline
    [True, True]
    """
    claims = (
        "the model predicts the style of the query artists of Table 2",
        "the model predicts the style of unheard artists better than the baseline",
    )
    if style is None:
        reason = "needs the styles of a simulated world"
        return pd.concat([ledger.untold(claim, "5, Table 2", reason) for claim in claims], ignore_index=True)
    closeness = {method: [_closeness(style, run, n) for run in runs] for method, runs in predicted.items()}
    spread = style.loc[list(queries)].apply(lambda row: (row - row.mean()) / row.std(ddof=0), axis=1)
    rng = np.random.default_rng(seed)
    others = [row.dropna().to_numpy() for _, row in spread.iterrows()]
    null = np.mean(
        [[rng.choice(row, n, replace=False).mean() for _ in range(n_draws)] for row in others], axis=0
    )
    value = np.mean([run.values.loc[list(queries)].mean() for run in closeness["siamese"]])
    low, high = np.quantile(null, [0.025, 0.975])
    unheard = ([run.of_queries(list(test)) for run in closeness[method]] for method in ("siamese", "l2"))
    by_random = f"{CLOSENESS} of the {n} nearest: model - random lists, over random lists"
    line = ledger.claim_row(
        claims[0], "5, Table 2", by_random, significance.Estimate(value - null.mean(), 0, np.inf, 3, 1)
    )
    line |= {"ci_low": value - high, "ci_high": value - low}
    as_far = min((null >= value - 1e-9).sum(), (null <= value + 1e-9).sum())  # lists may tie with the model's
    line["p_value"] = min(1.0, 2 * (as_far + 1) / (n_draws + 1))
    by_baseline = f"{CLOSENESS} of the {n} nearest: model - L2"
    rows = [line, ledger.claim_row(claims[1], "5, Table 2", by_baseline, significance.estimate(*unheard))]
    return pd.DataFrame(rows, columns=ledger.COLUMNS)


def _closeness(style, run, n):
    """Mean closeness in style of each query's list, in standard deviations over all candidates."""
    rows = style.reindex(index=run.index, columns=run.columns)
    listed, values = (metrics.validate(frame, run, n)[0] for frame in (run, rows.where(run.notna())))
    scaled = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    shares = ties.inclusion(listed, n) / n
    values = (shares * scaled).sum(axis=1)
    return influence.Measured.of(values, (shares - shares.mean(axis=1, keepdims=True)) * scaled, run)
