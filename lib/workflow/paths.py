"""Where things are.

**Conventions.** Every other module asks here and joins file names to the answer. Two folders can be moved by
environment variables, which is how the tests keep the checkout clean:

- ``MUSIC_SIMILARITY_DATA`` (default ``data/``): data and artefacts, one sub-folder a profile, and downloads,
- ``MUSIC_SIMILARITY_FIGURES`` (default ``figures/``): pictures and tables of ``demo``, others in sub-folders.

A file is *shown* by a name that is the same on every machine, such as ``data/demo/artists.parquet``:
manifests and notebooks keep that. A message gives its *place*, which differs where a folder was moved.
"""

import os
import re
from pathlib import Path

MOVABLE = {"data": "MUSIC_SIMILARITY_DATA", "figures": "MUSIC_SIMILARITY_FIGURES"}
DOWNLOADS = "downloads"


def root():
    """Top folder of the checkout."""
    return Path(__file__).resolve().parents[2]


def data(profile):
    """Folder with the data and artefacts of `profile`."""
    return _movable("data") / checked(profile)


def figures(profile):
    """Folder with the pictures and tables of `profile`: the top one for ``demo``, else a sub-folder."""
    return _movable("figures") if profile == "demo" else _movable("figures") / checked(profile)


def downloads():
    """Folder with the public data sets, which all profiles share."""
    return _movable("data") / DOWNLOADS


def notebook(stage):
    """The committed notebook of `stage`."""
    return root() / "notebooks" / f"{stage}.ipynb"


def lesson(stage):
    """The solutions of the exercises of `stage`; not every notebook has exercises."""
    return root() / "lessons" / f"{stage}.ipynb"


def executed(profile, stage):
    """The notebook of `stage` as it was last executed for `profile`."""
    return data(profile) / "notebooks" / f"{stage}.ipynb"


def manifest(profile, stage):
    """The record that the last cell of `stage` leaves behind when it is done."""
    return data(profile) / "manifests" / f"{stage}.json"


def draft(profile, stage):
    """The same record until `run_all.py` has stored the executed notebook, see `lib.workflow.artifacts`."""
    return data(profile) / "manifests" / f"{stage}.draft.json"


def kept(profile):
    """Folder with the expensive results of `profile`, see `lib.workflow.kept`."""
    return data(profile) / "kept"


def network(profile, seed, *, fold=0, epoch="last"):
    """Weights of one training: after its last epoch, an early one, or the one with the lowest dev loss.

    Fold 0 is the paper's single split.

    Parameters
    ----------
    profile : str
    seed, fold : int
    epoch : str
        ``last``, ``early`` or ``best``.

    Examples
    --------
    >>> shown(network("demo", 3, epoch="best"))
    'data/demo/models/seed3_best.npz'
    """
    of_fold = f"fold{int(fold)}_" if fold else ""
    return data(profile) / "models" / f"{of_fold}seed{int(seed)}{'' if epoch == 'last' else f'_{epoch}'}.npz"


def measured(benchmark):
    """What a benchmark found that takes too long for a notebook; committed beside it.

    Examples
    --------
    >>> shown(measured("equivalence"))
    'benchmarks/equivalence.csv'
    """
    return root() / "benchmarks" / f"{benchmark}.csv"


def real(table):
    """A committed table of the run on real music (`lib.cli.real_results`).

    Examples
    --------
    >>> shown(real("ledger"))
    'figures/real/ledger.csv'
    """
    return root() / "figures" / "real" / f"{table}.csv"


def lock():
    """The hashed list of every package of the environment."""
    return root() / "requirements.lock"


def shown(path):
    """Name of a file that does not depend on the machine.

    Parameters
    ----------
    path : Path
        A file or folder.

    Returns
    -------
    str
        ``data/...``, ``figures/...`` or the path below the checkout, with forward slashes; the whole path of
        files elsewhere.

    Examples
    --------
    >>> shown(data("demo") / "artists.parquet"), shown(lock())
    ('data/demo/artists.parquet', 'requirements.lock')
    """
    path = Path(path).resolve()
    for top in MOVABLE:
        if path.is_relative_to(_movable(top)):
            return (Path(top) / path.relative_to(_movable(top))).as_posix()
    return path.relative_to(root()).as_posix() if path.is_relative_to(root()) else path.as_posix()


def place(path):
    """Where a file lies, for a message to a person.

    Parameters
    ----------
    path : Path
        A file or folder.

    Returns
    -------
    str
        As `shown`; the whole path below a folder that an environment variable has moved.

    Examples
    --------
    >>> place(lock()), place("/music/a.mp3")
    ('requirements.lock', '/music/a.mp3')
    """
    path = Path(path).resolve()
    return path.relative_to(root()).as_posix() if path.is_relative_to(root()) else path.as_posix()


def located(name):
    """Path of a file from the name that `shown` gave it."""
    top, *rest = Path(name).parts
    return _movable(top).joinpath(*rest) if top in MOVABLE else root() / name


def checked(profile):
    """`profile` itself, if it can be the name of a folder.

    Raises
    ------
    ValueError
        If it holds anything but letters, digits, hyphens and underscores, or is the folder of downloads.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", str(profile)):
        raise ValueError(
            f"A profile's name is letters, digits, '-' and '_' (it becomes a folder), but came {profile!r}."
        )
    if str(profile).lower() == DOWNLOADS:  # whatever the case: some file systems see no difference
        raise ValueError(f"A profile cannot be called {profile!r}: that folder holds the public data sets.")
    return profile


def _movable(top):
    return Path(os.environ.get(MOVABLE[top]) or root() / top).resolve()
