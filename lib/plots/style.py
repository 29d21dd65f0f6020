"""What all pictures share: colours, names, sizes, axes and the one way to a file."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from lib.spectrograms import picture
from lib.workflow import artifacts

AMOUNT, SIGNED = "viridis", "BrBG_r"
FIRST, OTHERS = "#D55E00", "#0072B2"  # the paper's metric, the other ones
SPLIT_COLOURS = {"train": "#0072B2", "dev": "#E69F00", "test": "#D55E00", "test, as published": "#CC79A7"}


def use_style():
    """Set fonts, grid and sizes for all figures."""
    sns.set_theme(style="ticks", font_scale=0.9)
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "image.origin": "lower",
            "svg.hashsalt": "music-similarity",
        }
    )


def save_figure(figure, path):
    """Write a figure as PNG without time or version stamps; return the path.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    """
    with artifacts.replacing(Path(path)) as partial, open(partial, "wb") as file:
        figure.savefig(file, format="png", metadata={"Software": None})
    return Path(path)


def axes_of(ax, size):
    if ax is None:
        return plt.subplots(figsize=size)
    return ax.figure, ax


def mel_ticks(ax, wanted=(100, 500, 1000, 2000, 5000, 10000)):
    centres = picture.mel_frequencies()
    ax.set_yticks(
        np.interp(wanted, centres, np.arange(len(centres)) + 0.5), [f"{hertz:,}" for hertz in wanted]
    )
