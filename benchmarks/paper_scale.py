"""The demo's world at the paper's size, from end to end: ``python -m benchmarks.paper_scale``.

Runs the profile ``paper_scale`` notebook by notebook: 1,000 artists, 25 passes over all pairs of clips, three
trainings. Takes some hours. The same command goes on where it was stopped; a training goes on from its
checkpoint, and what the stopped attempt took is counted. Options are passed on to ``run_all.py``, such as
``-p "04.seeds=[0]"`` for one training.

Writes ``figures/paper_scale/stages.csv``, one row an attempt at a notebook: ``stage, seconds,
processor_seconds, peak_gb, finished``, and beside it ``README.md``: their sums, the disk that the results
take, the machine. Prints one JSON line: the sums.
"""

import json
import shlex
import sys

import pandas as pd

from benchmarks import demo
from lib.workflow import artifacts, machine, paths, stages

PROFILE = "paper_scale"
TAKEN = {"seconds": "wall_seconds", "processor_seconds": "cpu_seconds", "peak_gb": "peak_gb"}


def main(options=()):
    """Run, measure and write.

    Parameters
    ----------
    options : sequence of str
        Of ``run_all.py``.
    """
    table = paths.figures(PROFILE) / "stages.csv"
    rows = pd.read_csv(table).to_dict("records") if table.exists() else []
    done = {row["stage"] for row in rows if row["finished"]}
    for stage in stages.names():
        if stage in done:
            continue
        taken, code = demo.measured(["--profile", PROFILE, *options, "--only", stages.number(stage)])
        rows.append(
            {"stage": stage} | {name: taken[key] for name, key in TAKEN.items()} | {"finished": not code}
        )
        with artifacts.replacing(table) as partial:
            pd.DataFrame(rows).to_csv(partial, index=False)
        if code:
            raise SystemExit(code)
    by_stage = (
        pd.DataFrame(rows)
        .groupby("stage")
        .agg({"seconds": "sum", "processor_seconds": "sum", "peak_gb": "max"})
    )
    disk = {
        part: size(paths.data(PROFILE) / part) for part in ("clips", "spectrograms.npy", "models", "kept", "")
    }
    seeds = artifacts.manifest(PROFILE, stages.find("04")).parameters["seeds"]
    with artifacts.replacing(table.with_name("README.md")) as partial:
        partial.write_text(account(by_stage, disk, machine.made_with(), seeds, options), encoding="utf-8")
    print(json.dumps(by_stage.sum().round(1).to_dict() | {"peak_gb": by_stage["peak_gb"].max()}))


def account(by_stage, disk, made_with, seeds, options=()):
    """What the folder holds and what it took, as Markdown.

    Parameters
    ----------
    by_stage : pd.DataFrame
        ``seconds, processor_seconds, peak_gb``; index: the stage.
    disk : dict of str to int
        Bytes by part of the data folder; ``""``: of all of it.
    made_with : dict
        From `lib.workflow.machine.made_with`.
    seeds : list of int
        Of the trainings.
    options : sequence of str
        As they were given.

    Returns
    -------
    str
    """
    taken = by_stage.assign(minutes=(by_stage["seconds"] / 60).round(1))
    taken = taken[["minutes", "processor_seconds", "peak_gb"]].reset_index()
    parts = ", ".join(f"{part or 'everything'} {n_bytes / 1e9:.2f} GB" for part, n_bytes in disk.items())
    hours, processor_seconds = by_stage["seconds"].sum() / 3600, by_stage["processor_seconds"].sum()
    memory = by_stage["peak_gb"].max()
    command = shlex.join(["python", "-m", "benchmarks.paper_scale", *options])
    return f"""# The simulated world at the paper's size

*Simulated listeners and music.* 1,000 artists, 25 passes over all pairs of clips, trainings: {len(seeds)},
every notebook: `{command}`, profile [`{PROFILE}`](../../profiles/{PROFILE}.yml).

{artifacts.markdown(taken).strip()}

All: {hours:.1f} hours, {processor_seconds:,.0f} processor seconds, at most {memory:.1f} GB of memory. Disk:
{parts}. Processor: {made_with["cpu"]}.

A notebook that was interrupted counts with all its attempts. Where other programs use the same cores,
processor seconds say more than minutes.
"""


def size(place):
    """Bytes of a file, or of all files below a folder."""
    files = [place] if place.is_file() else place.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


if __name__ == "__main__":
    main(sys.argv[1:])
