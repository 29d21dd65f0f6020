"""What a listener can name in a clip: brightness, bass, attacks, beat, ..., read off its spectrogram.

They rank nothing: the explorer shows in which of them two artists are alike, and in which they differ.

Conventions
-----------
- Clips have shape (n, 256, 64): (frames, mel bands), values in [0, 1], 0 to 1 being 80 dB.
- A spectrogram is scaled to its loudest cell (`lib.spectrograms.picture`), so that no feature depends on how
  loud a whole clip is; frames are 117 ms apart, so that hits that follow each other faster count as one.
- A tempo may come out half or twice as fast as a listener would tap.
- Centre of the spectrum, rises and peaks are as `librosa.feature.spectral_centroid`,
  `librosa.onset.onset_strength` and `librosa.util.localmax` have them, but the ends of a clip are no peaks;
  loading those takes longer than all features of a thousand clips.
- `LOW` and `HIGH` say in plain words what a small and a large value of each feature mean.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.ndimage

from lib.spectrograms import picture
from lib.spectrograms.store import batches

LOW = {
    "brightness": "darker",
    "bass": "less bass",
    "loudness_changes": "evenly loud",
    "attacks": "softer attacks",
    "hits": "sparser hits",
    "beat": "looser beat",
    "tempo": "slower",
    "tonality": "noisier",
    "sustain": "shorter sounds",
}
HIGH = {
    "brightness": "brighter",
    "bass": "more bass",
    "loudness_changes": "more changes of loudness",
    "attacks": "harder attacks",
    "hits": "denser hits",
    "beat": "steadier beat",
    "tempo": "faster",
    "tonality": "clearer tones",
    "sustain": "longer sounds",
}
DECIBELS = 80.0  # from 0 to 1
BASS = 150.0  # Hz; below it is bass
SLOW = 17  # frames, 2 s: what changes more slowly is no rhythm
SLOWEST, FASTEST = 60, 180  # beats a minute
FRAME_RATE = picture.SAMPLE_RATE / picture.HOP_LENGTH  # Hz
USUAL, SPREAD = 120, 0.5  # beats a minute; octaves: which tempi are likelier
STEPS = 4096  # frames of the rhythm, with zeros behind it: an eighth of a beat a minute


def of_clips(spectrograms):
    """Features of clips that have plain names.

    Parameters
    ----------
    spectrograms : np.ndarray, shape=(n_clips, 256, 64)
        In [0, 1]; may be memory-mapped, and is read in batches.

    Returns
    -------
    pd.DataFrame, shape=(n_clips, n_features)
        ``brightness`` (centre of the spectrum, octaves above 1 Hz), ``bass`` (share of the energy below 150
        Hz), ``loudness_changes`` (standard deviation over time, dB), ``attacks`` (mean rise from frame to
        frame, dB), ``hits`` (rises that stand out, a second), ``beat`` (share of the rhythm that repeats from
        beat to beat, at most 1), ``tempo`` (beats a minute, octaves above 1), ``tonality`` (mean step between
        neighbouring bands, dB), ``sustain`` (correlation of the spectrum's shape with that of a
        frame later, at most 1).

    Raises
    ------
    ValueError
        If the shape is another one, or a value lies outside [0, 1].

    Examples
    --------
    >>> low, high = np.zeros((2, 256, 64))
    >>> low[:, 1], high[:, 50] = 1, 1
    >>> of_clips(np.stack([low, high]))[["brightness", "bass"]].round(1)
       brightness  bass
    0         6.7   1.0
    1        12.4   0.0
    """
    if spectrograms.ndim != 3 or spectrograms.shape[1:] != (picture.N_FRAMES, picture.N_MELS):
        raise ValueError(
            f"spectrograms have the shape (n, {picture.N_FRAMES}, {picture.N_MELS}), got {spectrograms.shape}"
        )
    parts = [_of_batch(clips) for clips in batches(spectrograms)]
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in LOW})


def _of_batch(clips):
    if not ((clips >= 0) & (clips <= 1)).all():
        raise ValueError(f"values lie in [0, 1], got {clips.min():.3g} to {clips.max():.3g}")
    power = np.exp((clips - 1) * np.float32(DECIBELS * np.log(10) / 10))
    bands, loudness = power.mean(axis=1), 10 * np.log10(power.mean(axis=2))
    hertz, levels = picture.mel_frequencies(), clips.mean(axis=1)
    total = levels.sum(axis=1)
    centre = np.divide(levels @ np.log2(hertz), total, out=np.zeros(len(clips)), where=total > 0)
    rises = DECIBELS * np.maximum(np.diff(clips, axis=1, prepend=clips[:, :1]), 0).mean(axis=2)
    rhythm = rises - scipy.ndimage.uniform_filter1d(rises, SLOW, axis=1)
    beat, tempo = _beat(rhythm)
    return {
        "brightness": centre,
        "bass": bands[:, hertz < BASS].sum(axis=1) / bands.sum(axis=1),
        "loudness_changes": loudness.std(axis=1),
        "attacks": rises.mean(axis=1),
        "hits": _hits(rises, rhythm),
        "beat": beat,
        "tempo": tempo,
        "tonality": DECIBELS * np.abs(np.diff(clips, axis=2)).mean(axis=(1, 2)),
        "sustain": _sustain(clips),
    }


def _hits(rises, rhythm):
    """Rises above their surroundings and 1 dB, a second."""
    before, behind = np.roll(rises, 1, axis=1), np.roll(rises, -1, axis=1)
    before[:, 0] = behind[:, -1] = np.inf  # the ends are no peaks
    peaks = (rises > before) & (rises >= behind) & (rhythm > 0) & (rises > 1)
    return peaks.sum(axis=1) / picture.SECONDS


def _beat(rhythm):
    """How much of the rhythm repeats from beat to beat, and the tempo.

    The tempo is where the rhythm's spectrum is strongest together with its double, tempi near `USUAL` being
    likelier (`librosa.feature.tempo` weighs them likewise, but by whole frames, which are too coarse here).
    """
    n_frames = rhythm.shape[1]
    strength = np.abs(np.fft.rfft(rhythm * np.hanning(n_frames), n=STEPS, axis=1)) ** 2
    tempi = np.arange(SLOWEST, FASTEST + 0.5, 0.5)
    places = np.rint(tempi / 60 / FRAME_RATE * STEPS).astype(int)
    likely = np.exp(-0.5 * (np.log2(tempi / USUAL) / SPREAD) ** 2)
    doubled = np.where(2 * places <= STEPS // 2, strength[:, np.minimum(2 * places, STEPS // 2)], 0)
    best = ((strength[:, places] + doubled) * likely).argmax(axis=1)
    width = 2 * STEPS // n_frames  # of a steady beat in the spectrum, on either side
    below = np.cumsum(strength, axis=1)
    repeating = np.zeros(len(rhythm))
    for multiple in range(1, int(FRAME_RATE / 2 / (SLOWEST / 60)) + 1):
        place = multiple * places[best][:, None]
        inside = place[:, 0] + width < strength.shape[1]
        ends = [np.minimum(place + step, strength.shape[1] - 1) for step in (-width - 1, width)]
        low, high = (np.take_along_axis(below, end, axis=1)[:, 0] for end in ends)
        repeating += np.where(inside, high - low, 0)
    total = below[:, -1]
    share = np.divide(repeating, total, out=np.zeros_like(total), where=total > 1e-6)
    return share, np.where(total > 1e-6, np.log2(tempi[best]), np.log2(USUAL))


def _sustain(clips):
    """Correlation of the spectrum's shape with that of a frame later, level aside."""
    shapes = clips - clips.mean(axis=2, keepdims=True)
    shapes -= shapes.mean(axis=1, keepdims=True)
    both, total = (shapes[:, 1:] * shapes[:, :-1]).sum(axis=(1, 2)), (shapes**2).sum(axis=(1, 2))
    return np.divide(both, total, out=np.zeros_like(both), where=total > 1e-6)
