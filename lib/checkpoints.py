"""Half-finished work on disk, so that a killed run loses seconds and ends in the same bits.

Conventions
-----------
- A checkpoint is one ``.npz`` without pickles: arrays, a state in JSON, and the configuration that it belongs
  to.
- It is written beside, flushed and renamed, and the one before it is kept: whatever moment a run is killed
  at, one of the two is whole.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from lib import artifacts

UNREADABLE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)


def write(path, *, configuration, state, arrays):
    """Write a checkpoint; the one that was there becomes the previous one.

    Parameters
    ----------
    path : path
        Ends in ``.npz``.
    configuration : dict
        What the work depends on.
    state : dict
        Anything that JSON holds; floats come back to the last bit.
    arrays : dict of str to np.ndarray
    """
    path = Path(path)
    with artifacts.replacing(path) as partial, open(partial, "wb") as file:
        texts = {"configuration": configuration, "state": state}
        np.savez(
            file,
            **{name: np.array(json.dumps(value, sort_keys=True)) for name, value in texts.items()},
            **{f"array {name}": array for name, array in arrays.items()},
        )
        if path.exists():
            os.replace(path, previous(path))


def read(path, *, configuration):
    """The newest whole checkpoint.

    Parameters
    ----------
    path : path
    configuration : dict

    Returns
    -------
    state : dict
    arrays : dict of str to np.ndarray
        Both None where there is no whole checkpoint.

    Raises
    ------
    ValueError
        If it belongs to another configuration; the message names what differs.
    """
    for candidate in (Path(path), previous(path)):
        try:
            with np.load(candidate, allow_pickle=False) as stored:
                theirs, state = (json.loads(str(stored[name])) for name in ("configuration", "state"))
                arrays = {
                    name.removeprefix("array "): stored[name]
                    for name in stored.files
                    if name.startswith("array ")
                }
        except UNREADABLE:
            continue
        ours = json.loads(json.dumps(configuration))
        differing = sorted(name for name in theirs | ours if theirs.get(name) != ours.get(name))
        if differing:
            what = "; ".join(f"{name}: {theirs.get(name)} there, {ours.get(name)} here" for name in differing)
            raise ValueError(f"{candidate} belongs to another training ({what}): remove it to begin anew")
        return state, arrays
    return None, None


def previous(path):
    """Where the checkpoint before the last one is."""
    return Path(path).with_suffix(".previous.npz")
