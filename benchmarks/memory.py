"""Memory of notebooks 05 and 07 at the paper's size. ``python3 -m benchmarks.memory``

Writes what notebooks 01 to 04 leave behind for 975 artists with three clips each (random numbers; five
networks with their first weights) into a data root of its own, runs the code of notebook 05 and then of 07 in
a process each, and prints one JSON line: for each notebook ``imports_gb`` (after its first cell),
``peak_gb``, ``seconds``, and the number of methods and runs whose scores it has in hand. Tables of random
numbers mean nothing and are thrown away.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse

from lib import study as studies
from lib.listening import matrix
from lib.workflow import artifacts, paths, profiles, stages

CLIPS, LISTENERS, ARTISTS_EACH = 3, 20_000, 40
READS_FILES = "of_file("  # a cell that reads a recording: there is none here


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split(". ")[0])
    parser.add_argument("--artists", type=int, default=975)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        return run(given.stage)
    results = {"artists": given.artists}
    with tempfile.TemporaryDirectory(prefix="music-similarity-") as folder:
        os.environ |= {name: str(Path(folder, top)) for top, name in paths.MOVABLE.items()}
        write(given.artists, np.random.default_rng(0))
        for stage in ("05_ranking_evaluation", "07_beyond_the_paper"):
            command = [sys.executable, "-m", "benchmarks.memory", "--stage", stage]
            done = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr[-3000:])
            results[stages.number(stage)] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(results))


def run(stage):
    """Run the code of a notebook in this process and print what it took."""
    values, started, peaks = {}, time.perf_counter(), []
    for source, _ in stages.cells(stage):
        if READS_FILES not in source:
            exec(compile(source, stage, "exec"), values)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
    scores = values["scores"]
    print(
        json.dumps(
            {
                "imports_gb": round(peaks[0], 2),
                "peak_gb": round(peaks[-1], 2),
                "seconds": round(time.perf_counter() - started),
                "methods": len(scores.methods),
                "runs": len(scores.runs),
            }
        )
    )


def write(n_artists, rng):
    """What notebooks 01 to 04 leave behind."""
    from lib.training import siamese

    data = paths.data("demo")
    ids = [f"artist-{place:04d}" for place in range(n_artists)]
    popularity = 1 / (20 + np.arange(n_artists))
    rows = [
        rng.choice(n_artists, ARTISTS_EACH, replace=False, p=popularity / popularity.sum())
        for _ in range(LISTENERS)
    ]
    plays = scipy.sparse.csr_array(
        (
            rng.integers(1, 50, LISTENERS * ARTISTS_EACH),
            (np.repeat(np.arange(LISTENERS), ARTISTS_EACH), np.concatenate(rows)),
        ),
        shape=(LISTENERS, n_artists),
    )
    listeners = np.bincount(plays.indices, minlength=n_artists)
    order = np.argsort(-listeners, kind="stable")
    artists = pd.DataFrame(
        {
            "artist_id": ids,
            "name": [f"Artist {place}" for place in range(n_artists)],
            "listeners": listeners[order],
        }
    )
    matrix.save(matrix.ListeningMatrix(plays[:, order], artists.assign(plays=plays.sum(axis=0)[order])), data)
    clip_ids = [f"clip-{place:05d}" for place in range(n_artists * CLIPS)]
    clips = pd.DataFrame({"clip_id": clip_ids, "artist_id": np.repeat(ids, CLIPS)})
    described = {"title": "Song", "album": "", "source": "itunes", "file": "none.mp3"}
    artifacts.write_parquet(
        clips.assign(**described, loudness=rng.normal(-20, 3, len(clips))), data / "clips.parquet"
    )
    artifacts.write_parquet(clips.assign(row=range(len(clips))), data / "spectrograms.parquet")
    np.save(data / "spectrograms.npy", rng.random((len(clips), 256, 64), dtype=np.float32).astype(np.float16))
    traits = pd.DataFrame(rng.random((n_artists, 6))).rename(columns=str).assign(artist_id=ids)
    artifacts.write_parquet(traits, data / "raw" / "traits.parquet")
    artifacts.write_parquet(studies.paper_split(ids), data / "splits.parquet")
    parameters = profiles.resolve("demo")[1]
    for seed in parameters["04_siamese_training"]["seeds"]:
        for epoch in ("last", "early"):
            method = siamese.Siamese().build(seed=seed)
            method.save(paths.network("demo", seed, epoch=epoch))
    table = paths.root() / "figures" / "search_check.csv"
    artifacts.write_text(table.read_text(encoding="utf-8"), paths.figures("demo") / table.name)
    for stage in stages.NEEDS:
        made = artifacts.Manifest(stage, "demo", {"parameters": parameters[stage]}, "", {}, {}, {})
        artifacts.write_manifest(made, paths.manifest("demo", stage))


if __name__ == "__main__":
    main()
