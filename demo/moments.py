"""Moments of the simulated clips, from their scores, and the style of each.

What `lib.filters.events` finds in real clips by ear, and what is not known of real ones at all.

Conventions
-----------
The same kinds and the same rules as in `lib.filters.events`; only what begins when, and what sounds, is known
exactly. Drums sound for `STROKE` seconds after they are struck, notes as long as they are written, and
nothing sounds while the track stops.
"""

import numpy as np
import pandas as pd

from demo.constants import SECONDS, STOP_DEPTH, STYLE_NAMES
from demo.score import compose
from lib.filters import events

STROKE = 0.15  # seconds
GRID = 0.02  # seconds


def moments(world, clips):
    """Moments of all clips, written down by the world itself.

    Parameters
    ----------
    world : demo.world.World
    clips : pd.DataFrame
        ``clip_id``, ``source_track_id``.

    Returns
    -------
    pd.DataFrame
        ``clip_id, kind, seconds``, in the order of the clips.
    """
    tables = [
        of_score(compose(world, world.track(track))).assign(clip_id=clip)
        for clip, track in zip(clips["clip_id"], clips["source_track_id"], strict=True)
    ]
    return pd.concat(tables, ignore_index=True)[["clip_id", "kind", "seconds"]]


def styles(world, clips):
    """The main style of the track of each clip: what its music has most of.

    Parameters
    ----------
    world : demo.world.World
    clips : pd.DataFrame
        ``clip_id``, ``source_track_id``.

    Returns
    -------
    pd.DataFrame
        ``clip_id, style``, in the order of the clips.
    """
    mixtures = [world.style_of(world.track(track)) for track in clips["source_track_id"]]
    names = [STYLE_NAMES[int(mixture.argmax())] for mixture in mixtures]
    return pd.DataFrame({"clip_id": clips["clip_id"].to_numpy(), "style": names})


def of_score(score):
    """Moments of one score, as from `lib.filters.events.from_sound`."""
    times = np.arange(0, SECONDS, GRID)
    struck, held = np.zeros(len(times), dtype=bool), np.zeros(len(times), dtype=bool)
    for hit in score.hits:
        struck |= (hit.start <= times) & (times < hit.start + STROKE)
    for note in score.notes:
        held |= (note.start <= times) & (times < note.start + note.seconds)
    starts, decibels = np.array(score.gains).T
    place = np.searchsorted(starts, times, side="right") - 1
    stopped = (place >= 0) & (decibels[place] == -STOP_DEPTH)
    begun = [event.start for event in (*score.hits, *score.notes) if event.start >= 0]
    return events.from_sound(begun, times, (struck | held) & ~stopped, held & ~stopped)
