"""`python -m demo.calibrate`: hold the simulated world against what real data show. Trains nothing.

The constants of the world were fixed with this, and only this, before any network saw it.
"""

import argparse
import tempfile

import joblib
import numpy as np
import pandas as pd

from demo.apart import Apart
from demo.listeners import traits, write_listening
from demo.synthesiser import synthesise
from demo.world import World
from lib import study as studies
from lib.listening import factors as listening_factors
from lib.listening import matrix as listening_matrix
from lib.listening import metrics, plays
from lib.ranking import baselines, confounds
from lib.ranking import metrics as ranking_metrics
from lib.spectrograms import picture

USED = 206  # artists with the most listeners that are looked at
LISTS, LENGTH = 5, 34  # disjoint lists of candidates
CLIPS = 3
# Measured on 171 real artists in five disjoint lists; None: not measured there.
REAL = {
    "nDCG@10, chance": ".20", "nDCG@10, popularity": ".32-.33", "nDCG@10, l2": ".24-.26",
    "matched concordance, l2": ".50-.54", "matched concordance, spectrum": ".56-.61",
    "matched concordance, factors": ".88", "matched concordance, world": None,
    "truth and popularity, rank correlation": None,
    "listeners, most": None, "listeners, median": None, "listeners, least": None, "artists with audio": None,
}  # fmt: skip


def study(world, n_jobs=2):
    """The world as the pipeline would see it, without encoding and decoding the clips.

    Parameters
    ----------
    world : demo.world.World
    n_jobs : int
        Worker processes.

    Returns
    -------
    study : lib.study.Study
    listening : lib.listening.matrix.ListeningMatrix
    """
    with tempfile.TemporaryDirectory() as folder:
        plays_file, profile_file, _ = write_listening(world, folder)
        clean = plays.read(plays_file, profile_file, one_mbid_per_name=False)
        matrix = listening_matrix.top(clean.listening, USED)
    with_previews = [
        world.artist(mbid) for mbid in matrix.artists["artist_id"] if world.artist(mbid).has_previews
    ]
    tracks = [track for artist in with_previews for track in world.tracks(artist)[:CLIPS]]
    drawn = Apart(world, spectrogram)
    clips = joblib.Parallel(n_jobs, backend="threading")(
        joblib.delayed(drawn)(track.track_id) for track in tracks
    )
    index = pd.DataFrame({"row": range(len(tracks)), "artist_id": [track.artist for track in tracks]})
    target = metrics.min_conditional(matrix)
    return studies.aligned(target, matrix.artists, np.stack(clips), index), matrix


def measure(world, n_jobs=2):
    """The figures of `REAL` for one world.

    Parameters
    ----------
    world : demo.world.World
    n_jobs : int
        Worker processes.

    Returns
    -------
    pd.Series
    """
    data, matrix = study(world, n_jobs)
    factors = listening_factors.ppmi_factors(matrix)
    shapes = [baselines.Chance(), baselines.Popularity(), baselines.L2(), baselines.Spectrum()]
    shapes += [
        baselines.Fixed("factors", factors @ factors.T),
        baselines.world(traits(world).set_index("artist_id")),
    ]
    order = np.random.default_rng(world.seed).permutation(len(data.ids))
    values = {name: [] for name in REAL}
    for k in range(LISTS):
        ids = [data.ids[place] for place in np.sort(order[k * LENGTH : (k + 1) * LENGTH])]
        truth = data.target.loc[ids, ids]
        for method in shapes:
            scores = method.score(data, ids).set_axis(ids, axis=0).set_axis(ids, axis=1)
            truth.index.name = truth.columns.name = None
            figures = {
                f"nDCG@10, {method.name}": ranking_metrics.ndcg(scores, truth, 10).mean(),
                f"matched concordance, {method.name}": confounds.matched_concordance(
                    scores, truth, data.listeners
                ).mean(),
            }
            for name in values.keys() & figures.keys():
                values[name].append(figures[name])
    listeners = data.listeners
    upper = np.triu_indices(len(listeners), 1)
    popularity = np.add.outer(*2 * [np.log(listeners.to_numpy())])[upper]
    truth = pd.Series(data.target.to_numpy()[upper])
    values["truth and popularity, rank correlation"] = truth.corr(pd.Series(popularity), method="spearman")
    values |= {"listeners, most": listeners.max(), "listeners, median": listeners.median()}
    values |= {"listeners, least": listeners.min(), "artists with audio": len(listeners)}
    return pd.Series({name: np.mean(value) for name, value in values.items()})


def spectrogram(world, track):
    """The picture of a track that was neither encoded nor decoded, shape=(256, 64)."""
    samples, rate = synthesise(world, track)
    return picture.log_mel(picture.mono(samples, rate)).astype(np.float16)


def main():
    parser = argparse.ArgumentParser(description="Hold the simulated world against what real data show.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    table = pd.DataFrame(
        {f"seed {seed}": measure(World(seed=seed), arguments.jobs) for seed in arguments.seeds}
    )
    table.insert(0, "mean", table.mean(axis=1))
    table.insert(0, "real", pd.Series(REAL).fillna(""))
    print(table.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    from demo import calibrate  # children import what they are to do by its name

    calibrate.main()
