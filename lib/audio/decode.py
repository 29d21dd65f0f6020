"""Encoded sound in, samples out, or a clear refusal.

Every clip passes here twice: when it is admitted (notebook 02) and when its spectrogram is made (notebook
03). Lenient readers hand out half an mp3 or a 4 GHz WAV without complaint; this one refuses.

Conventions
-----------
Samples are float32, shape (n, channels), full scale = 1, at the file's own sample rate [Hz] and in its own
channel layout: FFmpeg's own stereo-to-mono mix comes out sqrt(2) too loud, so whoever wants mono averages the
channels. Time is in seconds. libsndfile reads wav, aiff, flac, mp3 and ogg; PyAV (FFmpeg) reads m4a and aac,
and whatever kinds of the others libsndfile does not know.
"""

import io
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile

SAMPLE_RATES = (8_000, 192_000)  # Hz; what lies outside is a damaged header
FFMPEG_FORMATS = {codec: codec for codec in ("wav", "aiff", "flac", "mp3", "ogg", "aac")} | {"m4a": "mov"}
SUFFIXES = (".mp3", ".m4a", ".mp4", ".aac", ".flac", ".ogg", ".oga", ".opus", ".wav", ".aif", ".aiff")
MP3_FRAME = 1152  # samples; decoders disagree by up to two frames at the ends of a file
SEEK_MARGIN = 1.0  # seconds decoded before an excerpt: the first frames after a jump are not whole
TOLERANCE = 0.1  # seconds by which FFmpeg's announced duration may be wrong


class Audio(NamedTuple):
    """Decoded sound.

    Attributes
    ----------
    samples : np.ndarray, shape=(n, channels), dtype=float32
    sample_rate : int, Hz
    codec : str
        A key of ``FFMPEG_FORMATS``.
    seconds : float
        Length of the whole file, which is more than that of `samples` where only its middle was decoded.
    """

    samples: np.ndarray
    sample_rate: int
    codec: str
    seconds: float


def codec_of(head):
    """The codec that a file's first bytes announce, whatever its name says.

    Parameters
    ----------
    head : bytes
        At least the first 12 of the file.

    Returns
    -------
    str or None
        A key of ``FFMPEG_FORMATS``, or None where the bytes are no sound known here.

    Examples
    --------
    >>> codec_of(b"fLaC" + bytes(8)), codec_of(b"<!DOCTYPE html>")
    ('flac', None)
    """
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return "m4a"
    for magic, codec in ((b"fLaC", "flac"), (b"OggS", "ogg"), (b"ID3", "mp3")):
        if head.startswith(magic):
            return codec
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # an MPEG frame; two bits give its layer
        return {0b01: "mp3", 0b00: "aac"}.get(head[1] >> 1 & 0b11)
    return None


def decode(source, *, middle=None):
    """Decode strictly: all the samples that the file announces, or an error.

    Parameters
    ----------
    source : path or bytes
        A file, or the contents of one.
    middle : float or None, seconds
        Decode only so much around the middle of the file; None decodes all of it.

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
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((8000, 2)), 8000, format="WAV")
    >>> sound = decode(file.getvalue())
    >>> sound.samples.shape, sound.sample_rate, sound.codec, sound.seconds
    ((8000, 2), 8000, 'wav', 1.0)
    """
    name, codec = _identify(source)
    opened = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    if codec not in ("m4a", "aac"):
        try:
            sound = soundfile.SoundFile(opened)
        except soundfile.SoundFileError:
            pass  # a kind that libsndfile does not know, or damage: FFmpeg will tell
        else:
            with sound:
                return _with_libsndfile(sound, source, name, codec, middle)
    return _with_ffmpeg(opened, source, name, codec, middle)


def _identify(source):
    name = "sound in memory" if isinstance(source, bytes) else str(source)
    try:
        head = _part(source, 0, 12)
    except OSError as error:
        raise ValueError(f"{name}: cannot be read ({error.strerror})") from error
    codec = codec_of(head)
    if codec is None:
        what = f"begins with {head!r}, which is none of {', '.join(FFMPEG_FORMATS)}" if head else "is empty"
        raise ValueError(f"{name}: {what}; this is no sound file, whatever its name says")
    return name, codec


def _part(source, start, size):
    """Some bytes of a source; a negative `start` counts from its end."""
    if isinstance(source, bytes):
        start = max(0, len(source) + start) if start < 0 else start
        return source[start : start + size]
    with open(source, "rb") as file:
        file.seek(max(0, Path(source).stat().st_size + start) if start < 0 else start)
        return file.read(size)


