"""How pictures get into files and into notebooks: the same bytes for the same figure.

**Conventions.** Under ``figures/`` is the whole picture, as PNG without time or version stamps. A notebook
shows it, or, where many whole ones would make the notebook too large, a copy of half the size in 256 colours.
"""

import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import display
from PIL import Image

from lib.workflow import artifacts

STRIP = 0.2  # inches below a figure, for `mark`


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


def mark(figure, words):
    """Write a few words below a figure, at its lower right.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        It becomes higher, so that the words cover nothing.
    words : str
    """
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + STRIP)
    share = STRIP / (height + STRIP)
    figure.get_layout_engine().set(rect=(0, share, 1, 1 - share))
    where = {"x": 1 - 0.04 / width, "y": share / 4, "ha": "right", "va": "bottom"}
    figure.text(s=words, **where, fontsize=9, style="italic", color="0.35")


def save(figure, path):
    """Write a figure as PNG; return the path.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    """
    with artifacts.replacing(Path(path)) as partial, open(partial, "wb") as file:
        figure.savefig(file, format="png", metadata={"Software": None})
    return Path(path)


def show(figure, path, *, reduced=False):
    """Write a figure, show it under the cell, and close it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    reduced : bool
        Show the smaller copy.
    """
    path = save(figure, path)
    display(Reduced(path) if reduced else figure)
    plt.close(figure)


class Reduced:
    """A picture in a file, as a notebook cell shows it: half the size, 256 colours.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path):
        self.name = Path(path).name
        with Image.open(path) as whole:
            half = whole.convert("RGB").reduce(2)
        palette = half.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        with io.BytesIO() as file:
            palette.save(file, format="PNG", optimize=True)
            self.png = file.getvalue()

    def __repr__(self):
        return f"Reduced({self.name!r})"

    def _repr_png_(self):
        return self.png
