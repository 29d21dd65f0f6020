"""Step 4 of the paper (section 3): a clip becomes a 256 × 64 log-mel spectrogram.

Conventions
-----------
- Input: up to 30 s of audio, channels averaged, at 22,050 Hz. A longer recording gives the 30 s around its
  middle, a shorter one is padded with silence at its end.
- Axes: (frames, mel bands) = (256, 64). Time runs forward; frame *t* is centred on ``t * hop_length``
  samples, that is 117 ms apart; band 0 is the lowest.
- Values: decibels relative to the clip's loudest cell, cut at -80 dB and scaled to [0, 1]: loud = 1,
  silence = 0.
- Windows of 4,096 samples (186 ms) overlap, so that each sample is heard although only 256 frames are kept.
- The store is one float16 array on disk; float16 rounds a value in [0, 1] by at most 0.00025, 0.02 dB.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import joblib
import librosa
import numpy as np
import pandas as pd
import soxr
import threadpoolctl
from tqdm import tqdm

from lib import artifacts, audio

SAMPLE_RATE = 22_050  # Hz
SECONDS = 30
N_FRAMES = 256
N_MELS = 64
N_FFT = 4096  # samples
HOP_LENGTH = 2584  # samples: 256 frames over 30 s
TOP_DB = 80.0


def mono(samples, sample_rate):
    """Average the channels, resample, and take the 30 seconds around the middle.

    Parameters
    ----------
    samples : np.ndarray, shape=(n_samples, n_channels)
    sample_rate : int
        In Hz.

    Returns
    -------
    np.ndarray, shape=(SECONDS * SAMPLE_RATE,), dtype=float32
    """
    wanted = SECONDS * sample_rate
    start = max(0, (len(samples) - wanted) // 2)
    window = samples[start : start + wanted]
    channels = window.shape[1]
    # A matrix product: mean(axis=1) over two interleaved channels takes ten times as long.
    signal = window @ np.full(channels, 1 / channels, dtype=np.float32) if channels > 1 else window[:, 0]
    if sample_rate != SAMPLE_RATE:
        signal = soxr.resample(signal, sample_rate, SAMPLE_RATE, quality="HQ")
    return librosa.util.fix_length(signal, size=SECONDS * SAMPLE_RATE)


def log_mel(signal):
    """Log-mel spectrogram of a mono signal, loud = 1, time forward, low bands first.

    Parameters
    ----------
    signal : np.ndarray, shape=(SECONDS * SAMPLE_RATE,)

    Returns
    -------
    np.ndarray, shape=(N_FRAMES, N_MELS), dtype=float32
        In [0, 1].

    Raises
    ------
    ValueError
        If the signal is silent or holds values that are not finite.
    """
    if not np.isfinite(signal).all():
        raise ValueError("the signal holds values that are not finite")
    padded = np.pad(np.asarray(signal, dtype=np.float32), N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH][:N_FRAMES]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) @ _mel_basis()
    if power.max() <= 0:
        raise ValueError("the signal is silent")
    decibels = 10 * np.log10(np.maximum(power / power.max(), 10 ** (-TOP_DB / 10)))
    return np.clip(decibels / TOP_DB + 1, 0, 1).astype(np.float32)  # rounding puts -80 dB at -1e-7


def as_published(signal):
    """What the author's screenshot of a librosa plot keeps: 128 mel bands and hop 512, squeezed to 256 × 64.

    A reversed grey map turns loud into 0, the rotation reverses time (the author's code; paper, section 3).

    Parameters
    ----------
    signal : np.ndarray, shape=(SECONDS * SAMPLE_RATE,)

    Returns
    -------
    np.ndarray, shape=(N_FRAMES, N_MELS), dtype=float32
        In [0, 1]; time runs backwards, loud is 0.
    """
    power = librosa.feature.melspectrogram(y=signal, sr=SAMPLE_RATE)
    decibels = librosa.power_to_db(power, ref=np.max)
    pixels = np.round(255 * (1 - (decibels - decibels.min()) / np.ptp(decibels))) / 255
    frames = np.linspace(0, pixels.shape[1] - 1, N_FRAMES).round().astype(int)
    bands = np.linspace(0, pixels.shape[0] - 1, N_MELS).round().astype(int)
    return pixels[np.ix_(bands, frames)].T[::-1].astype(np.float32)


def mel_frequencies():
    """Centre frequency of each mel band.

    Returns
    -------
    np.ndarray, shape=(N_MELS,)
        In Hz.
    """
    return librosa.mel_frequencies(n_mels=N_MELS + 2, fmax=SAMPLE_RATE / 2)[1:-1]


def frame_times():
    """Centre of each frame in seconds, shape=(N_FRAMES,)."""
    return np.arange(N_FRAMES) * HOP_LENGTH / SAMPLE_RATE


def from_file(path):
    """Spectrogram of an audio file.

    Parameters
    ----------
    path : path

    Returns
    -------
    np.ndarray, shape=(N_FRAMES, N_MELS), dtype=float32

    Raises
    ------
    ValueError
        If the file cannot be decoded, is silent or not finite; the message names the file.
    """
    decoded = audio.decode(path, middle=SECONDS)
    try:
        return log_mel(mono(decoded.samples, decoded.sample_rate))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def compute(clips, folder, *, store, n_jobs=2):
    """Spectrograms of all clips into one memory-mapped array with its index.

    Parameters
    ----------
    clips : pd.DataFrame
        Columns ``clip_id``, ``artist_id``, ``file``.
    folder : path
        What relative files are relative to.
    store : path
        Folder for ``spectrograms.npy`` and ``spectrograms.parquet``.
    n_jobs : int
        Worker processes.

    Returns
    -------
    index : pd.DataFrame
        ``row``, ``clip_id``, ``artist_id``.
    failures : pd.DataFrame
        ``clip_id``, ``artist_id``, ``reason`` of clips that gave no spectrogram.

    Raises
    ------
    ValueError
        If no clip gave a spectrogram.
    """
    clips = clips.sort_values("clip_id", ignore_index=True)
    jobs = [joblib.delayed(_attempt)(Path(folder) / file) for file in clips["file"]]
    results = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    outcomes = list(tqdm(results, total=len(jobs), desc="spectrograms", unit="clip"))
    good = np.array([isinstance(outcome, np.ndarray) for outcome in outcomes], dtype=bool)
    failures = clips.loc[~good, ["clip_id", "artist_id"]].assign(
        reason=[outcome for outcome in outcomes if isinstance(outcome, str)]
    )
    if not good.any():
        raise ValueError(
            f"none of {len(clips)} clips gave a spectrogram; the first: {failures['reason'].iloc[0]}"
        )
    index = clips.loc[good, ["clip_id", "artist_id"]].reset_index(drop=True).rename_axis("row").reset_index()
    array = np.stack([outcome for outcome in outcomes if isinstance(outcome, np.ndarray)])
    artifacts.write_npy(array, Path(store) / "spectrograms.npy")
    artifacts.write_parquet(index, Path(store) / "spectrograms.parquet")
    return index, failures


def load(store):
    """The array, memory-mapped, and its index.

    Returns
    -------
    array : np.memmap, shape=(n_clips, N_FRAMES, N_MELS), dtype=float16
    index : pd.DataFrame
        ``row``, ``clip_id``, ``artist_id``.

    Raises
    ------
    ValueError
        If the two do not fit.
    """
    array = np.load(Path(store) / "spectrograms.npy", mmap_mode="r")
    index = pd.read_parquet(Path(store) / "spectrograms.parquet")
    if array.shape != (len(index), N_FRAMES, N_MELS) or not (index["row"] == np.arange(len(index))).all():
        raise ValueError(
            f"spectrograms of shape {array.shape} do not fit an index of {len(index)} clips: run 03 again"
        )
    return array, index


def contrasting(array):
    """Four clips that differ, by rule: bright, dark, restless and steady.

    Parameters
    ----------
    array : np.ndarray, shape=(n_clips, N_FRAMES, N_MELS)

    Returns
    -------
    dict of str to int
        Label to row; rows may repeat in a tiny collection.
    """
    upper = array[:, :, N_MELS // 2 :].mean(axis=(1, 2), dtype=np.float32)
    change = np.abs(np.diff(array.astype(np.float32), axis=1)).mean(axis=(1, 2))
    picks = {
        "brightest": upper.argmax(),
        "darkest": upper.argmin(),
        "most restless": change.argmax(),
        "steadiest": change.argmin(),
    }
    return {label: int(row) for label, row in picks.items()}


def _attempt(path):
    """The spectrogram as stored, or why there is none."""
    with threadpoolctl.threadpool_limits(1):
        try:
            return from_file(path).astype(np.float16)
        except (ValueError, OSError) as error:
            return str(error)


@lru_cache
def _window():
    return librosa.filters.get_window("hann", N_FFT).astype(np.float32)


@lru_cache
def _mel_basis():
    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS).T.copy()
