"""How files are written, and how a stage says that it is done.

**Conventions.** A file is written beside its place, flushed, and renamed: under its name there is the whole
of it or what was there before. A stage is done when its last cell has called `finish`, which writes a
manifest: the parameters it ran with, the checksums of what it wrote, and the key: a digest of everything it
depended on. Where ``run_all.py`` executes the notebook, that is a draft: the executed notebook is stored
first, and the manifest last (`seal`). A stage is fresh while today's key is the manifest's and all files that
it names are unchanged.
"""

import fcntl
import html
import json
import os
import re
import secrets
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from lib.workflow import disk, machine, manifests, paths, profiles, stages
from lib.workflow.manifests import PARTIAL, Manifest, MissingArtifact, command, sha256

DRAFTS = "MUSIC_SIMILARITY_DRAFTS"  # set in kernels that `run_all.py` starts


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

    Raises
    ------
    lib.workflow.disk.DiskFull
        If there was no room; the message names the file, what is free, and what to do.

    Examples
    --------
    >>> with replacing(paths.network("demo", 0)) as temporary:  # doctest: +SKIP
    ...     model.save(temporary)
    """
    path = Path(path)
    temporary = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        disk.flush(temporary)
        temporary.replace(path)
        disk.flush(path.parent)
    except BaseException as problem:
        n_bytes = temporary.stat().st_size if temporary.is_file() else 0
        temporary.unlink(missing_ok=True)
        if isinstance(problem, disk.DiskFull) or not disk.is_full(problem):
            raise
        raise disk.refused(path, problem, n_bytes) from problem


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


def write_table(frame, path, *, digits=4, above=""):
    """Write a tidy table twice: as CSV, and as Markdown for reading.

    Parameters
    ----------
    frame : pd.DataFrame
        One observation a row; the index is not written.
    path : Path
        Name of the CSV; the twin differs in its suffix ``.md``.
    digits : int
        Significant digits in the Markdown; the CSV has all of them.
    above : str
        Markdown that comes before the table.
    """
    write_csv(frame, path)
    write_text(above + markdown(frame, digits=digits), Path(path).with_suffix(".md"))


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


def finish(stage, profile, namespace, outputs, records=()):
    """Write the manifest of a stage: the last cell of its notebook.

    In a kernel that ``run_all.py`` has started it is a draft until `seal`.

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
        key=manifests.digest(depends),
        outputs=manifests.described(outputs),
        records=manifests.described(records),
        made_with=machine.made_with(),
    )
    place = paths.draft if os.environ.get(DRAFTS) else paths.manifest
    write_manifest(made, place(profile, stage))
    return sorted(made.outputs)


def draft(profile, stage):
    """What the last cell of a notebook wrote down that ``run_all.py`` has executed, as `manifest`."""
    return manifests.read(profile, stage, paths.draft(profile, stage))


def seal(profile, stage, shortened, took=None):
    """Turn the draft of a stage into its manifest, after the executed notebook was stored.

    Parameters
    ----------
    profile, stage : str
    shortened : bool
        Whether the cells on rankings were left out.
    took : dict, optional
        ``seconds`` and ``processor_seconds`` of the stage, which no result depends on.
    """
    notebook = paths.executed(profile, stage)
    described = manifests.described([notebook])[paths.shown(notebook)]
    described |= {"shortened": shortened, **(took or {})}
    write_manifest(replace(draft(profile, stage), notebook=described), paths.manifest(profile, stage))
    paths.draft(profile, stage).unlink()


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
    return manifests.read(profile, stage, paths.manifest(profile, stage))


def write_manifest(made, path):
    """Write a manifest with its own checksum.

    Parameters
    ----------
    made : Manifest
    path : Path
    """
    values = asdict(made)
    write_json(values | {"sha256": manifests.digest(values)}, path)


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
    except MissingArtifact as missing:
        there = paths.manifest(profile, stage).exists()
        return f"it {missing.problem}" if there else "no results yet"
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
    return manifests.damage({**made.outputs, **made.records})


def verified(profile, stage):
    """The manifest of a stage whose outputs a later one is about to read.

    Parameters
    ----------
    profile, stage : str

    Returns
    -------
    Manifest

    Raises
    ------
    MissingArtifact
        As `manifest`; also if an output is gone or not what the stage wrote.
    """
    made = manifest(profile, stage)
    if problem := manifests.damage(made.outputs):
        raise MissingArtifact(f"{problem}, {stage}. Run: {command(stage, profile)}")
    return made


def sweep(profile):
    """Remove what a killed process left of files that it had not finished, and drafts of manifests."""
    drafts = paths.draft(profile, "*")
    files = [*paths.data(profile).rglob(PARTIAL + "*"), *drafts.parent.glob(drafts.name)]
    for file in [*files, *paths.figures(profile).glob(PARTIAL + "*")]:
        file.unlink(missing_ok=True)


def _results(profile, stage):
    """Digest of what a stage before wrote, pictures aside (no stage reads them); None if it has not run."""
    try:
        outputs = manifest(profile, stage).outputs
    except MissingArtifact:
        return None
    read = {name: made["sha256"] for name, made in outputs.items() if Path(name).suffix != ".png"}
    return manifests.digest(read)


def _signature(path):
    """Names, sizes and times of files from outside, which may be too large to read at every start."""
    files = sorted(manifests.files(path)) if path.is_dir() else [path]
    return manifests.digest(
        [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.exists()]
    )