def _checked(rate, name):
    low, high = SAMPLE_RATES
    if not low <= rate <= high:
        raise ValueError(f"{name}: sample rate {rate} Hz, expected {low} to {high}; the header is damaged")
    return rate


def _damaged(name, cause):
    return ValueError(f"{name}: {cause}; the file is damaged or cut short")


def _with_libsndfile(sound, source, name, codec, middle):
    rate, total = _checked(sound.samplerate, name), sound.frames  # checked before it decides how much is read
    if codec == "wav" and "(should be" in sound.extra_info.partition("data")[2]:
        raise _damaged(name, "the end is missing")
    if codec == "ogg" and not _ogg_ends(source):
        raise _damaged(name, "the end is missing")
    wanted = total if middle is None else min(total, round(middle * rate))
    try:
        sound.seek((total - wanted) // 2)
        samples = sound.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError) as error:  # no array can hold what the header announces
        raise _damaged(name, f"cannot be decoded as {codec} ({error})") from error
    short = wanted - len(samples)
    if codec == "mp3" and (short <= 2 * MP3_FRAME or not _announces_length(source)):
        short = 0
    if short or not len(samples):
        raise _damaged(name, f"{len(samples)} of {wanted} announced samples can be decoded")
    return Audio(samples, rate, codec, (total if wanted < total else len(samples)) / rate)


def _announces_length(source):
    """Whether an mp3 states its length (Xing, Info or VBRI header); otherwise decoders only estimate it."""
    head = _part(source, 0, 10)
    tag = 0
    if head[:3] == b"ID3":  # its size is written in four bytes of seven bits
        tag = 10 + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10])))
    frame = _part(source, tag, 2048)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def _ogg_ends(source):
    """Whether the last page is whole and carries the end-of-stream flag."""
    tail = _part(source, -66_000, 66_000)  # a page is at most 65,307 bytes long
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    segments = tail[page + 27 : page + 27 + tail[page + 26]]
    return bool(tail[page + 5] & 4) and len(tail) >= page + 27 + len(segments) + sum(segments)


def _with_ffmpeg(opened, source, name, codec, middle):
    frames, formats = [], set()
    try:
        # The format is given, never guessed: a playlist dressed as sound could make FFmpeg open other files.
        with av.open(opened, format=FFMPEG_FORMATS[codec]) as container:
            if not container.streams.audio:
                raise ValueError(f"{name}: holds no sound")
            announced = (container.duration or 0) / 1e6  # FFmpeg counts microseconds
            wanted = announced if middle is None else min(middle, announced)
            start = (announced - wanted) / 2
            if start > SEEK_MARGIN:
                container.seek(int((start - SEEK_MARGIN) * 1e6))
            for frame in container.decode(container.streams.audio[0]):
                if start and frame.time + frame.samples / frame.sample_rate <= start:
                    continue
                if start and frame.time >= start + wanted:
                    break
                if not frames:
                    skip = round((start - frame.time) * frame.sample_rate) if start else 0
                rate, layout = _checked(frame.sample_rate, name), frame.layout
                formats.add((rate, layout.nb_channels, frame.format.is_planar))
                frames.append(frame.to_ndarray())
    except av.FFmpegError as error:
        raise _damaged(name, f"cannot be decoded as {codec} ({error.strerror})") from error
    if len(formats) != 1:
        raise _damaged(name, f"one sample rate and number of channels expected, found {sorted(formats)}")
    ((rate, channels, planar),) = formats
    samples = np.concatenate(frames, axis=1)
    samples = samples.T if planar else samples.reshape(-1, channels)
    samples = _as_float(samples[max(0, skip) :][: round(wanted * rate) if start else None])
    if len(samples) < (wanted - TOLERANCE) * rate and (codec != "mp3" or _announces_length(source)):
        raise _damaged(name, f"{len(samples) / rate:.1f} of {wanted:.1f} announced seconds can be decoded")
    return Audio(samples, rate, codec, max(announced, len(samples) / rate))


def _as_float(samples):
    if not np.issubdtype(samples.dtype, np.integer):
        return samples.astype(np.float32, copy=False)
    full = np.float32(2 ** (8 * samples.dtype.itemsize - 1))
    return samples.astype(np.float32) / full - (samples.dtype == np.uint8)  # eight bits are unsigned
