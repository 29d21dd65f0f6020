"""Pictures for a notebook that would grow too large with the whole ones.

Conventions
-----------
- Under `figures/` is the whole picture; the notebook shows it at half the size in 256 colours, which takes a
  third of the bytes where every cell of a picture differs from its neighbours.
"""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
from PIL import Image

from lib.plots.style import save_figure


class Reduced:
    """A picture as a notebook cell shows it.

    Parameters
    ----------
    png : bytes
    name : str
        Of the file that holds the whole picture.
    """

    def __init__(self, png, name):
        self.png, self.name = png, name

    def __repr__(self):
        return f"Reduced({self.name!r})"

    def _repr_png_(self):
        return self.png


def reduced(figure, path):
    """Write a figure with `save_figure`, close it, and give what a notebook cell may end on.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path

    Returns
    -------
    Reduced
    """
    path = save_figure(figure, path)
    plt.close(figure)
    with Image.open(path) as whole:
        half = whole.convert("RGB").reduce(2)
    palette = half.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    with io.BytesIO() as file:
        palette.save(file, format="PNG", optimize=True)
        return Reduced(file.getvalue(), path.name)
