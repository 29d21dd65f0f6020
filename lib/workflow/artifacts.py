"""How files are written, and how a stage says that it is done.

**Conventions.** A file is written beside its place, flushed, and renamed: under its name there is the whole
of it or what was there before. A stage is done when its last cell has called `finish`, which writes a
manifest: the parameters it ran with, the checksums of what it wrote, and the key: a digest of everything it
depended on. A stage is fresh while today's key is the manifest's and its outputs are unchanged.
"""

import fcntl
import hashlib
import html
import json
import os
import re
import secrets
import shlex
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lib.workflow import machine, paths, profiles, stages

PARTIAL = ".partial-"


class MissingArtifact(FileNotFoundError):
    """A stage has left nothing to read; in a notebook it shows as its message, without a trace."""

    def _render_traceback_(self):  # IPython shows these lines in place of the trace
        return [str(self)]


@dataclass(frozen=True)
class Manifest:
    """What a stage wrote down when it was done."""

    stage: str
    profile: str
    inputs: dict  # what the key is made of
    key: str
    outputs: dict  # name -> {"sha256": ..., "bytes": ...}
    records: dict  # the same, but no input of later stages
    made_with: dict

    @property
    def parameters(self):
        """What the stage ran with, by name."""
        return self.inputs["parameters"]


@contextmanager
def replacing(path):
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
        Where the file is to be; folders on the way are made.

    Yields
    ------
    Path
        A temporary name in the same folder with the same suffix. Renamed when the block ends well, removed
        when not.

    Examples
    --------
    >>> with replacing(paths.network("demo", 0)) as temporary:  # doctest: +SKIP
    ...     model.save(temporary)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{path.name}")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder, refusal):
    """Keep other processes out of a folder for the length of a block.

    Parameters
    ----------
    folder : Path
        Made if it is missing. The lock ends with the block, or with the process.
    refusal : Exception
        Raised if another process has the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        yield
    finally:
        os.close(descriptor)


def write_text(text, path):
    """Write text as UTF-8 with plain line ends."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(value, path):
    """Write JSON with sorted keys; NumPy values are plain numbers and lists, NaN is an error."""
    text = json.dumps(
        value,
        indent=1,
        sort_keys=True,
        ensure_ascii=False,
        allow_nan=False,
        default=lambda array: array.tolist(),
    )
    write_text(text + "\n", path)


def write_csv(frame, path, *, index=False, **options):
    """Write a pandas frame as CSV, or TSV if the name ends so."""
    options.setdefault("sep", "\t" if Path(path).suffix == ".tsv" else ",")
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=index, lineterminator="\n", encoding="utf-8", **options)


