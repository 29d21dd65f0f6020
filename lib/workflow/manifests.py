"""What a finished stage leaves beside its results: the manifest, and how it is read.

**Conventions.** A manifest is JSON and holds its own checksum; a damaged one counts as none. A folder's
checksum is that of the names and checksums of all files below it, without those that are not finished.
"""

import hashlib
import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from lib.workflow import paths, stages

PARTIAL = ".partial-"  # beginning of a file's name until it is whole


class MissingArtifact(FileNotFoundError):
    """A stage has left nothing to read; in a notebook it shows as its message, without a trace."""

    def __init__(self, message, problem=""):
        super().__init__(message)
        self.problem = problem  # the same in a few words

    def _render_traceback_(self):  # IPython shows these lines in place of the trace
        return [str(self)]


@dataclass(frozen=True)
class Manifest:
    """What a stage wrote down when it was done."""

    stage: str
    profile: str
    inputs: dict  # what the key is made of
    key: str
    outputs: dict  # name -> {"sha256": ..., "bytes": ...}, and "rows" or "lines" of a table
    records: dict  # the same, but no input of later stages
    made_with: dict  # versions, processor, threads
    notebook: dict = field(default_factory=dict)  # the executed one; empty where nobody stored it

    @property
    def parameters(self):
        """What the stage ran with, by name."""
        return self.inputs["parameters"]


def read(profile, stage, path):
    """A manifest from a file.

    Parameters
    ----------
    profile, stage : str
    path : Path

    Returns
    -------
    Manifest

    Raises
    ------
    MissingArtifact
        If it is not there, is damaged, or is of another stage or profile; the message names the command.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        whole = values.pop("sha256") == digest(values)
        made = Manifest(**values)
        if whole and (made.stage, made.profile) == (stage, profile):
            return made
        problem = "left the manifest of another stage or profile" if whole else "left a damaged manifest"
    except FileNotFoundError:
        problem = "has not been run"
    except (ValueError, TypeError, LookupError, AttributeError):
        problem = "left a manifest that cannot be read"
    raise MissingArtifact(
        f"{stage} {problem} for the profile {profile} ({paths.place(path)}). Run: {command(stage, profile)}",
        problem,
    )


def damage(written):
    """The first of some files that is gone or not as it was written, in a few words; None if there is none.

    Parameters
    ----------
    written : dict
        ``outputs``, ``records`` of a `Manifest`.

    Returns
    -------
    str or None
    """
    for name, described in written.items():
        path = paths.located(name)
        if not path.exists():
            return f"{paths.place(path)} is gone"
        if sha256(path) != described["sha256"]:
            return f"{paths.place(path)} is not what the stage wrote"
    return None


def command(stage, profile="demo", *options):
    """What to type to run a stage.

    Parameters
    ----------
    stage : str
    profile : str
        Name, or the path of a file.
    *options : str
        Of ``run_all.py``, such as ``-p`` and its value.

    Examples
    --------
    >>> command("04_siamese_training", "own", "-p", "04.epochs=5")
    'python3 run_all.py --profile own -p 04.epochs=5 --only 04'
    """
    of_profile = [] if profile == "demo" else ["--profile", profile]
    return shlex.join(["python3", "run_all.py", *of_profile, *options, "--only", stages.number(stage)])


def described(written):
    """Checksum and size of each file or folder, by its name."""
    checksums = {}
    for path in map(Path, written):
        if not path.exists():
            raise MissingArtifact(f"{paths.place(path)} should have been written by now, but is not there.")
        size = sum(file.stat().st_size for file in files(path)) if path.is_dir() else path.stat().st_size
        checksums[paths.shown(path)] = {"sha256": sha256(path), "bytes": size} | _rows(path)
    return checksums


def files(folder):
    """All files below a folder, in no order, but for those that a writer has not finished."""
    return [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(PARTIAL)]


def sha256(path):
    """Checksum of a file, or of a folder: of the sorted names and checksums of all files below it."""
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in files(path))
    return digest([[name, sha256(path / name)] for name in names])


def digest(value):
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _rows(path):
    """Rows of a Parquet table; lines of a CSV or TSV, its header included; nothing for other files."""
    if path.suffix == ".parquet":
        import pandas as pd  # not at the top: `--list` works before there is an environment

        return {"rows": len(pd.read_parquet(path, columns=[]))}
    if path.suffix in (".csv", ".tsv"):
        quotes = lines = 0
        with path.open("rb") as file:
            for line in file:
                quotes += line.count(b'"')
                lines += quotes % 2 == 0  # else it ends within a cell
        return {"lines": lines}
    return {}
