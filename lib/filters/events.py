"""Where in a recording something begins, falls silent, or goes on (beyond the paper; for its Figure 4).

Conventions
-----------
- Seconds are those of the spectrogram: 0 is its first frame.
- Three kinds of moments (`KINDS`), chosen so that what comes before each is known: most onsets of a busy
  track lie in the middle of others, and an average around those would show nothing.
- `from_sound` decides by rules what moments there are, from times of onsets and from what sounds when.
  `detect` has both from librosa, from the sound alone; a simulated world has them from its score.

References
----------
Böck & Widmer (2013) for the detector that librosa's follows.
"""

from __future__ import annotations

import joblib
import librosa
import numpy as np
import pandas as pd

from lib.audio import decode
from lib.spectrograms import picture

QUIET_BEFORE = 0.35  # seconds: three frames
HOP = 512  # samples of the finer grid on which librosa listens
SILENT = -45.0  # dB below the loudest moment
TONAL = 0.01  # spectral flatness: 0 is a pure tone, 1 white noise
KINDS = {
    "onset": f"something begins, and nothing else began in the {QUIET_BEFORE} s before",
    "silence": f"sound of {QUIET_BEFORE} s and more ends, and as long a silence begins",
    "sustained": f"middle of a tone that goes on, nothing begins in the {QUIET_BEFORE} s to either side",
}


def from_sound(onsets, times, sounding, tonal):
    """Moments of each kind.

    Parameters
    ----------
    onsets : array_like, shape=(n_onsets,)
        Seconds at which something begins.
    times : np.ndarray, shape=(n,)
        An even grid, seconds.
    sounding, tonal : np.ndarray of bool, shape=(n,)
        Whether anything sounds at these times, and whether it is a tone.

    Returns
    -------
    pd.DataFrame
        ``kind, seconds``; kinds in the order of `KINDS`, seconds ascending.
    """
    onsets = np.sort(np.asarray(onsets, dtype=float))
    alone = np.diff(onsets, prepend=-np.inf) > QUIET_BEFORE
    grid = times[1] - times[0]
    after = np.searchsorted(onsets, times, side="left")
    bounds = np.concatenate([[-np.inf], onsets, [np.inf]])
    undisturbed = np.minimum(times - bounds[after], bounds[after + 1] - times) > QUIET_BEFORE
    silences = [first for first, last in _runs(~sounding) if (last - first) * grid >= QUIET_BEFORE]
    long_before = [first for first in silences if _sounded(sounding, first, round(QUIET_BEFORE / grid))]
    middles = [(first + last - 1) // 2 for first, last in _runs(undisturbed & sounding & tonal)]
    moments = {"onset": onsets[alone], "silence": times[long_before], "sustained": times[middles]}
    return pd.DataFrame(
        [(kind, float(second)) for kind in KINDS for second in moments[kind]], columns=["kind", "seconds"]
    ).astype({"seconds": float})


def detect(signal):
    """Moments of a recording, heard by librosa.

    Parameters
    ----------
    signal : np.ndarray, shape=(spectrograms.SECONDS * spectrograms.SAMPLE_RATE,)

    Returns
    -------
    pd.DataFrame
        As from `from_sound`.
    """
    rate = picture.SAMPLE_RATE
    spectrum = np.abs(librosa.stft(signal, hop_length=HOP))
    mel = librosa.feature.melspectrogram(S=spectrum**2, sr=rate)
    strength = librosa.onset.onset_strength(S=librosa.power_to_db(mel, ref=np.max), sr=rate)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=rate, hop_length=HOP, units="time")
    level = np.square(spectrum).sum(axis=0)
    sounding = level > level.max() * 10 ** (SILENT / 10)
    tonal = librosa.feature.spectral_flatness(S=spectrum)[0] < TONAL
    return from_sound(onsets, librosa.times_like(spectrum, sr=rate, hop_length=HOP), sounding, tonal)


def of_files(files, *, n_jobs=2):
    """Moments of several recordings.

    Parameters
    ----------
    files : sequence of path
    n_jobs : int
        Threads.

    Returns
    -------
    pd.DataFrame
        ``row`` (place in `files`), ``kind, seconds``.

    Raises
    ------
    ValueError
        If a file cannot be decoded; the message names it.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> from pathlib import Path
    >>> file, time = Path(tempfile.mkdtemp()) / "tone.wav", np.arange(30 * 22050) / 22050
    >>> soundfile.write(file, 0.5 * np.sin(2 * np.pi * 440 * time) * (time > 5) * (time < 11), 22050)
    >>> of_files([file]).drop_duplicates("kind").round(0)
       row       kind  seconds
    0    0      onset      5.0
    2    0    silence     11.0
    3    0  sustained      8.0
    """
    by_file = joblib.Parallel(n_jobs=n_jobs, backend="threading")(
        joblib.delayed(_of_file)(file) for file in files
    )
    return pd.concat([moments.assign(row=row) for row, moments in enumerate(by_file)], ignore_index=True)[
        ["row", "kind", "seconds"]
    ]


def _of_file(file):
    decoded = decode.decode_apart(file, middle=picture.SECONDS)
    return detect(picture.mono(decoded.samples, decoded.sample_rate))


def _runs(flags):
    """First place, and the one after the last, of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return edges.reshape(-1, 2).tolist()


def _sounded(sounding, place, size):
    """Whether there was sound all the time, or nearly so, in the places before."""
    return place >= size and sounding[place - size : place].mean() > 0.8
