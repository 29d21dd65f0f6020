"""Do the intervals cover what they claim? ``python -m benchmarks.coverage`` (some twenty minutes on one
core).

Small worlds are drawn whose answer is known: artists with a place in a space of tastes, an audience and a
truth of co-listeners with its noise; methods that see the place through noise of their own, with *hubs*
(artists near to everybody) and trainings that differ. In each world the intervals of
`lib.ranking.significance` are computed as notebook 05 computes them. Their coverage is how often they hold
the mean over all worlds, or where it is known exactly, chance or zero. Beside them stands the percentile
bootstrap over queries, which earlier versions of this project used.

- *unrelated*: scores that have nothing to do with the truth; the interval must hold chance,
- *planted*: scores that see the tastes,
- *equal*: the difference of two methods of one kind, five trainings against one; it must hold 0,
- *better*: the difference of a method that sees more and one that sees less.

Writes ``benchmarks/coverage.csv``, which notebook 05 reads: ``case, hubs, metric, n, truly, coverage,
coverage_of_queries`` (of the bootstrap), ``rejected`` (share of worlds in which the difference to chance, or
to 0, has p < .05), ``worlds, artists, trainings``. Prints one JSON line: the lowest and highest coverage, the
lowest and highest share of true nulls that were rejected.
"""

import itertools
import json

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.methods import labelled_scores
from lib.ranking import metrics as ranking_metrics
from lib.ranking import significance
from lib.workflow import artifacts, paths

N_ARTISTS, N_TRAININGS, N_WORLDS = 49, 5, 1000
METRICS = (("unordered", 3), ("unordered", 10), ("unordered", 25), ("ndcg", 10))
SLOW, FEWER_WORLDS = (("sequence_matcher", 3),), 300
N_TASTES, N_SCENES = 6, 2  # dimensions that can be seen in the sound, and that cannot
SEES_MORE, SEES_LESS, NOISE, TRAINING_SPREAD = 1.6, 0.8, 1.5, 0.5


def truth(rng, n):
    """A place in the space of tastes for each artist, and a truth of co-listeners.

    Parameters
    ----------
    rng : np.random.Generator
    n : int
        Artists.

    Returns
    -------
    places : np.ndarray, shape=(n, N_TASTES)
    target : pd.DataFrame, shape=(n, n)
        Symmetric; counts of co-listeners, popularity in them.
    """
    places, scenes, popularity = (rng.normal(size=(n, size)) for size in (N_TASTES, N_SCENES, 1))
    popularity = popularity[:, 0]
    apart = _squares(places) / 4 + _squares(scenes) / 2
    weight = np.add.outer(popularity, popularity) - np.abs(np.subtract.outer(popularity, popularity))
    counts = rng.poisson(np.triu(60 * np.exp(weight / 2 - apart), k=1))
    return places, _labelled(counts + counts.T)


def trainings(rng, places, *, n_trainings, sees, hubs):
    """Scores of several trainings of one method.

    Parameters
    ----------
    rng : np.random.Generator
    places : np.ndarray, shape=(n, N_TASTES)
    n_trainings : int
    sees : float
        How strongly the places enter; 0: not at all.
    hubs : float
        Spread of what an artist is near to everybody.

    Returns
    -------
    list of pd.DataFrame, shape=(n, n)
    """
    sound = sees * places + NOISE * rng.normal(size=places.shape)
    near = rng.exponential(size=len(places)) * hubs * N_TASTES
    runs = []
    for _ in range(n_trainings):
        weights = np.exp(TRAINING_SPREAD * rng.normal(size=N_TASTES) / 2)
        learnt = weights * (sound + TRAINING_SPREAD * rng.normal(size=places.shape))
        runs.append(_labelled(near[None] - _squares(learnt)))
    return runs


