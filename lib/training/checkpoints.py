"""Half-finished work on disk, so that a killed run loses seconds and ends in the same bits.

Conventions
-----------
- A checkpoint is one ``.npz`` without pickles: arrays, a state in JSON, and the configuration that it belongs
  to.
- It is written beside, flushed and renamed, and the one before it is kept: whatever moment a run is killed
  at, one of the two is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from lib.workflow import artifacts, stored

REFUSAL = "holds no checkpoint, or is damaged"


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
            stored_arrays = stored.arrays(candidate, REFUSAL)
            with stored.reading(candidate, REFUSAL):
                theirs, state = (stored.value(stored_arrays[name]) for name in ("configuration", "state"))
        except (OSError, ValueError):
            continue
        arrays = {
            name.removeprefix("array "): array
            for name, array in stored_arrays.items()
            if name.startswith("array ")
        }
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


CHECKPOINT_SECONDS = 20.0  # at least, between two checkpoints: what a killed run may lose


@dataclass
class Run:
    """Where a training is: whole epochs, and the tiles of the one that is not whole."""

    epoch: int = 0
    losses: list = field(default_factory=list)  # (loss, pairs) of each tile of epoch + 1
    rows: list = field(default_factory=list)  # of the history
    best_epoch: int = 0
    best_loss: float = np.inf
    best_weights: list = None
    kept: dict = field(default_factory=dict)  # weights by epoch


class Saver:
    """Keeps the checkpoint of one training."""

    def __init__(self, method, folder, depends_on):
        self.method, self.depends_on = method, depends_on
        digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:16]
        self.path = Path(folder) / f"{digest}-{method.epochs}.npz"
        shorter = [int(file.stem.rpartition("-")[2]) for file in Path(folder).glob(f"{digest}-*[0-9].npz")]
        shorter = [epochs for epochs in shorter if epochs <= method.epochs]
        self.begin_with = Path(folder) / f"{digest}-{max(shorter, default=method.epochs)}.npz"
        self.last = time.monotonic()

    def restored(self):
        """What the checkpoint says, its weights in the model; a new run where there is none."""
        state, arrays = read(self.begin_with, configuration=self.depends_on)
        if state is None:
            return Run()
        model = self.method.model
        model.set_weights(_listed(arrays, "weights"))
        for variable, value in zip(model.optimizer.variables, _listed(arrays, "optimizer"), strict=True):
            variable.assign(value)
        rows, losses = ([tuple(each) for each in state.pop(name)] for name in ("rows", "losses"))
        best_loss = np.inf if state["best_loss"] is None else state["best_loss"]
        best_weights = _listed(arrays, "best") or None
        kept = {epoch: _listed(arrays, f"kept {epoch}") for epoch in state.pop("kept")}
        return Run(
            **state | {"rows": rows, "losses": losses, "best_loss": best_loss},
            best_weights=best_weights,
            kept=kept,
        )

    def save(self, run, *, now=False):
        """Write a checkpoint, unless there is one of a few seconds ago."""
        if not now and time.monotonic() - self.last < CHECKPOINT_SECONDS:
            return
        model = self.method.model
        optimizer = [keras.ops.convert_to_numpy(variable) for variable in model.optimizer.variables]
        write(
            self.path,
            configuration=self.depends_on,
            state={
                "epoch": run.epoch,
                "losses": run.losses,
                "rows": run.rows,
                "best_epoch": run.best_epoch,
                "best_loss": None if run.best_loss == np.inf else run.best_loss,
                "kept": sorted(run.kept),
            },
            arrays=_named("weights", model.get_weights())
            | _named("optimizer", optimizer)
            | _named("best", run.best_weights or [])
            | {
                name: array
                for epoch, weights in run.kept.items()
                for name, array in _named(f"kept {epoch}", weights).items()
            },
        )
        self.last = time.monotonic()


def _named(kind, arrays):
    return {f"{kind} {place:03d}": array for place, array in enumerate(arrays)}


def _listed(arrays, kind):
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{kind} ")]


def discard_checkpoints(folder):
    """Remove the checkpoints of a stage that is done.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write(folder / "training.npz", configuration={}, state={"epoch": 3}, arrays={})
    >>> discard_checkpoints(folder)
    >>> folder.exists()
    False
    """
    shutil.rmtree(folder, ignore_errors=True)
