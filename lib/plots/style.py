"""What all pictures share: colours, names, sizes, axes and the one way to a file."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from lib import artifacts, spectrograms

AMOUNT, SIGNED = "viridis", "BrBG_r"
FIRST, OTHERS = "#D55E00", "#0072B2"  # the paper's metric, the other ones
METHOD_COLOURS = {
    "chance": "#999999",
    "popularity": "#E69F00",
    "l2": "#56B4E9",
    "spectrum": "#0072B2",
    "mfcc_gaussian": "#CC79A7",
    "untrained": "#F0E442",
    "siamese": "#D55E00",
    "split_half": "#000000",
    "world": "#009E73",
    "truth": "#000000",
    "source": "#777777",
    "loudness": "#777777",
    "factor_ridge": "#117733",
    "factor_kernel": "#44AA99",
    "factor_sum": "#332288",
    "factor_cnn": "#AA4499",
    "factor_all": "#882255",
    "tag_ridge": "#999933",
    "factor_tags": "#661100",
    "all_factors": "#000000",
}
METHOD_NAMES = {
    "chance": "chance",
    "popularity": "popularity alone",
    "l2": "L2 of spectrograms",
    "spectrum": "mean spectrum and spread",
    "mfcc_gaussian": "MFCC Gaussians",
    "untrained": "untrained network",
    "siamese": "siamese network",
    "split_half": "reference: other half of listeners",
    "world": "reference: perfect hearing",
    "truth": "the truth itself",
    "source": "same catalogue",
    "loudness": "like loudness",
    "factor_ridge": "factors by ridge",
    "factor_kernel": "factors by RBF kernel",
    "factor_sum": "factors: ridge and kernel",
    "factor_cnn": "factors by network",
    "factor_all": "factors: all three",
    "tag_ridge": "tags by ridge",
    "factor_tags": "factors and tags",
    "all_factors": "reference: everybody's factors",
    "siamese_longer": "siamese, twice the epochs",
    "siamese_best_epoch": "siamese, best dev epoch",
    "siamese_five": "siamese, five convolutions",
    "siamese_denoised": "siamese, denoised target",
    "siamese_jittered": "siamese, crops and gain",
    "siamese_best_chance": "siamese, all three",
    "encoder_factors": "factors by the paper's encoder",
    "feature_siamese": "pairs by the paper's head on features",
    "pair_ridge": "pairs by ridge",
}
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
    centres = spectrograms.mel_frequencies()
    ax.set_yticks(
        np.interp(wanted, centres, np.arange(len(centres)) + 0.5), [f"{hertz:,}" for hertz in wanted]
    )
