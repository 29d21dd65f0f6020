"""Step 4 of the paper (section 3): a clip becomes a 256 × 64 log-mel spectrogram.

Conventions
-----------
- Input: up to 30 s of audio, channels averaged, at 22,050 Hz. A longer recording gives the 30 s around its
  middle; a shorter one is padded with silence at its end, or rejected, as `Settings` say.
- Axes: (frames, mel bands) = (256, 64). Time runs forward; frame *t* is centred on ``t * hop_length``
  samples, that is 117 ms apart; band 0 is the lowest.
- Values: decibels relative to the clip's loudest cell, cut at -80 dB and scaled to [0, 1]: loud = 1,
  silence = 0.
- Windows of 4,096 samples (186 ms) overlap, so that each sample is heard although only 256 frames are kept.
- 256 × 64, 30 s and 22,050 Hz are the network's input and the axes of every figure, hence constants; what
  does not move an axis is a parameter, see `Settings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import librosa
import numpy as np
import scipy.fft
import soxr

from lib.audio import decode, sandbox

SAMPLE_RATE = 22_050  # Hz
SECONDS = 30
N_FRAMES = 256
N_MELS = 64
HOP_LENGTH = 2584  # samples: 256 frames over 30 s
TOLERANCE = 0.5  # seconds: catalogues' half minutes are a little shorter than 30 s


@dataclass(frozen=True)
class Settings:
    """How a clip becomes a picture.

    Attributes
    ----------
    picture : str
        ``log_mel``, or ``as_published``: what the author's screenshots keep (`as_published`).
    n_fft : int
        Window of ``log_mel``, samples; at least `HOP_LENGTH`, so that each sample is heard.
    top_db : float
        Range of ``log_mel`` below the clip's loudest cell, dB.
    short_clips : str
        ``pad`` with silence, or ``reject``, what is shorter than 30 s.

    Raises
    ------
    ValueError
        If a value does not fit.

    Examples
    --------
    >>> Settings(short_clips="reject").n_fft
    4096
    >>> Settings(picture="photo")
    Traceback (most recent call last):
        ...
    ValueError: picture must be one of log_mel, as_published, got 'photo'
    """

    picture: str = "log_mel"
    n_fft: int = 4096
    top_db: float = 80.0
    short_clips: str = "pad"

    def __post_init__(self):
        for name, choices in (("picture", ("log_mel", "as_published")), ("short_clips", ("pad", "reject"))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if not HOP_LENGTH <= self.n_fft <= SECONDS * SAMPLE_RATE:
            raise ValueError(
                f"n_fft must be {HOP_LENGTH} to {SECONDS * SAMPLE_RATE} samples, got {self.n_fft}"
            )
        if not 0 < self.top_db < float("inf"):
            raise ValueError(f"top_db must be a positive number of decibels, got {self.top_db}")


DEFAULT = Settings()


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

    Examples
    --------
    >>> stereo = np.full((44100, 2), [1, 0], dtype=np.float32)  # one second, left channel only
    >>> signal = mono(stereo, SAMPLE_RATE)
    >>> signal.shape == (SECONDS * SAMPLE_RATE,), float(signal[0]), float(signal[-1])
    (True, 0.5, 0.0)
    """
    wanted = SECONDS * sample_rate
    start = max(0, (len(samples) - wanted) // 2)
    window = samples[start : start + wanted]
    channels = window.shape[1]
    # A matrix product: mean(axis=1) over two interleaved channels takes ten times as long.
    signal = window @ np.full(channels, 1 / channels, dtype=np.float32) if channels > 1 else window[:, 0]
    if sample_rate != SAMPLE_RATE:
        signal = soxr.resample(signal, sample_rate, SAMPLE_RATE, quality="HQ")
    signal = signal[: SECONDS * SAMPLE_RATE]
    return np.pad(signal, (0, SECONDS * SAMPLE_RATE - len(signal)))


def log_mel(signal, settings=DEFAULT):
    """Log-mel spectrogram of a mono signal, loud = 1, time forward, low bands first.

    Parameters
    ----------
    signal : np.ndarray, shape=(SECONDS * SAMPLE_RATE,)
    settings : Settings

    Returns
    -------
    np.ndarray, shape=(N_FRAMES, N_MELS), dtype=float32
        In [0, 1].

    Raises
    ------
    ValueError
        If the signal is silent or holds values that are not finite.

    Examples
    --------
    >>> time = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    >>> values = log_mel(np.sin(2 * np.pi * 1000 * time))  # a tone of 1,000 Hz
    >>> values.shape
    (256, 64)
    >>> int(mel_frequencies()[values.mean(axis=0).argmax()])  # centre of the loudest band
    1024
    """
    if not np.isfinite(signal).all():
        raise ValueError("the signal holds values that are not finite")
    n_fft, top_db = settings.n_fft, settings.top_db
    padded = np.pad(np.asarray(signal, dtype=np.float32), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::HOP_LENGTH][:N_FRAMES]
    spectrum = scipy.fft.rfft(frames * _window(n_fft), axis=1)  # numpy's takes twice as long
    power = (spectrum.real**2 + spectrum.imag**2) @ _mel_basis(n_fft)
    if power.max() <= 0:
        raise ValueError("the signal is silent")
    decibels = 10 * np.log10(np.maximum(power / power.max(), 10 ** (-top_db / 10)))
    return np.clip(decibels / top_db + 1, 0, 1).astype(np.float32)  # rounding puts -80 dB at -1e-7


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

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(SECONDS * SAMPLE_RATE)
    >>> noise[: len(noise) // 2] = 0  # half a minute that begins in silence
    >>> values = as_published(noise)
    >>> values.shape, float(values[0].mean().round(0)), float(values[-1].mean().round(0))  # loud is 0
    ((256, 64), 0.0, 1.0)
    """
    decibels = fine(signal).T
    pixels = np.round(255 * (1 - (decibels - decibels.min()) / np.ptp(decibels))) / 255
    frames = np.linspace(0, pixels.shape[1] - 1, N_FRAMES).round().astype(int)
    bands = np.linspace(0, pixels.shape[0] - 1, N_MELS).round().astype(int)
    return pixels[np.ix_(bands, frames)].T[::-1].astype(np.float32)


def as_noise(values, *, seed=0):
    """A spectrogram as sound: noise that is as loud in each band and frame as the picture says.

    What this lets one hear, rhythm and colour, is what a network is given; pitch and words are not in it.

    Parameters
    ----------
    values : np.ndarray, shape=(N_FRAMES, N_MELS)
        From `log_mel` with its default settings.
    seed : int
        Of the noise.

    Returns
    -------
    np.ndarray, shape=(SECONDS * SAMPLE_RATE,), dtype=float32
        Its largest sample is 0.9.

    Examples
    --------
    >>> sound = as_noise(np.ones((N_FRAMES, N_MELS)))
    >>> len(sound) / SAMPLE_RATE, round(float(np.abs(sound).max()), 2)
    (30.0, 0.9)
    """
    noise = np.random.default_rng(seed).standard_normal(SECONDS * SAMPLE_RATE).astype(np.float32)
    spectrum = librosa.stft(noise)
    bands = np.eye(N_MELS)
    hertz = librosa.fft_frequencies(sr=SAMPLE_RATE)
    to_bins = np.stack([np.interp(hertz, mel_frequencies(), band) for band in bands], axis=1)
    amplitudes = 10 ** ((np.asarray(values, dtype=float) - 1) * DEFAULT.top_db / 20)
    moments = librosa.times_like(spectrum, sr=SAMPLE_RATE)
    over_time = np.stack([np.interp(moments, frame_times(), band) for band in amplitudes.T])
    sound = librosa.istft(spectrum * (to_bins @ over_time), length=len(noise))
    return (0.9 * sound / np.abs(sound).max()).astype(np.float32)


def fine(signal):
    """A finer picture than the network's: librosa's default 128 bands, a frame each 23 ms.

    Parameters
    ----------
    signal : np.ndarray, shape=(SECONDS * SAMPLE_RATE,)

    Returns
    -------
    np.ndarray, shape=(n_frames, 128), dtype=float32
        Decibels below the loudest cell, -80 to 0.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(SECONDS * SAMPLE_RATE)
    >>> decibels = fine(noise)
    >>> decibels.shape, float(decibels.max())
    ((1292, 128), 0.0)
    """
    power = librosa.feature.melspectrogram(y=signal, sr=SAMPLE_RATE)
    return librosa.power_to_db(power, ref=np.max).T


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


def from_file(source, settings=DEFAULT):
    """Spectrogram of an audio file.

    Parameters
    ----------
    source : path or bytes
        A file, or the contents of one.
    settings : Settings

    Returns
    -------
    np.ndarray, shape=(N_FRAMES, N_MELS), dtype=float32

    Raises
    ------
    ValueError
        If the file cannot be decoded, is silent, not finite or too short; the message names the file.
    """
    return of_excerpts(source, 1, settings)[0][0]


def of_excerpts(source, count, settings=DEFAULT):
    """Spectrograms of several excerpts of a recording.

    Parameters
    ----------
    source : path or bytes
        A file, or the contents of one.
    count : int
        Excerpts of 30 s that do not overlap, spread evenly (`lib.audio.decode.excerpts`); fewer where so many
        do not fit. One is the picture that `from_file` gives.
    settings : Settings

    Returns
    -------
    pictures : np.ndarray, shape=(n_excerpts, N_FRAMES, N_MELS), dtype=float32
    seconds : float
        Length of the recording.

    Raises
    ------
    ValueError
        If the file cannot be decoded, is silent, not finite or too short; the message names the file. Of
        several excerpts, silent ones are left out as long as one is not.
    """
    pictures, reasons = [], []
    for decoded in decode.excerpts(source, count, SECONDS):
        try:
            pictures.append(of_audio(decoded, settings))
        except ValueError as error:
            reasons.append(error)
    if not pictures:
        name = "sound in memory" if isinstance(source, bytes) else sandbox.readable(source)
        raise ValueError(f"{name}: {reasons[0]}") from reasons[0]
    return np.stack(pictures), decoded.seconds


def of_audio(decoded, settings=DEFAULT):
    """Spectrogram of decoded sound.

    Parameters
    ----------
    decoded : lib.audio.decode.Audio
        The 30 s around the middle of it are taken.
    settings : Settings

    Returns
    -------
    np.ndarray, shape=(N_FRAMES, N_MELS), dtype=float32

    Raises
    ------
    ValueError
        If it is silent, not finite or too short.
    """
    if settings.short_clips == "reject" and decoded.seconds < SECONDS - TOLERANCE:
        raise ValueError(f"{decoded.seconds:.1f} s long, {SECONDS} s wanted (short_clips is 'reject')")
    samples = mono(decoded.samples, decoded.sample_rate)
    if settings.picture == "log_mel":
        return log_mel(samples, settings)
    if not np.isfinite(samples).all() or not samples.any():
        raise ValueError("the signal is silent or not finite")
    return as_published(samples)


@lru_cache
def _window(n_fft):
    return librosa.filters.get_window("hann", n_fft).astype(np.float32)


@lru_cache
def _mel_basis(n_fft):
    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=n_fft, n_mels=N_MELS).T.copy()
