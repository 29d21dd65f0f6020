"""Did a run come out as the committed figures did, and if not, does it matter?

Conventions
-----------
- On the same type of processor, lock and number of threads every file has to be the same, byte for byte.
- Elsewhere other weights are trained. Then each value of a table has to lie within its committed interval,
  which covers artists and trainings, and verdicts are compared one by one. No primary verdict may change; of
  the secondary ones at most one in twenty.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib.workflow import artifacts, machine, paths

TABLES = {  # name -> columns that name a row, column of the value
    "table1_ranking": (["truth", "candidates", "fold", "method", "metric", "n"], "value"),
    "comparisons": (["truth", "reference", "method", "measure", "n"], "difference"),
    "confounds": (["method", "measure", "n"], "value"),
    "beyond_ranking": (["truth", "candidates", "fold", "method", "metric", "n"], "value"),
    "beyond_comparisons": (["reference", "method", "measure"], "difference"),
}
VERDICTS = ("ledger", "filter_claims")
ALLOWED = 1 / 20  # of the secondary verdicts
LEAST = 0.03  # where a value has no interval: one artist's list may differ by an encoder's rounding
SAME_PROCESSOR = ("cpu", "lock", "threads")


@dataclass(frozen=True)
class Comparison:
    """A run beside the committed one.

    Attributes
    ----------
    different : list of str
        Files that differ or are missing.
    n_values : int
        Values compared.
    outside : pd.DataFrame
        ``table, row, committed, ci_low, ci_high, now`` of values outside their committed interval.
    verdicts : pd.DataFrame
        ``claim, kind, committed, now`` of all claims.
    made_with : dict
        What the committed figures were made with.
    missing : list of str
        Files that are missing, pages and JSON included.
    """

    different: list
    n_values: int
    outside: pd.DataFrame
    verdicts: pd.DataFrame
    made_with: dict
    missing: list

    @property
    def alike(self):
        """Whether this is the processor type, lock and number of threads of the committed figures."""
        now = machine.made_with()
        return all(self.made_with[key] == now[key] for key in SAME_PROCESSOR)

    @property
    def same(self):
        """Whether the run is the committed one: to the byte on the same processor, elsewhere by intervals."""
        if self.alike or not self.different:
            return not self.different and not self.missing
        return self.holds and not self.missing and len(self.outside) <= ALLOWED * self.n_values

    @property
    def changed(self):
        """The claims whose verdict is another one."""
        return self.verdicts[self.verdicts["committed"] != self.verdicts["now"]]

    @property
    def contradicted(self):
        """The claims whose verdict turned into its opposite: no draw of trainings explains that."""
        opposite = {"holds", "does not hold"}
        pairs = zip(self.verdicts["committed"], self.verdicts["now"], strict=True)
        return self.verdicts[[{first, second} == opposite for first, second in pairs]]

    @property
    def holds(self):
        """Whether no primary verdict changed, and at most one in twenty of the others."""
        primary = self.changed["kind"] == "primary"
        others = (self.verdicts["kind"] != "primary").sum()
        return not primary.any() and (~primary).sum() <= ALLOWED * others

    def in_words(self):
        """What a person wants to know at the end of a run, in one to three lines."""
        then, now = self.made_with, machine.made_with()
        if not self.different:
            return f"The figures are the committed ones, byte for byte (made on {then['cpu']})."
        where = "this type of processor" if self.alike else f"{then['cpu']}; this is {now['cpu']}"
        lines = [
            f"{len(self.different)} figures and tables differ from the committed ones, which were made on"
            f" {where}.",
            f"{len(self.outside)} of {self.n_values} values lie outside their committed 95 % intervals;"
            f" {len(self.changed)} of {len(self.verdicts)} verdicts changed,"
            f" {(self.changed['kind'] == 'primary').sum()} of them primary.",
        ]
        if len(self.changed):
            lines.append("Changed: " + "; ".join(self.changed["claim"]) + ".")
        return "\n".join(lines)


def compare(committed, made):
    """Compare two folders of figures and tables.

    Parameters
    ----------
    committed, made : Path

    Returns
    -------
    Comparison
    """
    files = [path for path in sorted(committed.iterdir()) if path.suffix in {".csv", ".md", ".png"}]
    different = [
        path.name
        for path in files
        if not (made / path.name).exists() or (made / path.name).read_bytes() != path.read_bytes()
    ]
    kinds = {".csv", ".md", ".png", ".html", ".json"}
    names = [path.name for path in sorted(committed.iterdir()) if path.suffix in kinds]
    missing = [name for name in names if not (made / name).exists()]
    parts, n_values = [], 0
    for name, (keys, value) in TABLES.items():
        if (committed / f"{name}.csv").exists() and (made / f"{name}.csv").exists():
            n, outside = _outside(
                name, keys, value, *(pd.read_csv(top / f"{name}.csv") for top in (committed, made))
            )
            n_values += n
            parts.append(outside)
    verdicts = [
        _verdicts(*(pd.read_csv(top / f"{name}.csv") for top in (committed, made))) for name in VERDICTS
    ]
    made_with = json.loads((committed / "run.json").read_text(encoding="utf-8"))
    return Comparison(
        different,
        n_values,
        pd.concat(parts, ignore_index=True),
        pd.concat(verdicts, ignore_index=True),
        made_with,
        missing,
    )


def verify(parameters, stale):
    """Print whether the last run of the demo is the committed one, and if not, what differs.

    Parameters
    ----------
    parameters : dict of str to dict
        Of all stages.
    stale : dict of str to str
        Why stages would have to run, for those that would: a run that is not finished cannot be compared.

    Returns
    -------
    int
        Exit code: 0 if it is, 1 if not or if it cannot be compared.
    """
    if stale:
        print("Nothing was compared: the run is not finished, or its files were changed since.")
        print("\n".join(f"  {stage:24} {why}" for stage, why in stale.items()))
        print("Run: python3 run_all.py")
        return 1
    with tempfile.TemporaryDirectory(prefix="music-similarity-") as folder:
        committed = committed_figures(Path(folder))
        if committed is None:
            print("Nothing to compare the figures with: this is no git checkout with committed figures.")
            return 1
        figures = paths.figures("demo")
        try:
            comparison = compare(committed, figures)
        except FileNotFoundError as problem:
            print(f"Not verified: {paths.place(figures)} lacks {Path(problem.filename).name}.")
            return 1
    written = {name for stage in parameters for name in artifacts.manifest("demo", stage).outputs}
    n_notebooks = sum(paths.executed("demo", stage).exists() for stage in parameters)
    print(f"{n_notebooks} of {len(parameters)} executed notebooks, {len(written)} results of this run.")
    print(comparison.in_words())
    for title, names in (("Differ", comparison.different), ("Missing", comparison.missing)):
        if names:
            print(f"{title}: {', '.join(names)}.")
    for row in comparison.outside.itertuples():
        print(f"  {row.table} ({row.row}): {row.now:.4g}, not in {row.ci_low:.4g} to {row.ci_high:.4g}")
    how = (
        "byte for byte" if comparison.alike or not comparison.different else "within the committed intervals"
    )
    print(f"Verified {how}." if comparison.same else f"Not verified: expected was the committed run {how}.")
    return 0 if comparison.same else 1


def committed_figures(folder):
    """Unpack the figures of the last commit into a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path or None
        The figures; None where there is no git, this is no checkout of it, or no figures are committed.
    """
    command = ["git", "archive", "--format=tar", "HEAD", "figures"]
    try:
        done = subprocess.run(command, cwd=paths.root(), capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return Path(folder) / "figures"


def _outside(name, keys, value, then, now):
    then, now = (table.assign(**{key: table[key].map(str) for key in keys}) for table in (then, now))
    both = then.merge(now[[*keys, value]], on=keys, how="left", suffixes=("", "_now"))
    low = both["ci_low"].fillna(both[value] - LEAST)
    high = both["ci_high"].fillna(both[value] + LEAST)
    after = both[f"{value}_now"]
    off = ~after.between(low - 1e-9, high + 1e-9) & both[value].notna()
    rows = both.loc[off, keys].agg(", ".join, axis=1) if off.any() else pd.Series(dtype=object)
    outside = pd.DataFrame(
        {"table": name, "row": rows, "committed": both.loc[off, value], "ci_low": low[off], "ci_high":
        high[off],
         "now": after[off]}
    )  # fmt: skip
    return int(both[value].notna().sum()), outside


def _verdicts(then, now):
    later = now.set_index("claim")["verdict"].rename("now")
    table = then[["claim", "kind", "verdict"]].rename(columns={"verdict": "committed"})
    return table.join(later, on="claim").fillna({"now": "missing"})
