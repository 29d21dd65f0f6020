"""What holds on real music: the aggregate results of a run, kept in ``figures/real/`` beside the demo's.

    python -m lib.cli.real_results --profile own --source "Last.fm-2K; excerpts of a published data set"

Kept are tables and pictures over all artists; no sound, no spectrogram, no list of one artist's neighbours.
``README.md`` in that folder says what they are, with the command and the checksums of what went in.
"""

import argparse
import hashlib
import json
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

from lib.workflow import artifacts, paths, profiles, stages

OPTIONAL = ("beyond_encoders", "ablation", "kfold_ranking", "library_features")  # not every run has them
AFTERWARDS = {  # tables that no notebook makes
    "ablation": "python -m benchmarks.real_ablation",
    "library_features": "python -m lib.cli.library_features",
}
TABLES = (
    *("similarity_summary", "table1_ranking", "comparisons", "confounds", "ledger", "loss_summary"),
    *("beyond_ranking", "beyond_comparisons", "beyond_hubness", "track_ranking", "beyond_tracks", *OPTIONAL),
)
PICTURES = (
    *("popularity", "metric_summary", "forest", "confounds", "figure2_loss"),
    *("beyond_forest", "beyond_gain", "beyond_popularity"),
)
LAST = "07b_hubs_and_ablation"


def keep(profile, source):
    """Copy the aggregate results of a profile and say what they are.

    Parameters
    ----------
    profile : str
        It has been run to the end of notebook 07b, on real music.
    source : str
        Where listening and music come from, in words.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the run is of the simulated world, lacks a table, or read what is no longer there.
    lib.workflow.artifacts.MissingArtifact
        If a notebook has not been run.
    """
    manifests = {stage: artifacts.manifest(profile, stage) for stage in stages.names() if stage <= LAST}
    if manifests["01_listening_data"].parameters["simulate"]:
        raise ValueError(
            f"the profile {profile} ran on the simulated world: real results need simulate: false"
        )
    figures, folder = paths.figures(profile), paths.real("ledger").parent
    if figures == folder:
        raise ValueError(f"the profile {profile} writes into {paths.place(folder)} itself: rename its file")
    files = [figures / f"{name}.csv" for name in TABLES] + [figures / f"{name}.md" for name in TABLES]
    files += [figures / f"{name}.png" for name in PICTURES]
    lacking = [file.name for file in files if not file.is_file() and file.stem not in OPTIONAL]
    if lacking:
        raise ValueError(f"{paths.place(figures)} lacks {', '.join(lacking)}: run all notebooks of {profile}")
    _check_read(profile, manifests)
    text = account(profile, manifests, source)
    with tempfile.TemporaryDirectory(prefix=artifacts.PARTIAL, dir=folder.parent) as partial:
        whole = Path(partial) / "real"
        whole.mkdir()
        for file in files:
            if file.is_file():
                shutil.copyfile(file, whole / file.name)
        artifacts.write_text(text, whole / "README.md")
        _replace(folder, whole)
    return folder


def account(profile, manifests, source):
    """What was run, on what: Markdown.

    Parameters
    ----------
    profile : str
    manifests : dict of str to lib.workflow.artifacts.Manifest
        By stage.
    source : str

    Returns
    -------
    str
    """
    data = paths.data(profile)
    clips, artists = pd.read_parquet(data / "clips.parquet"), pd.read_parquet(data / "artists.parquet")
    digests = hashlib.sha256("\n".join(sorted(clips["sha256"])).encode()).hexdigest()
    rows = [
        (name, Path(value).name, artifacts.sha256(Path(value)))
        for name, value in sorted(_given_files(manifests).items())
    ]
    rows.append(("the clips", f"{len(clips)} files", f"{digests} (of their sorted SHA-256)"))
    made = manifests[LAST].made_with
    versions = ", ".join(f"{package} {version}" for package, version in made["versions"].items())
    return (
        "# What holds on real music\n\n"
        f"Aggregate results of a run on real listeners and real music: {len(artists)} artists,"
        f" {len(clips)} clips. Source: {source}. Nothing here is simulated; no sound and no spectrogram is"
        " kept. Methods were developed on these artists, so that these are numbers of a development set.\n\n"
        "The command (paths shortened to their last part):\n\n"
        f"```bash\n{command(profile, manifests)}\n```\n\n"
        "What went in:\n\n"
        + artifacts.markdown(pd.DataFrame(rows, columns=["parameter", "file", "SHA-256"]))
        + f"\n\nMade with Python {made['python']}, {versions}, on {made['threads']} threads.\n"
        + "".join(
            f"\n`{table}.csv` was made from this run by `{after}`.\n"
            for table, after in AFTERWARDS.items()
            if (paths.figures(profile) / f"{table}.csv").is_file()
        )
    )


def command(profile, manifests):
    """The command of a run: the parameters that differ from the profile's own.

    Parameters
    ----------
    profile : str
    manifests : dict of str to lib.workflow.artifacts.Manifest
        By stage.

    Returns
    -------
    str
        For a shell; of a file or folder only the last part of its path.
    """
    _, own = profiles.resolve(profile)
    words, seen = ["python3", "run_all.py", "--profile", profile], set()
    for stage, manifest in manifests.items():
        for name, value in manifest.parameters.items():
            if name in seen or name == "profile" or value == own[stage].get(name):
                continue
            seen |= {name} & set(profiles.SHARED)
            shown = Path(value).name if name.endswith(profiles.PATHS) else value
            text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
            words.append(f"-p {shlex.quote(f'{stage}.{name}={text}')}")
    return " \\\n    ".join([" ".join(words[:4]), *words[4:]])


def _given_files(manifests):
    """Files that parameters name, by parameter."""
    return {
        name: value
        for manifest in manifests.values()
        for name, value in manifest.parameters.items()
        if name.endswith("_file") and value
    }


def _check_read(profile, manifests):
    """Raise if a stage read a file, or results of a stage before, that have changed since."""
    for stage, made in manifests.items():
        today = artifacts.inputs(stage, profile, made.parameters)
        read = {f"the results of {name}": ("needs", name) for name in made.inputs["needs"]}
        read |= {f"the file given as {name}": ("files", name) for name in _given_files({stage: made})}
        for what, (kind, name) in read.items():
            if today[kind].get(name) != made.inputs[kind].get(name):
                raise ValueError(
                    f"{stage} read {what}, which changed or went away since:"
                    f" run all notebooks of {profile} again"
                )


def _replace(folder, whole):
    """Put a folder that is whole in the place of an earlier one, which stays if that fails."""
    earlier = whole.with_name("earlier")
    if folder.exists():
        folder.rename(earlier)
    try:
        whole.rename(folder)
    except BaseException:
        if earlier.exists():
            earlier.rename(folder)
        raise


def main(arguments=None):
    """Keep the results of a profile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="own")
    parser.add_argument("--source", required=True, help="where listening and music come from, in words")
    given = parser.parse_args(arguments)
    try:
        print(f"kept in {paths.place(keep(given.profile, given.source))}")
    except (ValueError, artifacts.MissingArtifact) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
