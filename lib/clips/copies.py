"""Recordings that are the same although their files differ: in codec, level, or a second at the start.

Conventions
-----------
A fingerprint is made from a log-mel spectrogram of half a minute, shape (256, 64), in any unit: `bands`
makes one. Its 2,112 bytes are the mean of each band, and for each frame 64 bits: whether the level of a band
over its neighbour rises in time (63), and whether there is any sound to judge by (1). Two fingerprints are
compared at shifts of up to `SHIFTS` frames of 117 ms; their *distance* is the least share of bits that
differ, over the frames that both can judge; unrelated ones differ in about half of them.

`THRESHOLD` was measured on 259 excerpts of half a minute of as many recordings (the dev excerpts of the 4Q
audio emotion data set): any two of them, 33,411 pairs, have a distance of at least 0.464 (median 0.489). 26
of them, encoded again as mp3 and AAC at 64 kbit/s and as Ogg Vorbis, as they are and without their first 0.1 to
1 s, each up to 12 dB softer, have one of at most 0.184 (median 0.074). From the pictures of
`lib.spectrograms.picture` the figures are 0.379 and 0.309. `groups` compares each with each whose bands have
about the same means: ten thousand recordings take a minute, more of them need a search before.
"""

from __future__ import annotations

import numpy as np
import soxr

SAMPLE_RATE, HOP_LENGTH, N_FFT = 11_025, 1292, 4096  # Hz, samples: 256 frames in 30 s
HERTZ = (100, 5000)  # range of the bands: what each codec keeps
N_FRAMES, N_BANDS, BYTES = 256, 64, 64 + 256 * 8
SMOOTH = 3  # frames that are averaged
SHIFTS = 16  # frames: 1.9 s
ENOUGH = 64  # frames, 7.5 s, that two fingerprints must share to be compared
THRESHOLD = 0.33  # greatest distance of two copies
GLANCE, AT_A_GLANCE = 8, 0.42  # at first each eighth frame is compared, and what is farther apart left
ALIKE = 12.0  # root mean square by which the bands' means of two copies may differ; measured: 7.8
BLOCK = 512


