"""The result table of the README, generated from the figures so that no number in it is typed."""

import re

import pandas as pd

from lib import artifacts, paths, plots

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
    replaced = TABLE.sub(lambda found: found[1] + "\n" + new + "\n" + found[2], text)
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
    rows = []
    for method in corrected["method"].unique():
        own = corrected[corrected["method"] == method]
        row = {"": plots.METHOD_NAMES.get(method, method)} | {f"n = {int(n)}": _cell(own[own["n"] == n]) for n in own["n"]}
        rows.append(row | {f"n = {last}, as published": _cell(published[(published["method"] == method) & (published["n"] == last)])})
    n_queries, n_seeds = int(corrected["n_queries"].max()), int(corrected["n_seeds"].max())
    note = (
        f"*Simulated listeners and music.* Share of each test artist's n true neighbours that are among the n predicted ones; mean over"
        f" {n_queries} test artists and {n_seeds} trainings, 95 % interval over artists. Corrected truth; last column: the published one."
    )
    return note + "\n\n" + artifacts.markdown(pd.DataFrame(rows))


def _cell(row):
    value, low, high = row[["value", "ci_low", "ci_high"]].iloc[0]
    return f"{value:.3f}" if low == high else f"{value:.3f} ({low:.3f} – {high:.3f})"
