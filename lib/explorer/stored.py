"""What notebooks 02 and 07 store for the explorer, read where it is there.

**Conventions.** A file that is damaged, or does not fit the study, is refused in one sentence with its name
and a command: what is on the screen is of one run.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from lib.beyond import moments as beyond_moments
from lib.workflow import artifacts
from lib.workflow.stored import UNREADABLE

OF_02 = ("styles.parquet",)  # of notebook 02; all others are of 07


def table(folder, name, key, columns):
    """A table.

    Parameters
    ----------
    folder : path
        Of the profile's data.
    name : str
        Of the file.
    key : list of str
        Columns whose values together occur once.
    columns : list of str
        Others that are needed.

    Returns
    -------
    pd.DataFrame or None
        At least one row; None where there is no such file.

    Raises
    ------
    ValueError
        If it cannot be read, lacks a column or rows, or a row occurs twice.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> table(folder, "artist_map.parquet", ["artist_id"], ["x", "y"]) is None
    True
    >>> (folder / "artist_map.parquet").write_bytes(b"cut")
    3
    >>> table(folder, "artist_map.parquet", ["artist_id"], ["x", "y"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    ValueError: artist_map.parquet cannot be read. Run: ... --only 07
    """
    path = Path(folder) / name
    if not path.exists():
        return None
    try:
        rows = pd.read_parquet(path)
    except UNREADABLE:
        raise _refusal(path, "cannot be read") from None
    if lacking := [column for column in (*key, *columns) if column not in rows]:
        raise _refusal(path, f"has no column {lacking[0]!r}")
    if rows.empty:
        raise _refusal(path, "holds no rows")
    if twice := int(rows.duplicated(key).sum()):
        raise _refusal(path, f"holds {twice} rows twice, by {', '.join(key)}")
    return rows


def laid(rows, name, key, wanted):
    """Rows of a table in the order of some ids.

    Parameters
    ----------
    rows : pd.DataFrame
        From `table`.
    name : str
        Of the file.
    key : str
        Column of the ids.
    wanted : sequence of str
        Artists or clips of the study.

    Returns
    -------
    pd.DataFrame
        Index: `wanted`.

    Raises
    ------
    ValueError
        If one of them has no row.

    Examples
    --------
    >>> rows = pd.DataFrame({"clip_id": ["a", "b"], "bass": [1, 2]})
    >>> laid(rows, "readable.parquet", "clip_id", ["b", "a"])["bass"].tolist()
    [2, 1]
    """
    rows = rows.set_index(key)
    refuse_lacking(name, [each for each in wanted if each not in rows.index], len(wanted), key)
    return rows.loc[list(wanted)]


def refuse_lacking(name, lacking, n, key):
    """Refuse a file that has nothing of some artists or clips of the study.

    Parameters
    ----------
    name : str
        Of the file.
    lacking : list of str
        Ids that it lacks.
    n : int
        How many there are in the study.
    key : str
        Column of the ids: ``artist_id`` or ``clip_id``.

    Raises
    ------
    ValueError
        If one is lacking.
    """
    if len(lacking):
        raise ValueError(
            f"{name} lacks {len(lacking)} of the {n} {key.removesuffix('_id')}s, the first is {lacking[0]!r}:"
            " it is not of this run; run_all.py --list says which stages are stale"
        )


def moments(folder):
    """The moments of clips; None where there are none.

    Parameters
    ----------
    folder : path
        Of the profile's data.

    Returns
    -------
    lib.beyond.moments.Moments or None

    Raises
    ------
    ValueError
        If the file is damaged, or a clip occurs twice in it.

    Examples
    --------
    >>> import tempfile
    >>> moments(tempfile.mkdtemp()) is None
    True
    """
    path = Path(folder) / "moments.npz"
    if not path.exists():
        return None
    try:
        made = beyond_moments.load(path)
        about = {name: made.about[name] for name in ("of", "seconds")}
    except UNREADABLE:
        raise _refusal(path, "holds no moments, or is damaged") from None
    if twice := len(made.clip_ids) - len(set(made.clip_ids)):
        raise _refusal(path, f"holds {twice} clips twice")
    return beyond_moments.Moments(made.frames, made.clip_ids, about)


def choice(folder, methods):
    """The method that was best on the dev artists.

    Parameters
    ----------
    folder : path
        Of the profile's data.
    methods : sequence of str
        Those that have scores.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the file names none of them.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "beyond_choice.json").write_text('{"method": "l2"}')
    >>> choice(folder, ["l2", "siamese"])
    'l2'
    """
    path = Path(folder) / "beyond_choice.json"
    try:
        method = json.loads(path.read_text(encoding="utf-8"))["method"]
    except UNREADABLE:
        raise _refusal(path, "names no method, or is damaged") from None
    if method not in methods:
        raise _refusal(path, f"names {method!r}, which has no scores")
    return method


def _refusal(path, problem):
    command = artifacts.command("02" if path.name in OF_02 else "07", path.parent.name)
    return ValueError(f"{path.name} {problem}. Run: {command}")
