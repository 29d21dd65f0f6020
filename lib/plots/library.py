"""The map of a person's own music (`lib.maps`)."""

from __future__ import annotations

from lib.plots import style

LABELLED = 25  # artists, those with the most tracks
LONGEST = 40  # characters of a name that are shown
TRACKS, ARTISTS = "#999999", "#0072B2"


def map_of(points, ax=None):
    """Tracks as grey points, artists as circles at the median of their tracks, the largest ones named.

    Parameters
    ----------
    points : pd.DataFrame
        ``artist`` (empty where nobody is named), ``title``, ``x``, ``y`` (in [-1, 1]): one row a track.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import pandas as pd
    >>> import matplotlib.pyplot as plt
    >>> points = pd.DataFrame({"artist": ["Abba", "Abba", ""], "title": "x", "x": [0, 1, 2], "y": 0})
    >>> figure = map_of(points)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['Abba', 'x', 'x', 'x']
    >>> plt.close(figure)
    """
    figure, ax = style.axes_of(ax, (9, 9))
    ax.scatter(points["x"], points["y"], s=6, color=TRACKS, linewidths=0, rasterized=True)
    named = points[points["artist"] != ""]
    artists = named.groupby("artist", sort=True).agg(
        x=("x", "median"), y=("y", "median"), n=("title", "size")
    )
    artists = artists.sort_values("n", ascending=False, kind="stable")
    ax.scatter(artists["x"], artists["y"], s=12 * artists["n"] ** 0.8, color=ARTISTS, alpha=0.4, linewidths=0)
    for artist in artists.head(LABELLED).itertuples():
        ax.annotate(
            _label(artist.Index),
            (artist.x, artist.y),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=8,
            parse_math=False,
        )
    if len(points) <= LABELLED:
        for track in points.itertuples():
            ax.annotate(
                _label(track.title),
                (track.x, track.y),
                xytext=(3, -9),
                textcoords="offset points",
                fontsize=7,
                color="#555555",
                parse_math=False,
            )
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    ax.set_title(
        "near = sounds alike; the axes have no meaning of their own\n"
        "grey: tracks; circles: artists, the larger the more tracks",
        fontsize=9,
    )
    return figure


def _label(name):
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
