"""The blocks of the README that are generated: results from the figures, the notebooks from their titles."""

import re

import pandas as pd

from lib import registry
from lib.ranking import compare, ledger
from lib.workflow import artifacts, paths, stages

BLOCKS = {
    name: re.compile(rf"(<!-- {name}: begin.*?-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    for name in ("answer", "table 1", "table 2", "notebooks")
}
N = 10  # of nDCG@n and of the overlap in folds, the default of notebook 07
IN_TABLE_1 = ("chance", "popularity", "l2", "siamese", "split_half")
IN_TABLE_2 = ("chance", "popularity", "l2", "siamese", "factor_ridge", "chosen", "chosen_elsewhere")


def refresh_readme(root=None):
    """Write the answer, Table 1 of the demo, the table of real music and that of the notebooks in the README.

    A block without markers, or whose tables are missing, stays as it is.

    Parameters
    ----------
    root : Path, optional
        The checkout.
    """
    readme = (root or paths.root()) / "README.md"
    if not readme.exists():
        return
    text = replaced = readme.read_text(encoding="utf-8")
    for name, content in _blocks(paths.figures("demo"), paths.real("ledger").parent).items():
        replaced = BLOCKS[name].sub(lambda match, new=content: f"{match[1]}\n{new}\n\n{match[2]}", replaced)
    if replaced != text:
        artifacts.write_text(replaced, readme)


def _blocks(demo, real):
    """What stands between the markers, for each block whose tables are there."""
    blocks = {"notebooks": stages.contents("notebooks/")}
    compared = [folder / "comparisons.csv" for folder in (demo, real)]
    if all(file.exists() for file in compared):
        folds = real / "kfold_ranking.csv"
        blocks["answer"] = answer(*map(pd.read_csv, compared), pd.read_csv(folds) if folds.exists() else None)
    if (table := demo / "table1_ranking.csv").exists():
        blocks["table 1"] = result_table(pd.read_csv(table))
        decided = [demo / f"{name}.csv" for name in ("ledger", "filter_claims")]
        if all(file.exists() for file in decided):
            blocks["table 1"] += "\n" + verdicts(pd.concat(map(pd.read_csv, decided)))
    sides, ledgers = [_side(demo), _side(real)], [folder / "ledger.csv" for folder in (demo, real)]
    if all(side is not None for side in sides) and all(file.exists() for file in ledgers):
        claims = ledger.beside_real_music(*map(pd.read_csv, ledgers))
        blocks["table 2"] = real_table(*sides) + "\n" + disagreements(claims)
    return {name: content.strip() for name, content in blocks.items()}


def answer(simulated, real, folds=None):
    """The answer to the README's question: one sentence on the simulated world, one or two on real music.

    Parameters
    ----------
    simulated, real : pd.DataFrame
        ``comparisons.csv`` of each.
    folds : pd.DataFrame, optional
        ``kfold_ranking.csv`` of real music.

    Returns
    -------
    str
        Markdown; the decisions are those of the tables.
    """
    worlds = {"Simulated listeners and music": simulated, "Real listeners and real music": real}
    return (
        "\n".join(f"- {_sentence(name, table)}" for name, table in worlds.items())
        + ("" if folds is None else f"\n- {_of_folds(folds)}")
        + "\n\nIn brackets: the difference in the share of true neighbours that are found, or the share"
        " itself, with its 95 % interval over artists and trainings, under the corrected"
        " [truth](GLOSSARY.md#truth)."
    )


def _sentence(world, table):
    """How the network compares with the baseline, with chance and with popularity in one world."""
    chosen = (table["truth"] == "corrected") & (table["measure"] == compare.PRIMARY_METRIC)
    n = table.loc[chosen & (table["kind"] == "primary"), "n"].iloc[0]
    rows = table[chosen & (table["n"] == n)].set_index(["method", "reference"])
    compared = [
        ("the siamese network", "the L2 baseline", rows.loc["siamese", "l2"]),
        ("it", "chance", rows.loc["siamese", "chance"]),
        ("it", "popularity alone", _reversed(rows.loc["popularity", "siamese"])),
    ]
    queries, trainings = (int(rows[name].max()) for name in ("n_queries", "n_seeds"))
    given = f"{queries} test artists, lists of {int(n)}, {trainings} trainings"
    return f"**{world}** ({given}): " + "; ".join(_clause(*each) for each in compared) + "."


def _of_folds(table):
    """What the network, the baseline and popularity reach where every artist is tested once."""
    chosen = (table["truth"] == "corrected") & (table["candidates"] == "test") & table["fold"].isna()
    chosen &= (table["metric"] == compare.PRIMARY_METRIC) & (table["n"] == N)
    rows = table[chosen].set_index("method")
    values = ", ".join(
        f"{name} {row['value']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})"
        for name, row in (
            ("the siamese network", rows.loc["siamese"]),
            ("the L2 baseline", rows.loc["l2"]),
            ("popularity alone", rows.loc["popularity"]),
        )
    )
    given = f"{int(rows.loc['siamese', 'n_queries'])} artists, lists of {N}"
    return (
        f"**The same real data, every artist tested once** ({given}): share of true neighbours found by"
        f" {values}; chance {rows.loc['siamese', 'chance']:.3f}."
    )


def _reversed(row):
    """A comparison seen from its reference."""
    other = {"higher": "lower", "lower": "higher"}
    return {
        "difference": -row["difference"],
        "ci_low": -row["ci_high"],
        "ci_high": -row["ci_low"],
        "decision": other.get(row["decision"], row["decision"]),
    }


def _clause(subject, reference, row):
    figures = f"({row['difference']:+.3f}; {row['ci_low']:+.3f} to {row['ci_high']:+.3f})"
    if row["decision"] == compare.DECISIONS[0]:
        return f"the data do not decide whether {subject} ranks better than {reference} {figures}"
    word = {"higher": "better", "lower": "worse"}[row["decision"]]
    return f"{subject} ranks {word} than {reference} {figures}"


def result_table(frame):
    """Table 1 in short: overlap of the main methods, corrected truth, and one column as published.

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
    chosen = chosen[chosen["method"].isin(IN_TABLE_1)]
    corrected, published = (chosen[chosen["truth"] == truth] for truth in ("corrected", "as_published"))
    last = int(min(corrected["n"], key=lambda n: abs(n - 10)))
    at_last = published[published["n"] == last].set_index("method")
    rows = []
    for method, own in corrected.groupby("method", sort=False):
        row = {"": registry.label(method)}
        row |= {f"n = {int(cell['n'])}": _cell(cell) for _, cell in own.iterrows()}
        rows.append(row | {f"n = {last}, as published": _cell(at_last.loc[method])})
    queries = corrected["n_queries"].max()
    note = (
        "**Table 1, simulated listeners and music.** Share of each test artist's n true neighbours that are"
        f" among the n predicted ones ([overlap](GLOSSARY.md#overlap)): mean over {queries} test artists and"
        f" {corrected['n_seeds'].max()} trainings, with the 95 % interval over both. The last column uses the"
        " truth [as published](docs/published_mistake.md), where the expected value of each method is chance,"
        f" {last} of {queries}. All methods and metrics: [table1_ranking.md](figures/table1_ranking.md)."
    )
    return note + "\n\n" + artifacts.markdown(pd.DataFrame(rows))


def verdicts(claims):
    """The verdicts on the primary claims, and how many of the other claims hold on these data.

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
        "The paper's primary claims, on these data:\n\n"
        + "\n".join(lines)
        + f"\n\nThe other {len(others)} claims that were checked: {rest} ([ledger](figures/ledger.md),"
        " [claims on filters](figures/filter_claims.md), [the paper's text, statement by"
        " statement](figures/paper_coverage.md))."
    )


