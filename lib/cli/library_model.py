"""A model of notebook 07 as something to publish: the file, what it is, its licence and its checksum.

    python -m lib.cli.library_model data/own/models/beyond.npz --source "…" --licence CC-BY-NC-4.0 --into DIR

Written are ``model.npz``, ``README.md``, ``LICENSE`` and ``SHA256SUMS``. ``run_all.py --library MUSIC --model
DIR/model.npz`` uses it. Refused is a model of the simulated world, and a file that holds more than a method
and the artists' vectors.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lib import registry
from lib.beyond import similar_artists
from lib.cli import library
from lib.library.describe import Description
from lib.workflow import artifacts

LARGEST = 1_000_000  # numbers in one array; listening of users would be more
DROPPED = ("trained on", "profile")  # of the provenance: ids and names of the machine that made it


def publish(model, folder, *, source, licence):
    """Write the model for others.

    Parameters
    ----------
    model : path
        What notebook 07 wrote.
    folder : path
    source : str
        Where listening and music came from, and on what terms, in words.
    licence : str
        Name of the licence, or a sentence.

    Returns
    -------
    Path
        Of the published model.

    Raises
    ------
    ValueError
        If the file is no model, was fitted on the simulated world, or holds more than it may.
    """
    folder = Path(folder)
    finder = similar_artists.load(model)
    if finder.provenance.get("simulated") is not False:
        raise ValueError(f"{model} was not fitted on real listening: there is nothing to publish")
    with np.load(model, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != similar_artists.ABOUT}
    check(arrays, len(finder.artists))
    n_train = len(finder.provenance.get("trained on", ()))
    kept = {key: value for key, value in finder.provenance.items() if key not in DROPPED}
    published = similar_artists.Finder(
        finder.method, finder.artists, finder.vectors, finder.settings, kept | {"licence": licence}
    )
    file = folder / "model.npz"
    published.save(file)
    artifacts.write_text(account(finder, arrays, n_train, source, licence, str(file)), folder / "README.md")
    artifacts.write_text(f"{licence}\n\nFitted on: {source}\n", folder / "LICENSE")
    names = ("LICENSE", "README.md", file.name)
    sums = [f"{artifacts.sha256(folder / name)}  {name}\n" for name in names]
    artifacts.write_text("".join(sums), folder / "SHA256SUMS")
    return file


def check(arrays, n_artists):
    """See that a model holds a method and one vector an artist, and nothing as large as a table of plays.

    Raises
    ------
    ValueError
        If an array is neither, or has too many numbers.
    """
    unexpected = [name for name in arrays if name != "vectors" and not name.startswith("method.")]
    if unexpected:
        raise ValueError(
            f"the model holds {unexpected[0]!r}, which is neither of the method nor the artists'"
        )
    large = [name for name, array in arrays.items() if array.size > LARGEST]
    if large:
        shape = arrays[large[0]].shape
        raise ValueError(f"{large[0]!r} of shape {shape} is more than a method needs: look at what it holds")
    if len(arrays["vectors"]) != n_artists:
        raise ValueError(f"{len(arrays['vectors'])} vectors of {n_artists} artists: the file is damaged")


def account(finder, arrays, n_train, source, licence, file):
    """What the model is, as Markdown."""
    table = pd.DataFrame(
        [(name, " × ".join(map(str, array.shape)), str(array.dtype)) for name, array in arrays.items()],
        columns=["array", "shape", "type"],
    )
    made = finder.provenance.get("made with", {}).get("versions", {})
    versions = ", ".join(f"{package} {version}" for package, version in made.items()) or "not written down"
    return (
        "# Which artists a recording sounds like\n\n"
        f"Method: {registry.label(finder.method.name)} (`{finder.method.name}`). From spectrograms of half"
        " minutes to vectors, whose cosine is the similarity; learnt from who listens to whom.\n\n"
        f"Fitted on {n_train} artists; it names {len(finder.artists)}. Source: {source}.\n\n"
        f"Licence of this file: {licence}.\n\n"
        f"{library.reached(Description(file))}\n\n"
        "## What is in the file\n\n"
        "Plain arrays, nothing pickled: what the method has learnt, one vector for each artist (where its"
        " music lies, computed from sound), and the artists' names and ids. No plays, no listeners, no sound"
        " and no spectrogram.\n\n"
        f"{artifacts.markdown(table)}\n"
        f"Made with: {versions}.\n\n"
        "```bash\npython3 run_all.py --library MUSIC --model model.npz\n```\n"
    )


def main(arguments=None):
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="data/PROFILE/models/beyond.npz")
    parser.add_argument("--source", required=True, help="where listening and music came from, in words")
    parser.add_argument("--licence", required=True, help="of the published file")
    parser.add_argument("--into", required=True, metavar="DIR", help="folder for the files")
    options = parser.parse_args(arguments)
    try:
        file = publish(options.model, options.into, source=options.source, licence=options.licence)
    except (OSError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{file}: with README.md, LICENSE and SHA256SUMS beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
