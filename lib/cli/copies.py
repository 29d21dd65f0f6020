"""Copies of the notebooks in ``data/PROFILE/notebooks``, which a person may change.

**Conventions.** A copy keeps in its metadata a digest of the cells it was made of: their kinds and sources,
empty cells aside; JupyterLab leaves it there. A copy whose cells are others was changed, and is moved aside
under a name with a number before another takes its place. Outputs alone are no change.
"""

import hashlib
import itertools
import json

import nbformat

from lib.workflow import artifacts, paths

RECORD = "made_of"  # in the metadata
# What reading a file raises that is no notebook: nbformat does not foresee every JSON.
UNREADABLE = (OSError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError)


def write(notebook, path):
    """Write a copy; move aside the one that is there, if a person has changed it.

    Parameters
    ----------
    notebook : NotebookNode
    path : Path

    Returns
    -------
    str
        What was moved where, as a line to print; empty if nothing was.
    """
    aside = _set_aside(notebook, path)
    notebook.metadata[RECORD] = _digest(notebook)
    artifacts.write_text(nbformat.writes(notebook) + "\n", path)
    return aside


def made_of(notebook, path):
    """Whether the copy that is there was made of the cells of a notebook, changed since or not."""
    copy = read(path)
    return copy is not None and (copy.metadata.get(RECORD) or _digest(copy)) == _digest(notebook)


def read(path):
    """The copy that is there; None without one, and for a file that is no notebook."""
    try:
        copy = nbformat.read(path, as_version=4)
        _digest(copy)
    except UNREADABLE:
        return None
    return copy


def _set_aside(notebook, path):
    if not path.exists():
        return ""
    copy = read(path)
    if copy is not None and _digest(copy) in (copy.metadata.get(RECORD), _digest(notebook)):
        return ""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(1))
    kept = next(name for name in numbered if not name.exists())
    path.rename(kept)
    certain = copy is not None and RECORD in copy.metadata
    why = "was changed" if certain else "may have been changed (it does not hold what it was made of)"
    return f"{paths.place(path)} {why} and is now {kept.name}"


def _digest(notebook):
    cells = [(cell.cell_type, cell.source.strip()) for cell in notebook.cells if cell.source.strip()]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()