def disagreements(claims):
    """How many claims have another verdict on real music than in the simulated world.

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
    other = (both["verdict"] != both["on_real_music"]).sum()
    return (
        f"Claims that both worlds can check: {len(both)}; with another verdict on real music: {other}"
        " ([ledger](figures/ledger.md), last column)."
    )


def real_table(simulated, real):
    """What the main methods reach on real music, beside the simulated world.

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
    rows = [
        {
            "": registry.label(method),
            f"real: nDCG@{N}": _value(ranked, method, "ndcg"),
            "gain over L2": _gain(compared, method),
            "concordance": _value(ranked, method, "matched_concordance"),
            f"simulated: nDCG@{N}": _value(simulated[0], method, "ndcg"),
        }
        for method in IN_TABLE_2
        if method in set(ranked["method"])
    ]
    queries, in_demo = (int(_rows(side, "l2", "ndcg")["n_queries"].max()) for side in (ranked, simulated[0]))
    matched = int(_rows(ranked, "l2", "matched_concordance")["n_queries"].max())
    folds = ranked.loc[ranked["fold"] > 0, "fold"].nunique()
    tested = f"tested in {folds} [folds](GLOSSARY.md#fold)" if folds else "the test artists of one split"
    note = (
        f"**Real listeners and real music.** {queries} artists, {tested} ([data and"
        f" command](figures/real/README.md)). [nDCG](GLOSSARY.md#ndcg)@{N} and popularity-matched"
        f" [concordance](GLOSSARY.md#concordance) (chance 0.5; {matched} artists have candidates of similar"
        " popularity), with 95 % intervals over artists and trainings. The methods were developed on these"
        " artists, so their values may be too high. Last column: the *simulated* world,"
        f" {in_demo} test artists. A dash: not compared with L2, not tested on all of these artists, or not"
        " run. All methods: [real](figures/real/beyond_ranking.md), [simulated](figures/beyond_ranking.md)."
    )
    return "\n\n".join(
        [note, artifacts.markdown(pd.DataFrame(rows)).strip(), _what_intervals_leave_out(compared)]
    )


def _what_intervals_leave_out(compared):
    """Which gains of the table are left after the correction for many methods, and what a choice adds."""
    gains = _gains(compared)
    gains = gains[gains["method"].isin(IN_TABLE_2) & (gains["n_queries"] == gains["n_queries"].max())]
    shown = gains["decision"] == "higher"
    lists = {
        word: ", ".join(f"*{registry.label(method)}*" for method in gains.loc[own, "method"])
        for word, own in (("shown", shown), ("not shown", ~shown))
    }
    decided = "; ".join(f"{word} for {names}" for word, names in lists.items() if names)
    text = (
        "The intervals are of each row alone. After the correction for the number of methods"
        f" ([Holm](GLOSSARY.md#holm-correction)), the gain over L2 is {decided}."
    )
    if set(gains["method"]) & {"chosen", "chosen_elsewhere"}:
        text += (
            " In the rows *best on each fold's dev artists*, no tested artist had part in the choice of the"
            " method; the intervals take this choice as fixed."
        )
    return text


def _gains(compared):
    """The comparisons with L2 in nDCG."""
    return compared[(compared["reference"] == "l2") & (compared["measure"] == "ndcg")]


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
    compared = _gains(compared)
    own = compared[compared["method"] == method]
    if not len(own) or own["n_queries"].max() < compared["n_queries"].max():
        return "–"
    return _cell(own.rename(columns={"difference": "value"}).iloc[0])


def _cell(row):
    value, low, high = row["value"], row["ci_low"], row["ci_high"]
    return f"{value:.3f}" if low == high else f"{value:.3f} ({low:.3f} – {high:.3f})"
