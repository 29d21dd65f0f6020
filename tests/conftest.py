"""What the tests share: a seeded generator and a miniature world.

Files of tests run side by side (pytest-xdist). Two processes that compile the same function of librosa at
once can leave a cache that crashes whoever reads it (https://github.com/numba/numba/issues/10128): each
process has its own.

With ``MUSIC_SIMILARITY_TEST_ALL=1`` hypothesis draws twenty times as many examples, other ones in each run.
"""

import os
import tempfile
from pathlib import Path

if WORKER := os.environ.get("PYTEST_XDIST_WORKER"):  # before anything imports Numba
    COMPILED = os.environ.get("NUMBA_CACHE_DIR") or Path(tempfile.gettempdir(), "music-similarity-numba")
    os.environ["NUMBA_CACHE_DIR"] = str(Path(COMPILED, WORKER))

import hypothesis
import matplotlib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from lib import study as studies
from lib.listening import matrix, metrics

matplotlib.use("Agg")
hypothesis.settings.register_profile("house", max_examples=25, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("all", max_examples=500, deadline=None, print_blob=True, database=None)
hypothesis.settings.load_profile("all" if os.environ.get("MUSIC_SIMILARITY_TEST_ALL") == "1" else "house")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def miniature():
    """Plays of 60 users: 12 artists of two styles, whom two camps prefer; the first artists are famous."""
    rng = np.random.default_rng(12)
    fame = np.linspace(0.7, 0.2, 12)
    same_camp = np.equal.outer(np.arange(60) % 2, np.arange(12) % 2)
    plays = (rng.random((60, 12)) < np.where(same_camp, fame, fame / 3)) * rng.integers(1, 50, (60, 12))
    plays = plays[:, np.argsort(-(plays > 0).sum(axis=0), kind="stable")]
    artists = pd.DataFrame({
        "artist_id": [f"artist-{k:02d}" for k in range(12)], "name": [f"Artist {k}" for k in range(12)],
        "listeners": (plays > 0).sum(axis=0), "plays": plays.sum(axis=0),
    })  # fmt: skip
    return matrix.ListeningMatrix(scipy.sparse.csr_array(plays), artists)


@pytest.fixture(scope="session")
def study(miniature):
    """The miniature world's artists with one to three random clips each, 24 in all."""
    rng = np.random.default_rng(13)
    ids = miniature.artists["artist_id"]
    owners = np.repeat(ids.to_numpy(dtype=object), np.tile([2, 3, 1], 4))
    index = pd.DataFrame({"row": range(len(owners)), "artist_id": owners})
    sounds = np.clip(
        rng.random((12, 1, 64)) + rng.normal(0, 0.2, (12, 256, 64)), 0, 1
    )  # each artist its own spectrum
    clips = sounds[pd.Index(ids).get_indexer(owners)] * rng.random((len(owners), 256, 1))
    return studies.aligned(
        metrics.min_conditional(miniature), miniature.artists, clips.astype(np.float16), index
    )
