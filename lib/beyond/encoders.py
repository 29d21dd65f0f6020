"""Encoders that were trained elsewhere: a clip's file in, a vector out (beyond the paper).

    chosen = encoders.chosen(["musicnn_msd"])
    encoded = encoders.of_clips(study, chosen, kept)  # by name: one vector for each clip of the study

An extra: neither the packages nor their weights belong to this project, and nothing else depends on them.
What such an encoder was trained on may hold the artists that it is tested on, so that its rows stand apart
from those of methods trained here.

A new encoder is one object and one entry of `ENCODERS`: ``name``, ``made_of``, ``trained_on``,
``code_licence``, ``weights_licence``, ``digest()`` of its weights, ``weights()`` as arrays by name, and
``vector(path, weights)``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.beyond.musicnn import Musicnn

ENCODERS = {
    encoder.name: encoder
    for encoder in (
        Musicnn(
            "musicnn_mtt",
            "MTT_musicnn",
            "MagnaTagATune: 50 tags that players of a game gave to 26,000 excerpts of 230 artists",
        ),
        Musicnn(
            "musicnn_msd",
            "MSD_musicnn",
            "Million Song Dataset: 50 Last.fm tags of 200,000 tracks, by well known artists too",
        ),
    )
}


def chosen(names):
    """Encoders by name, after a look whether their weights are there.

    Parameters
    ----------
    names : sequence of str
        Of `ENCODERS`; none is none.

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If there is no such encoder, one is named twice, or its package is not installed; the message holds
        the command.

    Examples
    --------
    >>> chosen([])
    []
    >>> chosen(["openl3"])
    Traceback (most recent call last):
        ...
    ValueError: encoders holds 'openl3', there are musicnn_mtt, musicnn_msd
    """
    if isinstance(names, str):
        raise ValueError(f'encoders must be a list such as ["musicnn_mtt"], got {names!r}')
    for name in names:
        if name not in ENCODERS:
            raise ValueError(f"encoders holds {name!r}, there are {', '.join(ENCODERS)}")
    if len(set(names)) < len(names):
        raise ValueError(f"encoders names one twice: {', '.join(names)}")
    for name in names:
        ENCODERS[name].digest()
    return [ENCODERS[name] for name in names]


def about(encoders):
    """What is to be said of encoders wherever their results are shown.

    Parameters
    ----------
    encoders : list
        From `chosen`.

    Returns
    -------
    pd.DataFrame
        ``encoder, made_of, trained_on, code_licence, weights_licence, sha256`` (of the weights).

    Examples
    --------
    >>> about([]).columns.tolist()
    ['encoder', 'made_of', 'trained_on', 'code_licence', 'weights_licence', 'sha256']
    """
    names = ["made_of", "trained_on", "code_licence", "weights_licence"]
    rows = [
        (encoder.name, *(getattr(encoder, name) for name in names), encoder.digest()) for encoder in encoders
    ]
    return pd.DataFrame(rows, columns=["encoder", *names, "sha256"])


def sentence(encoders):
    """What `about` says, for reading: one line for each encoder.

    Examples
    --------
    >>> print(sentence([]))
    No encoder that was trained elsewhere takes part: the list is empty.
    """
    if not encoders:
        return "No encoder that was trained elsewhere takes part: the list is empty."
    return "\n".join(
        f"{encoder.name} ({encoder.made_of}), pre-trained elsewhere on {encoder.trained_on}. Licence of the"
        f" code: {encoder.code_licence}; of the weights: {encoder.weights_licence}."
        for encoder in encoders
    )


def of_clips(study, encoders, kept):
    """The vector of each clip under each encoder; what was computed before is taken as it was kept.

    Parameters
    ----------
    study : lib.study.Study
        Its clips have ``file`` and ``sha256``.
    encoders : list
        From `chosen`.
    kept : lib.workflow.kept.Kept
        Vectors are kept clip by clip, by the digests of weights and clip: a run that is interrupted goes on.

    Returns
    -------
    dict of str to np.ndarray, shape=(n_clips, n)
        By the encoder's name, in the order of the study's clips.

    Raises
    ------
    ValueError
        If a clip has no file, or it cannot be decoded; the message names the clip.

    Examples
    --------
    >>> of_clips(study, chosen(["musicnn_msd"]), run.kept)["musicnn_msd"].shape  # doctest: +SKIP
    (2791, 400)
    """
    if not encoders:
        return {}
    clips = list(zip(_files(study), study.clips["sha256"], strict=True))
    return {encoder.name: _vectors(encoder, clips, kept) for encoder in encoders}


def _vectors(encoder, clips, kept):
    code, digest, weights, rows = type(encoder).__module__, encoder.digest(), None, []
    for path, sha256 in tqdm(clips, desc=encoder.name, unit="clip"):

        def make(path=path):
            nonlocal weights
            if weights is None:
                weights = kept.result(f"{encoder.name}_weights", encoder.weights, code=code, weights=digest)
            return {"vector": encoder.vector(path, weights)}

        rows.append(kept.result(encoder.name, make, code=code, weights=digest, clip=sha256)["vector"])
    return np.stack(rows)


def _files(study):
    """Paths of all clips of a study."""
    lacking = {"file", "sha256"} - set(study.clips.columns)
    if lacking or study.folder is None:
        raise ValueError(
            "an encoder needs the clips' own sound, this study has none"
            f" ({', '.join(sorted(lacking)) or 'folder'} missing): run 02_preview_clips and 03_spectrograms"
        )
    files = [study.folder / file for file in study.clips["file"]]
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(files)} clips have no file, the first is {missing[0]}: run"
            " 02_preview_clips again, or leave encoders of 07_beyond_the_paper empty"
        )
    return files
