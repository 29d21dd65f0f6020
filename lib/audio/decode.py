"""Encoded sound in, samples out, or a clear refusal.

Every clip passes here twice: when it is admitted (notebook 02) and when its spectrogram is made (notebook
03). Lenient readers hand out half an mp3, a 4 GHz WAV or the length of another file without complaint; this
one measures, and refuses.

Conventions
-----------
Samples are float32, shape (n, channels), full scale = 1, at the file's own sample rate [Hz] and in its own
channel layout: FFmpeg's own stereo-to-mono mix comes out sqrt(2) too loud, so whoever wants mono averages the
channels. Time is in seconds of the sound, from its first sample to its last that is there. libsndfile reads
wav, aiff, flac, mp3 and ogg; PyAV (FFmpeg) reads m4a and aac, mp3 whose header is false, and whatever kinds
of the others libsndfile does not know.
"""

import contextlib
import io
import mmap
import os
from typing import NamedTuple

import numpy as np

from lib.audio import kinds, readers, sandbox, selection

SUFFIXES = (".mp3", ".m4a", ".mp4", ".aac", ".flac", ".ogg", ".oga", ".opus", ".wav", ".aif", ".aiff")
MP3_FRAME = readers.MP3_FRAME


class Audio(NamedTuple):
    """Decoded sound.

    Attributes
    ----------
    samples : np.ndarray, shape=(n, channels), dtype=float32
    sample_rate : int, Hz
    codec : str
        As `lib.audio.kinds.Kind` names it.
    seconds : float
        Measured length of the whole sound, which is more than that of `samples` where only a part of it was
        decoded.
    """

    samples: np.ndarray
    sample_rate: int
    codec: str
    seconds: float


def decode(source, *, middle=None):
    """Decode strictly: all the samples that are there, or an error.

    Parameters
    ----------
    source : path or bytes
        A file, or the contents of one.
    middle : float or None, seconds
        Decode only so much around the middle of the sound; None decodes all of it.

    Returns
    -------
    Audio

    Raises
    ------
    ValueError
        Where the source cannot be read, is no sound, is damaged or cut short, holds no sample, or has an
        impossible sample rate. The message names the file and the cause.

    Examples
    --------
    >>> import soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((8000, 2)), 8000, format="WAV")
    >>> sound = decode(file.getvalue())
    >>> sound.samples.shape, sound.sample_rate, sound.codec, sound.seconds
    ((8000, 2), 8000, 'wav', 1.0)
    """
    with _reader(source) as (reader, codec):
        wanted = reader.total if middle is None else min(reader.total, round(middle * reader.rate))
        return _audio(reader, codec, (reader.total - wanted) // 2, wanted)


def excerpts(source, count, seconds):
    """Decode excerpts that do not overlap, spread evenly over the sound.

    Parameters
    ----------
    source : path or bytes
    count : int
        The k-th (from 0) of them is centred at (k + 1/2) / count of the length. Where so many do not fit, as
        many as do, at least one.
    seconds : float
        Of each; all of a shorter sound.

    Returns
    -------
    list of Audio
        One excerpt is what `decode` gives as the middle.

    Raises
    ------
    ValueError
        As `decode`.

    Examples
    --------
    >>> import soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.arange(80) / 100, 8000, format="WAV", subtype="FLOAT")
    >>> [(100 * sound.samples.ravel()).round().tolist() for sound in excerpts(file.getvalue(), 2, 2 / 8000)]
    [[19.0, 20.0], [59.0, 60.0]]
    """
    with _reader(source) as (reader, codec):
        wanted = min(reader.total, round(seconds * reader.rate))
        count = max(1, min(count, reader.total // max(1, wanted)))
        firsts = [((2 * k + 1) * reader.total - count * wanted) // (2 * count) for k in range(count)]
        return [_audio(reader, codec, max(0, first), wanted) for first in firsts]


def decode_apart(path, *, middle=None, seconds=60.0, gigabytes=2.0):
    """As `decode`, in a child process, whose end is not ours (`lib.audio.sandbox`).

    Parameters
    ----------
    path : path
    middle : float or None, seconds
    seconds, gigabytes : float
        That it may take.

    Returns
    -------
    Audio

    Raises
    ------
    ValueError
        Also if the file crashes the decoder, or needs more than it may take; the message names the file.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> file = f"{tempfile.mkdtemp()}/half.wav"
    >>> soundfile.write(file, np.full(4000, 0.5), 8000, subtype="FLOAT")
    >>> sound = decode_apart(file, middle=0.25)
    >>> sound.samples.shape, sound.sample_rate, sound.seconds
    ((2000, 1), 8000, 0.5)
    """
    limits = {"seconds": seconds, "gigabytes": gigabytes}
    samples, (rate, codec, length) = sandbox.of_file("lib.audio.decode:for_parent", path, middle, **limits)
    return Audio(samples, rate, codec, length)


def for_parent(path, middle):
    """`decode` as a child of the sandbox answers it: the samples, and what else `Audio` holds."""
    sound = decode(path, middle=middle)
    return sound.samples, sound[1:]


@contextlib.contextmanager
def _reader(source):
    """The reader for a source and its codec; whatever is wrong is said with the name of the source."""
    name = "sound in memory" if isinstance(source, bytes) else sandbox.readable(source)
    try:
        with contextlib.ExitStack() as stack:
            path, content = None, source
            if not isinstance(source, bytes):
                path, file = os.fspath(source), stack.enter_context(open(source, "rb"))
                file.seek(0, io.SEEK_END)
                content = b""
                if file.tell():
                    content = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            kind = kinds.of(content)
            yield selection.reader(content, path, kind), kind.codec
    except OSError as error:
        raise ValueError(f"{name}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _audio(reader, codec, first, wanted):
    samples, rate = reader.read(first, wanted)
    whole = wanted == reader.total
    return Audio(samples, rate, codec, len(samples) / rate if whole else reader.total / reader.rate)