def bands(samples, sample_rate):
    """The log-mel spectrogram that a fingerprint is made from.

    Parameters
    ----------
    samples : np.ndarray, shape=(n, channels), dtype=float32
    sample_rate : int, Hz

    Returns
    -------
    np.ndarray, shape=(256, 64), dtype=float32
        Frames × bands, decibels; silence behind the end of shorter sound.
    """
    import librosa.filters

    with np.errstate(over="ignore", invalid="ignore"):
        mono = np.nan_to_num(samples.mean(axis=1), posinf=0.0, neginf=0.0).clip(-8, 8)
    signal = soxr.resample(mono, sample_rate, SAMPLE_RATE)[: N_FRAMES * HOP_LENGTH]
    padded = np.pad(signal, (N_FFT // 2, N_FRAMES * HOP_LENGTH + N_FFT // 2 - len(signal)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH][:N_FRAMES]
    spectrum = np.fft.rfft(frames * np.hanning(N_FFT).astype(np.float32), axis=1)
    basis = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_BANDS, fmin=HERTZ[0], fmax=HERTZ[1])
    power = (spectrum.real**2 + spectrum.imag**2) @ basis.T
    return 10 * np.log10(np.maximum(power, 1e-7)).astype(np.float32)


def fingerprint(picture):
    """What stays of a recording in another codec, at another level, or with another start.

    Parameters
    ----------
    picture : np.ndarray, shape=(256, 64)
        Log-mel spectrogram, frames × bands.

    Returns
    -------
    np.ndarray, shape=(2112,), dtype=uint8

    Examples
    --------
    >>> picture = np.random.default_rng(0).normal(size=(256, 64))
    >>> louder = fingerprint(3 * picture + 10)
    >>> louder.shape, distance(louder, fingerprint(picture))
    ((2112,), 0.0)
    """
    picture = np.asarray(picture, dtype=np.float32)
    smooth = sum(np.roll(picture, shift, axis=0) for shift in range(SMOOTH)) / SMOOTH
    over = smooth[:, 1:] - smooth[:, :-1]
    rise = over - np.roll(over, SMOOTH, axis=0)
    rise[: 2 * SMOOTH - 1] = 0  # what was rolled in from the end
    judged = (np.abs(rise) > 1e-6).mean(axis=1) > 0.5
    bits = np.packbits(np.column_stack([(rise > 0) & judged[:, None], judged]), axis=1)
    moving = picture[judged] if judged.any() else picture
    means = moving.mean(axis=0)
    spread = means.std() or 1.0
    means = np.clip(128 + 40 * (means - means.mean()) / spread, 0, 255).astype(np.uint8)
    return np.concatenate([means, bits.ravel()])


def distance(one, other):
    """How different two fingerprints are.

    Parameters
    ----------
    one, other : np.ndarray, shape=(2112,), dtype=uint8

    Returns
    -------
    float
        The least share of bits that differ, over all shifts; 1 where less than `ENOUGH` can be compared.
    """
    return float(_distances(_words(one[None]), _words(other[None]))[0])


def groups(fingerprints):
    """Which recordings are the same.

    Parameters
    ----------
    fingerprints : sequence of np.ndarray, each shape=(2112,), dtype=uint8

    Returns
    -------
    np.ndarray of int, shape=(n,)
        A label for each; the same for those that are linked by a distance below `THRESHOLD`, and the place of
        the first of these.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> abba, air = (fingerprint(rng.normal(size=(256, 64))) for _ in range(2))
    >>> groups([abba, air, abba]).tolist()
    [0, 1, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(fingerprints)
    if not n:
        return np.zeros(0, dtype=int)
    stacked = np.stack(fingerprints)
    means, words = stacked[:, :N_BANDS].astype(np.float32), _words(stacked)
    squares, pairs = (means**2).sum(axis=1), []
    for start in range(0, n, BLOCK):
        block = slice(start, start + BLOCK)
        apart = squares[block, None] + squares[start:] - 2 * means[block] @ means[start:].T
        one, other = np.nonzero(apart < N_BANDS * ALIKE**2)
        one, other = (one + start)[other > one], (other + start)[other > one]
        for part in range(0, len(one), BLOCK):
            left, right = one[part : part + BLOCK], other[part : part + BLOCK]
            for step, most in ((GLANCE, AT_A_GLANCE), (1, THRESHOLD)):
                near = _distances(words[left], words[right], step) < most
                left, right = left[near], right[near]
            pairs += zip(left, right, strict=True)
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    _, labels = connected_components(coo_array((np.ones(len(rows)), (rows, columns)), (n, n)), directed=False)
    first = np.full(labels.max() + 1, n)
    np.minimum.at(first, labels, np.arange(n))
    return first[labels]


def _words(fingerprints):
    """The bits of each frame as one number, shape=(n, 256)."""
    return np.ascontiguousarray(fingerprints[:, N_BANDS:]).view(np.uint64)


JUDGED = np.frombuffer(bytes(7) + b"\x01", dtype=np.uint64)[0]  # the last bit of a frame


def _distances(one, other, step=1):
    """The distance of each row of one to the same row of other, by one in `step` frames."""
    least = np.ones(len(one), dtype=np.float32)
    for shift in range(-SHIFTS, SHIFTS + 1):
        left = one[:, max(0, shift) : N_FRAMES + min(0, shift) : step]
        right = other[:, max(0, -shift) : N_FRAMES + min(0, -shift) : step]
        both = (left & right & JUDGED) != 0
        n_both = both.sum(axis=1)
        differing = (np.bitwise_count(left ^ right) * both).sum(axis=1)
        share = np.where(n_both >= ENOUGH // step, differing / np.maximum(63 * n_both, 1), 1)
        least = np.minimum(least, share)
    return least
