"""What all pictures share: colours, axes, and names that are not those of methods."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from lib.spectrograms import picture

AMOUNT, SIGNED = "viridis", "BrBG_r"
FIRST, OTHERS = "#D55E00", "#0072B2"  # the paper's metric, the other ones
SPLIT_COLOURS = {"train": "#0072B2", "dev": "#E69F00", "test": "#D55E00", "test, as published": "#CC79A7"}

NAMES = {  # of metrics of similarity and of sources of clips, in pictures
    "min_conditional": "min-conditional",
    "plays_min": "plays, minimum",
    "jaccard": "Jaccard",
    "pmi": "PMI",
    "latent": "latent factors",
    "spotify": "Spotify",
    "itunes": "iTunes",
    "deezer": "Deezer",
    "merge": "MERGE",
    "folder": "music folder",
}


def axes_of(ax, size):
    if ax is None:
        return plt.subplots(figsize=size)
    return ax.figure, ax


def mel_ticks(ax, wanted=(100, 500, 1000, 2000, 5000, 10000)):
    centres = picture.mel_frequencies()
    ax.set_yticks(
        np.interp(wanted, centres, np.arange(len(centres)) + 0.5), [f"{hertz:,}" for hertz in wanted]
    )


def name(key):
    """What pictures call a metric of similarity or a source of clips.

    Examples
    --------
    >>> name("pmi"), name("a_new_one")
    ('PMI', 'a new one')
    """
    return NAMES.get(key, key.replace("_", " "))
