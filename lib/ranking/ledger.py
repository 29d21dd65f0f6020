"""The ledger of the paper's claims: its columns, its lines and its verdicts (beyond the paper).

Conventions
-----------
- A verdict is computed from one figure, its 95 % interval and its p-value, over artists and trainings where
  ``decided_by`` says nothing else: *holds* where the figure lies above the border and the p-value (of a
  secondary claim: the corrected one) below .05, *does not hold* where it lies below, *inconclusive*
  otherwise, or where the data at hand have no such figure.
- A claim that takes its decision from `compare.comparisons` keeps it. All other claims are one family.
- The claims themselves are in `lib.ranking.claims` and `lib.filters.claims`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.ranking import compare

COLUMNS = [
    *("claim", "section", "kind", "decided_by", "value", "ci_low", "ci_high", "border", "p_value"),
    *("p_corrected", "verdict"),
]
MEANINGS = {1: "holds", -1: "does not hold", 0: "inconclusive"}


def verdict(value, p_value, border=0.0):
    """Whether "greater than `border`" holds, from a figure and the p-value that decides.

    Returns
    -------
    str
        ``holds``, ``does not hold`` or ``inconclusive``.
    """
    return MEANINGS[compare.side(value, p_value, border)]


def untold(claim, section, reason):
    """A claim that the data at hand cannot decide, and why.

    Returns
    -------
    pd.DataFrame
        One line in the columns of the ledger.
    """
    return pd.DataFrame([undecided(claim, section, reason)], columns=COLUMNS)


def decided(claims):
    """Correct the p-values of the claims that are no comparisons, as one family, and give every verdict.

    Parameters
    ----------
    claims : sequence of pd.DataFrame
        In the columns of the ledger.

    Returns
    -------
    pd.DataFrame
        The ledger.

    Examples
    --------
    >>> claims = pd.DataFrame([
    ...     claim_row("A beats B", "5", "difference", {"value": 0.2, "p_value": 0.01}),
    ...     claim_row("B beats C", "5", "difference", {"value": 0.1, "p_value": 0.04}),
    ...     claim_row("C beats D", "5", "difference", {"value": 0.1, "p_value": 0.04}),
    ... ])
    >>> decided([claims])[["claim", "p_value", "p_corrected", "verdict"]]
           claim  p_value  p_corrected       verdict
    0  A beats B     0.01         0.03         holds
    1  B beats C     0.04         0.08  inconclusive
    2  C beats D     0.04         0.08  inconclusive
    """
    ledger = pd.concat([part.dropna(axis=1, how="all") for part in claims], ignore_index=True)
    ledger = ledger.reindex(columns=COLUMNS)
    compared = ledger["verdict"].notna()
    rest = ledger[~compared].drop(columns=["p_corrected", "verdict"])
    rest = compare.decided(rest, "value", families=[], border=rest["border"])
    figures = zip(rest["value"], rest["p_corrected"], rest["border"], strict=True)
    rest["verdict"] = [verdict(*each) for each in figures]
    return pd.concat([ledger[compared], rest[COLUMNS]]).sort_index()


def beside_real_music(ledger, real):
    """The ledger of the simulated world with a column for what the same claims come to on real music.

    Parameters
    ----------
    ledger : pd.DataFrame
    real : pd.DataFrame
        The ledger of a run on real music; claims are found by their words.

    Returns
    -------
    pd.DataFrame
        With ``on_real_music``: a verdict, or *not checked* where the run has no figure for the claim.

    Examples
    --------
    >>> ledger = pd.DataFrame({"claim": ["A beats B", "B beats C"], "verdict": "holds"})
    >>> real = pd.DataFrame({"claim": ["A beats B"], "value": [0.1], "verdict": ["inconclusive"]})
    >>> beside_real_music(ledger, real)
           claim verdict on_real_music
    0  A beats B   holds  inconclusive
    1  B beats C   holds   not checked
    """
    verdicts = real[real["value"].notna()].set_index("claim")["verdict"]
    return ledger.assign(on_real_music=ledger["claim"].map(verdicts).fillna("not checked"))


def compared(claim, section, decided_by, row):
    """One line of the ledger from one of `compare.comparisons`."""
    line = {name: row[name] for name in ("kind", "ci_low", "ci_high", "p_value", "p_corrected")}
    line |= {"claim": claim, "section": section, "decided_by": decided_by, "value": row["difference"]}
    return line | {"border": 0.0, "verdict": verdict(row["difference"], row["p_corrected"])}


def claim_row(claim, section, decided_by, result, border=0.0, kind="secondary"):
    """One line of the ledger that is still to be decided."""
    line = {"claim": claim, "section": section, "kind": kind, "decided_by": decided_by, "border": border}
    return line | (result if isinstance(result, dict) else result.row(border=border))


def undecided(claim, section, reason):
    """One line of the ledger that the data at hand cannot decide."""
    line = dict.fromkeys(COLUMNS, np.nan) | {"claim": claim, "section": section, "kind": "secondary"}
    return line | {"decided_by": reason, "border": 0.0}
