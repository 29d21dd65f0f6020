"""What all pictures share: colours and axes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from lib.spectrograms import picture

AMOUNT, SIGNED = "viridis", "BrBG_r"
FIRST, OTHERS = "#D55E00", "#0072B2"  # the paper's metric, the other ones
SPLIT_COLOURS = {"train": "#0072B2", "dev": "#E69F00", "test": "#D55E00", "test, as published": "#CC79A7"}


def axes_of(ax, size):
    if ax is None:
        return plt.subplots(figsize=size)
    return ax.figure, ax


def mel_ticks(ax, wanted=(100, 500, 1000, 2000, 5000, 10000)):
    centres = picture.mel_frequencies()
    ax.set_yticks(
        np.interp(wanted, centres, np.arange(len(centres)) + 0.5), [f"{hertz:,}" for hertz in wanted]
    )
