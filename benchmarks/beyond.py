"""The strongest plain method at the paper's size: ``python -m benchmarks.beyond``.

Prints one JSON line:

- ``fit_seconds``: listening factors, dictionaries, features, the inner choice and the fit of `FactorRidge` on
  877 artists × 3 clips,
- ``score_seconds``: scores of all 975 artists × 3 clips, features included,
- ``seconds``: both; at most 120 on two cores is wanted,
- ``cpu_seconds``: processor time of both, over all cores; other programs on the machine change it less,
- ``peak_gb``: largest memory of the process; at most 3 is wanted,
- ``l2_seconds``, ``ratio_to_l2``: the paper's baseline on the same clips, and how much longer this takes.

Clips and listening are synthetic: eight styles, each with its own spectrum and its own listeners.
"""

import json
import resource
import time

import numpy as np
import pandas as pd
import scipy.sparse

from lib import study as studies
from lib.beyond.factor_models import FactorRidge
from lib.listening import matrix as listening_matrix
from lib.listening import metrics
from lib.ranking import baselines

N_ARTISTS, N_TEST, CLIPS, STYLES, USERS, ARTISTS_PER_USER = 975, 98, 3, 8, 20_000, 50


def main():
    """Measure and print."""
    matrix, study = world(np.random.default_rng(0))
    train, test = study.ids[N_TEST:], study.ids[:N_TEST]
    start, busy = time.perf_counter(), time.process_time()
    method = FactorRidge(matrix).fit(study, train, test, seed=0)
    fitted = time.perf_counter()
    method.score(study, study.ids)
    scored = time.perf_counter()
    busy = time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    baselines.L2().fit(study, train, test).score(study, study.ids)
    l2_seconds = time.perf_counter() - scored
    print(
        json.dumps(
            {
                "fit_seconds": round(fitted - start, 1),
                "score_seconds": round(scored - fitted, 1),
                "seconds": round(scored - start, 1),
                "cpu_seconds": round(busy, 1),
                "peak_gb": round(peak, 2),
                "l2_seconds": round(l2_seconds, 1),
                "ratio_to_l2": round((scored - start) / l2_seconds, 1),
            }
        )
    )


def world(rng):
    """A listening matrix and a collection of the paper's size."""
    style = rng.integers(STYLES, size=N_ARTISTS)
    users, drawn = np.repeat(np.arange(USERS), ARTISTS_PER_USER), []
    for taste in rng.integers(STYLES, size=USERS):
        chances = np.where(style == taste, 5.0, 1.0) / np.arange(2, N_ARTISTS + 2)
        drawn.append(rng.choice(N_ARTISTS, ARTISTS_PER_USER, replace=False, p=chances / chances.sum()))
    ones = np.ones(len(users), dtype=np.int64)
    plays = scipy.sparse.csr_array((ones, (users, np.concatenate(drawn))), shape=(USERS, N_ARTISTS))
    order = np.argsort(-plays.sum(axis=0), kind="stable")
    plays, style = plays[:, order], style[order]
    ids = [f"artist-{place:04d}" for place in range(N_ARTISTS)]
    artists = pd.DataFrame({"artist_id": ids, "name": ids, "listeners": plays.sum(axis=0), "plays": 1})
    matrix = listening_matrix.ListeningMatrix(plays, artists)
    owners = np.repeat(ids, CLIPS)
    colours = rng.random((STYLES, 1, 64), dtype=np.float32)
    clips = np.empty((len(owners), 256, 64), dtype=np.float16)
    for place in range(len(owners)):
        noise = rng.normal(0, 0.2, (256, 64)).astype(np.float32)
        clips[place] = np.clip(colours[style[place // CLIPS]] + noise, 0, 1)
    index = pd.DataFrame({"row": range(len(owners)), "artist_id": owners})
    return matrix, studies.aligned(metrics.min_conditional(matrix), artists, clips, index)


if __name__ == "__main__":
    main()