def write_parquet(frame, path):
    """Write a pandas frame, index included, as Parquet."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary)


def write_table(frame, path, *, digits=4):
    """Write a tidy table twice: as CSV, and as Markdown for reading.

    Parameters
    ----------
    frame : pd.DataFrame
        One observation a row; the index is not written.
    path : Path
        Name of the CSV; the twin differs in its suffix ``.md``.
    digits : int
        Significant digits in the Markdown; the CSV has all of them.
    """
    write_csv(frame, path)
    write_text(markdown(frame, digits=digits), Path(path).with_suffix(".md"))


def markdown(frame, *, digits=4):
    """A pandas frame as a Markdown table; text from outside shows as it is and never becomes markup."""

    def cell(value):
        if value is None or value != value:
            return ""
        if isinstance(value, float):
            return f"{value:.{digits}g}"
        text = html.escape(" ".join(str(value).split()), quote=False)
        return re.sub(r"([\\`*_{}\[\]|~$#!])", r"\\\1", text)

    filled = frame.astype(object).where(frame.notna(), None)
    rows = [list(frame.columns), *filled.itertuples(index=False, name=None)]
    lines = ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    ruler = ["---:" if dtype.kind in "iuf" else "---" for dtype in frame.dtypes]
    lines.insert(1, "| " + " | ".join(ruler) + " |")
    return "\n".join(lines) + "\n"


def sha256(path):
    """Checksum of a file, or of a folder: of the sorted names and checksums of all files below it."""
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in _files(path))
    return _digest([[name, sha256(path / name)] for name in names])


def finish(stage, profile, namespace, outputs, records=()):
    """Write the manifest of a stage: the last cell of its notebook.

    Parameters
    ----------
    stage : str
        Name of the notebook.
    profile : str
    namespace : dict
        ``globals()`` of the notebook, for the values of its parameters.
    outputs : sequence of Path
        What later stages read, and the figures: files or folders.
    records : sequence of Path
        Files that are kept but are no input of later stages, such as times of retrieval.

    Returns
    -------
    list of str
        The names of the outputs, the same on every machine.

    Raises
    ------
    MissingArtifact
        If an output, or the manifest of a stage before, is not there.
    ProfileError
        If a parameter was given a value of another type.
    """
    parameters = {
        name: profiles.conform(f"{stage}.{name}", line.annotation, namespace[name])
        for name, line in profiles.parameters_of(stage).items()
    }
    for before in stages.NEEDS[stage]:
        manifest(profile, before)
    depends = inputs(stage, profile, parameters)
    made = Manifest(
        stage,
        profile,
        inputs=depends,
        key=_digest(depends),
        outputs=_described(outputs),
        records=_described(records),
        made_with=machine.made_with(),
    )
    write_json(asdict(made), paths.manifest(profile, stage))
    return sorted(made.outputs)


def manifest(profile, stage):
    """What `stage` wrote down for `profile`.

    Parameters
    ----------
    profile, stage : str

    Returns
    -------
    Manifest
        Its ``parameters`` (dict) are what later notebooks read instead of repeating them.

    Raises
    ------
    MissingArtifact
        If the stage has not been run; the message names the command that does.
    """
    path = paths.manifest(profile, stage)
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        problem = "has not been run"
    except (ValueError, TypeError):
        problem = "left a manifest that cannot be read"
    raise MissingArtifact(
        f"{stage} {problem} for the profile {profile} ({paths.place(path)}). Run: {command(stage, profile)}"
    )


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
    return shlex.join(["python3", "run_all.py", *of_profile, *options, "--only", stage[:2]])


def inputs(stage, profile, parameters):
    """Everything that the results of a stage depend on; the digest of it is the stage's key."""
    source = stages.code(stage)
    return {
        "parameters": parameters,
        "notebook": stages.digest(source),
        "lib": {
            path.relative_to(paths.root()).as_posix(): stages.digest(path.read_text(encoding="utf-8"))
            for path in stages.modules(source)
        },
        "lock": sha256(paths.lock()),
        "needs": {before: _results(profile, before) for before in stages.reads(stage)},
        "files": {
            name: _signature(Path(value))
            for name, value in parameters.items()
            if name.endswith(profiles.PATHS) and value
        },
    }


def why_stale(stage, profile, parameters):
    """Why `stage` would have to run, in a few words; None if it is fresh."""
    try:
        made = manifest(profile, stage)
    except MissingArtifact:
        return "no results yet"
    today, then = inputs(stage, profile, parameters), made.inputs
    for kind, say in [
        ("parameters", "parameter {name}: {then!r} -> {now!r}"),
        ("lib", "{name} changed"),
        ("needs", "the results of {name} changed"),
        ("files", "the file or folder given as {name} changed"),
    ]:
        for name in sorted(today[kind].keys() | then[kind].keys()):
            if today[kind].get(name) != then[kind].get(name):
                return say.format(name=name, then=then[kind].get(name), now=today[kind].get(name))
    for kind, say in [("notebook", "the notebook's code changed"), ("lock", "requirements.lock changed")]:
        if today[kind] != then[kind]:
            return say
    for name, written in made.outputs.items():
        path = paths.located(name)
        if not path.exists():
            return f"{paths.place(path)} is gone"
        if sha256(path) != written["sha256"]:
            return f"{paths.place(path)} is not what the stage wrote"
    return None


def sweep(profile):
    """Remove what a killed process left of files that it had not finished."""
    for file in [*paths.data(profile).rglob(PARTIAL + "*"), *paths.figures(profile).glob(PARTIAL + "*")]:
        file.unlink(missing_ok=True)


def _described(files):
    """Checksum and size of each file or folder, by its name."""
    checksums = {}
    for path in map(Path, files):
        if not path.exists():
            raise MissingArtifact(f"{paths.place(path)} should have been written by now, but is not there.")
        size = sum(file.stat().st_size for file in _files(path)) if path.is_dir() else path.stat().st_size
        checksums[paths.shown(path)] = {"sha256": sha256(path), "bytes": size}
    return checksums


def _results(profile, stage):
    """Digest of what a stage before wrote, pictures aside (no stage reads them); None if it has not run."""
    try:
        outputs = manifest(profile, stage).outputs
    except MissingArtifact:
        return None
    return _digest({name: made["sha256"] for name, made in outputs.items() if Path(name).suffix != ".png"})


def _signature(path):
    """Names, sizes and times of files from outside, which may be too large to read at every start."""
    files = sorted(_files(path)) if path.is_dir() else [path]
    return _digest(
        [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.exists()]
    )


def _files(folder):
    return [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(PARTIAL)]


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
