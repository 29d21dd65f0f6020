"""The paper's claims on filters and on time (section 5), judged as `lib.ranking.ledger` judges all others."""

from __future__ import annotations

import pandas as pd

from lib.filters import criteria, kernels, time_order
from lib.ranking import compare, ledger, significance


def filter_claims(structure, described, controls=None, *, seed=0):
    """What the paper says of the first layer's filters, held against noise and against controls.

    Parameters
    ----------
    structure : pd.DataFrame
        From `lib.filters.kernels.structure`, all trainings, with ``network``.
    described : pd.DataFrame
        From `lib.filters.criteria.describe`, all trainings.
    controls : pd.DataFrame, optional
        From `lib.filters.controls.describe`: networks trained on permuted targets. Without them,
        the claims on what filters answer to are inconclusive.
    seed : int
        Of the random divisions of networks behind an interval.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger. Networks are the unit of all intervals.

    Examples
    --------
    >>> structure = pd.DataFrame({"network": [0, 0, 1, 1], "p_value": [0.001, 0.8, 0.6, 0.4]})
    >>> filter_claims(structure, described=None)[["claim", "value"]].values.tolist()[0]
    ['most filters look like noise', 0.25]
    """
    noise = (structure["p_value"].fillna(1) > kernels.LEVEL).groupby(structure["network"]).mean()
    decided_by = "share of kernels without a shape that noise lacks - one half, over trainings"
    rows = [
        ledger.claim_row(
            "most filters look like noise",
            "5, Figure 3",
            decided_by,
            significance.trainings_estimate(noise - 0.5),
        )
    ]
    selection = "a selection of filters responds to specific patterns"
    patterns = {
        "bass_beat": "a filter responds to a sharp bassy sound",
        "offset": "a filter responds to what is followed by silence",
    }
    if controls is None or controls["network"].nunique() < 2:
        reason = (
            f"needs networks trained on permuted targets: {criteria.CONTROLS_COMMAND} for the demo,"
            " -p 06_first_layer_filters.n_controls=10 for other data"
        )
        none = [ledger.untold(claim, "5, Figure 4", reason) for claim in (selection, *patterns.values())]
        return pd.concat([pd.DataFrame(rows, columns=ledger.COLUMNS), *none], ignore_index=True)
    decided_by = (
        "share of a trained network's filters beyond all controls but one in any criterion - of a control's"
        " filters beyond the other controls, over random divisions of the networks"
    )
    rows.append(
        ledger.claim_row(
            selection, "5, Figure 4", decided_by, criteria.beyond(described, controls, seed=seed)
        )
    )
    compared = criteria.against(described, controls, seed=seed)
    for criterion, claim in patterns.items():
        decided_by = f"{criterion} of a trained network's best filter - of a control's, over networks"
        row = compared.loc[criterion].to_dict()
        row |= {"kind": "secondary", "p_corrected": row["p_holm"]}
        rows.append(ledger.compared(claim, "5, Figure 4", decided_by, row))
    return pd.DataFrame(rows, columns=ledger.COLUMNS)


def time_order_claims(predicted, truth, *, n):
    """Does global max pooling remove all dependence on time?

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame
        From `lib.filters.ablation.time_orders`: of the test artists, by order of the frames and training.
    truth : pd.DataFrame
    n : int
        Length of the lists.

    Returns
    -------
    pd.DataFrame
        In the columns of the ledger. Neighbour lists are unchanged where more than `time_order.KEPT` of them
        stays, the ranking is as good where less than `time_order.MARGIN` is lost.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], list("abc"))
    >>> runs = {time_order.UNCHANGED: [truth], time_order.SHIFTED: [truth], time_order.SHUFFLED: [-truth]}
    >>> time_order_claims(runs, truth, n=1)[["value", "border"]].round(2)
       value  border
    0    1.0    0.90
    1    0.0    0.90
    2   -0.5   -0.01
    """
    claims = {
        time_order.SHIFTED: "global max pooling removes the dependence on when something sounds",
        time_order.SHUFFLED: "global max pooling removes any time dependency",
    }
    rows, before = [], predicted[time_order.UNCHANGED]
    for order, claim in claims.items():
        kept = [time_order.kept(run, first, n) for run, first in zip(predicted[order], before, strict=True)]
        decided_by = f"share of the {n} nearest that stay with frames {time_order.ORDERS[order]}"
        rows.append(
            ledger.claim_row(claim, "4", decided_by, significance.estimate(kept), border=time_order.KEPT)
        )
    changed, untouched = (
        compare.measured(runs, truth, "ndcg", n) for runs in (predicted[time_order.SHUFFLED], before)
    )
    claim = "features along the frequency axis are enough: the ranking needs no order of frames"
    decided_by = f"nDCG@{n} with frames shuffled one by one - as they are"
    lost = significance.estimate([a - b for a, b in zip(changed, untouched, strict=True)])
    rows.append(ledger.claim_row(claim, "4", decided_by, lost, border=-time_order.MARGIN))
    return pd.DataFrame(rows, columns=ledger.COLUMNS)
