"""The result tables of the README, generated from the figures so that no number in them is typed."""

import re

import pandas as pd

from lib import registry
from lib.ranking import ledger
from lib.workflow import artifacts, paths

TABLE, REAL_TABLE = (
    re.compile(rf"(<!-- table {number}: begin.*?-->\n).*?(<!-- table {number}: end -->)", re.DOTALL)
    for number in (1, 2)
)
N = 10  # of nDCG@n, the default of notebook 07
BEYOND = ("audio", "tags", "pre-trained", "choice")
SHOWN = ("chance", "popularity", "l2", "siamese")  # of the real table, before the methods of notebook 07


def refresh_readme(root=None):
    """Write Table 1 of the demo, and what holds on real music, between their markers in ``README.md``.

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
    sides = [_side(table.parent), _side(paths.real("ledger").parent)]
    ledgers = [decided[0], paths.real("ledger")]
    if all(side is not None for side in sides) and all(file.exists() for file in ledgers):
        claims = ledger.beside_real_music(*map(pd.read_csv, ledgers))
        real = disagreements(claims) + "\n\n" + real_table(*sides) + "\n"
        replaced = REAL_TABLE.sub(lambda match: match[1] + "\n" + real + "\n" + match[2], replaced)
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


def disagreements(claims):
    """Which claims come out otherwise on real music than in the simulated world.

    Parameters
    ----------
    claims : pd.DataFrame
        From `lib.ranking.ledger.beside_real_music`.

    Returns
    -------
    str
        Markdown.
    """
    both = claims[claims["on_real_music"].isin(ledger.MEANINGS.values())]
    other = both[both["verdict"] != both["on_real_music"]]
    lines = [
        f"- {row['claim']}: simulated *{row['verdict']}*, real **{row['on_real_music']}**"
        for row in other.to_dict("records")
    ]
    sentence = f"Of {len(both)} claims that both can check, {len(other)} come out otherwise on real music"
    return sentence + (":\n\n" + "\n".join(lines) if lines else ".")


def real_table(simulated, real):
    """What methods reach on real music, beside the simulated world.

    Parameters
    ----------
    simulated, real : (pd.DataFrame, pd.DataFrame)
        ``beyond_ranking.csv`` and ``beyond_comparisons.csv`` of each.

    Returns
    -------
    str
        Markdown, with a sentence on what is counted.
    """
    ranked, compared = real
    mine = [name for name in ranked["method"].unique() if name in registry.METHODS]
    beyond = [name for name in registry.of_kind(*BEYOND) if name in mine]
    rows = []
    for method in [*(name for name in SHOWN if name in mine), *beyond]:
        rows.append({
            "": registry.label(method),
            f"real: nDCG@{N}": _value(ranked, method, "ndcg"),
            "gain over L2": _gain(compared, method),
            "concordance": _value(ranked, method, "matched_concordance"),
            f"simulated: nDCG@{N}": _value(simulated[0], method, "ndcg"),
            "gain over L2, simulated": _gain(simulated[1], method),
        })  # fmt: skip
    queries, in_demo = (int(_rows(side, "l2", "ndcg")["n_queries"].max()) for side in (ranked, simulated[0]))
    folds = ranked.loc[ranked["fold"] > 0, "fold"].nunique()
    tested = f"those that {folds} folds test" if folds else "the test artists of one split"
    note = (
        f"Real listeners and real music: {queries} artists as queries, {tested}"
        f" ([what went in, and the command](figures/real/README.md)). nDCG@{N} and popularity-matched"
        " concordance (chance .5), 95 % intervals over artists and trainings. A dash: not tested on all of"
        " them. The right two columns are the"
        f" *simulated* world's {in_demo} test artists."
    )
    return note + "\n\n" + artifacts.markdown(pd.DataFrame(rows))


def _side(folder):
    """Table and comparisons of a folder of figures, None where one is missing.

    Of the paper's network notebook 07 has the single split; over all folds it is in notebook 05's table.
    """
    files = [folder / f"{name}.csv" for name in ("beyond_ranking", "beyond_comparisons")]
    if not all(file.exists() for file in files):
        return None
    ranked, compared = map(pd.read_csv, files)
    of_folds = folder / "kfold_ranking.csv"
    if of_folds.exists():
        network = pd.read_csv(of_folds).query("method == 'siamese'")
        ranked = pd.concat([ranked, network], ignore_index=True)
    return ranked, compared


def _rows(ranked, method, metric):
    """Rows of a method, of all folds together where there are folds."""
    own = ranked[
        (ranked["method"] == method) & (ranked["metric"] == metric) & (ranked["candidates"] == "test")
    ]
    own = own[own["n"].isna() | (own["n"] == N)]
    together = own[own["fold"].isna()] if "fold" in own else own
    return together if len(together) else own


def _value(ranked, method, metric):
    """A method's value; a dash where it was tested on fewer artists than L2, or not at all."""
    own, of_l2 = (_rows(ranked, name, metric) for name in (method, "l2"))
    if not len(own) or own["n_queries"].max() < of_l2["n_queries"].max():
        return "–"
    return _cell(own.iloc[0])


def _gain(compared, method):
    """A method's gain over L2; a dash where fewer artists were compared than for others, or none."""
    compared = compared[(compared["reference"] == "l2") & (compared["measure"] == "ndcg")]
    own = compared[compared["method"] == method]
    if not len(own) or own["n_queries"].max() < compared["n_queries"].max():
        return "–"
    return _cell(own.rename(columns={"difference": "value"}).iloc[0])


def _cell(row):
    value, low, high = row["value"], row["ci_low"], row["ci_high"]
    return f"{value:.3f}" if low == high else f"{value:.3f} ({low:.3f} – {high:.3f})"