def simulate(*, n_artists, n_trainings, n_worlds, metrics=METRICS, hubs=(0.0, 0.5), seed=0, progress=True):
    """Coverage of intervals and size of tests over many worlds.

    Returns
    -------
    pd.DataFrame
        As described at the top of this file.
    """
    rows = []
    for case, hub in itertools.product(("unrelated", "planted", "equal", "better"), hubs):
        rng = np.random.default_rng([seed, int(10 * hub)])
        results = {key: [] for key in metrics}
        for _ in tqdm(range(n_worlds), desc=f"{case}, hubs {hub}", disable=not progress):
            places, target = truth(rng, n_artists)
            sees = {"unrelated": 0.0, "planted": SEES_LESS, "equal": SEES_LESS, "better": SEES_MORE}[case]
            first = trainings(rng, places, n_trainings=n_trainings, sees=sees, hubs=hub)
            second = trainings(rng, places, n_trainings=1, sees=SEES_LESS, hubs=hub)
            compared = case in ("equal", "better")
            measured = [
                [_measured(run, target, metrics) for run in side]
                for side in ((first, second) if compared else (first,))
            ]
            for key in metrics:
                sides = [[run[key] for run in side] for side in measured]
                border = 0.0 if compared else key[1] / (n_artists - 1)
                results[key].append((significance.estimate(*sides), _over_queries(sides, rng), border))
        for (metric, n), simulated in results.items():
            rows.append(
                {"case": case, "hubs": hub, "metric": metric, "n": n, **_summary(case, metric, simulated)}
            )
    return pd.DataFrame(rows).assign(worlds=n_worlds, artists=n_artists, trainings=n_trainings)


def main():
    """Simulate, write and print."""
    size = {"n_artists": N_ARTISTS, "n_trainings": N_TRAININGS}
    table = pd.concat(
        [
            simulate(**size, n_worlds=N_WORLDS),
            simulate(**size, n_worlds=FEWER_WORLDS, metrics=SLOW),
        ],
        ignore_index=True,
    )
    artifacts.write_csv(table.round(4), paths.measured("coverage"))
    true_nulls = table[table["case"].isin(["unrelated", "equal"])]["rejected"].dropna()
    print(
        json.dumps(
            {
                "coverage": [float(table["coverage"].min()), float(table["coverage"].max())],
                "coverage_of_queries": [
                    float(table["coverage_of_queries"].min()),
                    float(table["coverage_of_queries"].max()),
                ],
                "rejected_true_nulls": [float(true_nulls.min()), float(true_nulls.max())],
            }
        )
    )


def _measured(run, target, metrics):
    parts = [ranking_metrics.measure(run, target, [n], metrics=(metric,)) for metric, n in metrics]
    return {key: value for part in parts for key, value in part.items()}


def _summary(case, metric, simulated):
    estimates, of_queries, borders = zip(*simulated, strict=True)
    values = np.array([one.value for one in estimates])
    exact = case == "equal" or (case == "unrelated" and metric == "unordered")
    truly = borders[0] if exact else values.mean()
    intervals = np.array([one.interval() for one in estimates]), np.array(of_queries)
    covered = [float(((each[:, 0] <= truly) & (truly <= each[:, 1])).mean()) for each in intervals]
    tested = metric == "unordered" or case in ("equal", "better")
    rejected = np.mean([one.p_value(border) < 0.05 for one, border in zip(estimates, borders)])
    return {
        "truly": truly,
        "coverage": covered[0],
        "coverage_of_queries": covered[1],
        "rejected": float(rejected) if tested else np.nan,
    }


def _over_queries(sides, rng, n_resamples=400):
    """The percentile bootstrap over queries, trainings averaged."""
    values = [np.mean([run.values for run in side], axis=0) for side in sides]
    values = values[0] - values[1] if len(values) > 1 else values[0]
    means = values[rng.integers(len(values), size=(n_resamples, len(values)))].mean(axis=1)
    return np.quantile(means, [0.025, 0.975])


def _squares(places):
    return ((places[:, None] - places[None]) ** 2).sum(axis=-1)


def _labelled(values):
    return labelled_scores(values, [f"a{place:03d}" for place in range(len(values))])


if __name__ == "__main__":
    main()
