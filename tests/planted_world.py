"""Forty artists of four styles, heard by four camps; a style is a faint tilt under a meaningless level."""

import numpy as np
import pandas as pd
import scipy.sparse

from lib import study as studies
from lib.listening import metrics
from lib.listening.matrix import ListeningMatrix

N_ARTISTS, N_STYLES, N_USERS = 40, 4, 400


def build(seed=0, clips=2):
    """A listening matrix, and a collection whose audio says who shares listeners, but not by its level."""
    rng = np.random.default_rng(seed)
    style = np.arange(N_ARTISTS) % N_STYLES
    taste = rng.integers(N_STYLES, size=N_USERS)
    fame = np.linspace(0.6, 0.2, N_ARTISTS)
    plays = (rng.random((N_USERS, N_ARTISTS)) < np.where(np.equal.outer(taste, style), fame, fame / 6)) * 3
    ids = [f"artist-{place:02d}" for place in range(N_ARTISTS)]
    artists = pd.DataFrame({
        "artist_id": ids, "name": [f"Artist {place}" for place in range(N_ARTISTS)],
        "listeners": (plays > 0).sum(axis=0), "plays": plays.sum(axis=0),
    })  # fmt: skip
    matrix = ListeningMatrix(scipy.sparse.csr_array(plays), artists)
    owners = np.repeat(np.arange(N_ARTISTS), clips)
    patterns = 0.04 * np.sign(rng.normal(size=(N_STYLES, 64)))
    level = rng.uniform(0.2, 0.8, size=(len(owners), 1, 1))
    noise = rng.normal(0, 0.03, size=(len(owners), 256, 64))
    sounds = np.clip(level + patterns[style[owners]][:, None] + noise, 0, 1).astype(np.float16)
    index = pd.DataFrame({"row": range(len(owners)), "artist_id": np.array(ids, dtype=object)[owners]})
    return matrix, studies.aligned(metrics.min_conditional(matrix), artists, sounds, index)


def called(seed=0):
    """Tags that say the style of all but every fifth artist, and one tag that says nothing."""
    rng = np.random.default_rng(seed)
    rows = []
    for place in range(N_ARTISTS):
        if place % 5:
            rows += [(place, f"style {place % N_STYLES}", 3), (place, f"chatter {rng.integers(6)}", 1)]
    counts = pd.DataFrame(rows, columns=["artist_id", "tag", "count"])
    return counts.assign(artist_id=[f"artist-{place:02d}" for place in counts["artist_id"]])


def parts(study):
    """Training, dev and test artists: 24, 8 and 8."""
    artists = study.ids
    return artists[:24], artists[24:32], artists[32:]
