"""Five artists on a line, as the explorer's tests see them: every list can be read off by eye."""

from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse
import soundfile

from lib import study as studies
from lib.listening import matrix
from lib.ranking.scores import Scores

HOSTILE = '<img src=x onerror="window.ran=1"> $x^2$'
IDS = ["a", "b", "c", "d", "e"]
PLACES = np.array([0.0, 1, 3, 7, 15])


def frame(places):
    values = -np.abs(np.subtract.outer(places, places))
    np.fill_diagonal(values, np.nan)
    return pd.DataFrame(values, index=pd.Index(IDS, name="query"), columns=pd.Index(IDS, name="candidate"))


def parts(folder, plays=((1, 1, 1, 1, 1), (1, 1, 1, 1, 1)), names=None):
    """A study, and scores: the network has the line backwards, twice, on two scales."""
    names = names or ["Alpha", HOSTILE, "Same", "Same", "$un_balanced"]
    artists = pd.DataFrame({"artist_id": IDS, "name": names, "listeners": [5000, 40, 30, 20, 10]})
    splits = pd.DataFrame({"fold": 0, "artist_id": IDS, "split": ["train", "train", "dev", "test", "test"]})
    backwards = {("siamese", 0, seed): frame(scale * PLACES[::-1]) for seed, scale in ((0, 1), (1, 3))}
    scores = Scores.of_frames({("l2", 0, 0): frame(PLACES), **backwards})
    clips = pd.DataFrame({
        "clip_id": [f"clip-{k}" for k in range(10)], "artist_id": np.repeat(IDS, 2), "title": HOSTILE,
        "file": "clips/tone.wav", "source": "folder", "loudness": [-12.5, np.nan] * 5,
    })  # fmt: skip
    listening = matrix.ListeningMatrix(scipy.sparse.csr_array(np.array(plays)), artists.assign(plays=1))
    matrix.save(listening, folder)
    (folder / "clips").mkdir(exist_ok=True)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(30 * 8000) / 8000)
    soundfile.write(folder / "clips" / "tone.wav", tone, 8000)
    spectrograms = np.random.default_rng(0).random((10, 256, 64)).astype(np.float16)
    study = studies.aligned(frame(PLACES), artists, spectrograms, clips)
    return replace(study, splits=splits, simulated=True, folder=folder), scores
