"""The result table of the README, generated from the figures so that no number in it is typed."""

import re

import pandas as pd

from lib import registry
from lib.ranking import ledger
from lib.workflow import artifacts, paths

TABLE = re.compile(r"(<!-- table 1: begin.*?-->\n).*?(<!-- table 1: end -->)", re.DOTALL)


def refresh_readme(root=None):
    """Write Table 1 of the demo between its markers in ``README.md``.

    Nothing happens while there is no README, no markers in it, or no table yet.

    Parameters
    ----------
    root : Path, optional
        The checkout.
    """
    readme, table = (root or paths.root()) / "README.md", paths.figures("demo") / "table1_ranking.csv"
    if not (readme.exists() and table.exists()):
        return
    text = readme.read_text(encoding="utf-8")
    new = result_table(pd.read_csv(table))
    decided = [paths.figures("demo") / f"{name}.csv" for name in ("ledger", "filter_claims")]
    if all(file.exists() for file in decided):
        new += "\n" + verdicts(pd.concat(map(pd.read_csv, decided))) + "\n"
    replaced = TABLE.sub(lambda match: match[1] + "\n" + new + "\n" + match[2], text)
    if replaced != text:
        artifacts.write_text(replaced, readme)


def result_table(frame):
    """Table 1 for the first screen: unordered overlap, corrected truth, and one column as published.

    Parameters
    ----------
    frame : pd.DataFrame
        ``table1_ranking.csv``.

    Returns
    -------
    str
        Markdown, with a sentence on what is counted.
    """
    chosen = frame[(frame["candidates"] == "test") & (frame["metric"] == "unordered")]
    corrected, published = (chosen[chosen["truth"] == truth] for truth in ("corrected", "as_published"))
    last = int(min(corrected["n"], key=lambda n: abs(n - 10)))
    at_last = published[published["n"] == last].set_index("method")
    rows = []
    for method, own in corrected.groupby("method", sort=False):
        row = {"": registry.label(method)}
        row |= {f"n = {int(cell['n'])}": _cell(cell) for _, cell in own.iterrows()}
        rows.append(row | {f"n = {last}, as published": _cell(at_last.loc[method])})
    note = (
        "*Simulated listeners and music.* Share of each test artist's n true neighbours that are among the n"
        f" predicted ones; mean over {corrected['n_queries'].max()} test artists and"
        f" {corrected['n_seeds'].max()} trainings, 95 % interval over both. Corrected truth; last column: as"
        " published, where every method belongs at chance, n of 49 places."
    )
    return note + "\n\n" + artifacts.markdown(pd.DataFrame(rows))


def verdicts(claims):
    """What the primary comparisons say, and how many of the other claims hold on these data.

    Parameters
    ----------
    claims : pd.DataFrame
        ``ledger.csv`` and ``filter_claims.csv``.

    Returns
    -------
    str
        Markdown.
    """
    primary, others = (claims[(claims["kind"] == "primary") == first] for first in (True, False))
    lines = [f"- {row['claim']}: **{row['verdict']}**" for row in primary.to_dict("records")]
    counts = others["verdict"].value_counts()
    rest = ", ".join(f"{verdict}: {counts.get(verdict, 0)}" for verdict in ledger.MEANINGS.values())
    return (
        "Primary claims, on these data:\n\n"
        + "\n".join(lines)
        + f"\n\nOf {len(others)} other claims that were checked, {rest} ([ledger](figures/ledger.md),"
        " [those on filters](figures/filter_claims.md), [the paper's text, statement by"
        " statement](figures/paper_coverage.md))."
    )


def _cell(row):
    value, low, high = row["value"], row["ci_low"], row["ci_high"]
    return f"{value:.3f}" if low == high else f"{value:.3f} ({low:.3f} – {high:.3f})"
