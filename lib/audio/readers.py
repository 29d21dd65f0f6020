"""Decoders behind one interface: how long a sound is, and any stretch of it.

Conventions
-----------
A reader has `rate` [Hz], `total` (samples per channel of the whole sound, measured, not announced) and
``read(first, count)``, which gives at least `count` samples from the sample `first` on, shape (n, channels),
float32, with their sample rate; fewer at the end only as far as decoders disagree there (`TOLERANCE`). The
sound's own time counts: a late start or a longer picture in the same container is no silence.
"""

from __future__ import annotations

import io
import os

import av
import numpy as np
import soundfile

SAMPLE_RATES = (8_000, 192_000)  # Hz; what lies outside is a damaged header
FFMPEG_FORMATS = {codec: codec for codec in ("wav", "aiff", "flac", "mp3", "ogg", "aac")} | {"m4a": "mov"}
FFMPEG_DECODERS = {"mp3": "mp3float", "aac": "aac"}
MP3_FRAME = 1152  # samples; decoders disagree by up to two frames at the ends of a file
SEEK_MARGIN = 1.0  # seconds decoded before an excerpt: the first frames after a jump are not whole
TOLERANCE = 0.1  # seconds by which lengths may differ
FAR = 2**62  # behind the end of any stream


def checked(rate):
    """A sample rate that can be; ValueError for any other."""
    low, high = SAMPLE_RATES
    if not low <= rate <= high:
        raise ValueError(f"sample rate {rate} Hz, expected {low} to {high}; the header is damaged")
    return rate


def damaged(cause):
    """The error for what a decoder refuses, or what is less than it should be."""
    return ValueError(f"{cause}; the file is damaged or cut short")


def undecodable(codec, error):
    """The error for what a decoder refuses: damage, or a codec that it does not know."""
    plain = codec in ("mp3", "aac", "flac")
    other = "" if plain else ", or its sound is in a codec that is not decoded here"
    return ValueError(f"cannot be decoded as {codec} ({error}); the file is damaged or cut short{other}")


class Window(io.RawIOBase):
    """Part of some content as a file, with other bytes at its beginning where a header has to be repaired."""

    def __init__(self, content, start, end, head=b""):
        self.content, self.start, self.size, self.head, self.place = content, start, end - start, head, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.place

    def seek(self, offset, whence=io.SEEK_SET):
        self.place = max(
            0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        )
        return self.place

    def readinto(self, buffer):
        first = self.place
        last = min(first + len(buffer), self.size)
        if first < len(self.head):
            last = min(last, len(self.head))
            part = self.head[first:last]
        else:
            part = self.content[self.start + first : self.start + last] if last > first else b""
        buffer[: len(part)] = part
        self.place += len(part)
        return len(part)


class Libsndfile:
    """What libsndfile reads.

    Parameters
    ----------
    source : path or file
    codec : str
    lenient : bool
        Whether fewer samples than libsndfile announces are all that there is.
    """

    def __init__(self, source, codec, lenient=False):
        self.codec, self.lenient = codec, lenient
        self.sound = soundfile.SoundFile(_by_bytes(source))
        self.rate, self.channels = checked(self.sound.samplerate), self.sound.channels
        self.total, self.seekable = self.sound.frames, self.sound.seekable()

    def read(self, first, count):
        count = min(count, self.sound.frames - first)
        try:
            self.sound.seek(first)
            samples = self.sound.read(count, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, ValueError) as error:  # no array can hold what the header announces
            raise undecodable(self.codec, error) from error
        short = count - len(samples)
        if not len(samples) or short > (2 * MP3_FRAME if self.codec == "mp3" else 0) and not self.lenient:
            raise damaged(f"{len(samples)} of {count} announced samples can be decoded")
        return samples, self.rate


class Chain:
    """Streams that follow each other in a file.

    Parameters
    ----------
    parts : list of Libsndfile or Container
    """

    def __init__(self, parts):
        self.parts, self.rate = parts, parts[0].rate
        for place, part in enumerate(parts):
            if (part.rate, part.channels) != (self.rate, parts[0].channels):
                raise ValueError(
                    f"stream {place + 1} has {part.rate} Hz and {part.channels} channels, the first"
                    f" {self.rate} Hz and {parts[0].channels}: one sound is expected in a file"
                )
        self.total = sum(part.total for part in parts)

    def read(self, first, count):
        pieces, place = [], 0
        for part in self.parts:
            begin, end = max(first - place, 0), min(first + count - place, part.total)
            if end > begin:
                pieces.append(part.read(begin, end - begin)[0])
            place += part.total
        return np.concatenate(pieces), self.rate


class Framed:
    """mp3 and ADTS from their frames, whatever a header announces.

    Parameters
    ----------
    content : bytes or mmap.mmap
    frames : lib.audio.containers.Frames
    codec : str
    """

    def __init__(self, content, frames, codec):
        self.content, self.frames, self.codec = content, frames, codec
        self.rate, self.total = checked(frames.rate), frames.total

    def read(self, first, count):
        frames = self.frames
        begin = first // frames.samples
        end = min(len(frames.starts), -(-(first + count) // frames.samples) + 1)
        for place, byte, size in frames.gaps:
            typical = (frames.ends - frames.starts)[begin:end].mean() * self.rate / frames.samples
            if begin < place < end and size > TOLERANCE * typical:
                raise damaged(f"{size} bytes at byte {byte} are no {self.codec} frames")
        margin = min(begin, round(SEEK_MARGIN * self.rate / frames.samples))
        decoder = av.CodecContext.create(FFMPEG_DECODERS[self.codec], "r")
        decoded = []
        for place in range(begin - margin, end):
            packet = av.Packet(self.content[frames.starts[place] : frames.ends[place]])
            try:
                pieces = decoder.decode(packet)
            except av.FFmpegError as error:
                if place < begin:  # leans on frames before it, which were not decoded
                    continue
                raise undecodable(self.codec, error.strerror) from error
            if place >= begin:
                decoded += pieces
        samples, rate = joined(decoded)
        skip = round((first - begin * frames.samples) * rate / self.rate)
        return samples[skip : skip + round(count * rate / self.rate)], rate


class Container:
    """What FFmpeg reads: packets with times, in a format that is given, never guessed.

    A playlist dressed as sound could make FFmpeg open other files.

    Parameters
    ----------
    opened : callable
        Gives the file, from its beginning.
    codec : str
    """

    def __init__(self, opened, codec):
        self.opened, self.codec = opened, codec
        try:
            with self._open() as container:
                stream = self._stream(container)
                self.rate = checked(stream.codec_context.sample_rate)
                self.channels = stream.codec_context.channels
                announced = (container.duration or 0) / 1e6  # FFmpeg counts microseconds
                self.start, end = _times(container, stream)
        except av.FFmpegError as error:
            raise undecodable(codec, error.strerror) from error
        self.seconds = end - self.start
        if abs(self.seconds - announced) <= TOLERANCE and self.start <= TOLERANCE:
            self.start, self.seconds = 0.0, announced
        self.total = round(self.seconds * self.rate)

    def read(self, first, count):
        whole = first == 0 and count >= self.total
        start, end = self.start + first / self.rate, self.start + (first + count) / self.rate
        frames = []
        try:
            with self._open() as container:
                stream = self._stream(container)
                # Some codecs in wav lean on all that is before.
                if start > self.start + SEEK_MARGIN and self.codec not in ("wav", "aiff"):
                    container.seek(int((start - SEEK_MARGIN) * 1e6))
                for frame in container.decode(stream):
                    if not whole and frame.time + frame.samples / frame.sample_rate <= start:
                        continue
                    if not whole and frame.time >= end:
                        break
                    skip = 0 if whole or frames else round((start - frame.time) * frame.sample_rate)
                    frames.append((frame, skip))
        except av.FFmpegError as error:
            raise undecodable(self.codec, error.strerror) from error
        samples, rate = joined([frame for frame, _ in frames])
        wanted = round(count * rate / self.rate)
        if not whole:
            lasts = frames[-1][0].time - frames[0][0].time + frames[-1][0].samples / rate
            if abs(lasts - len(samples) / rate) > TOLERANCE:
                raise ValueError(
                    f"{lasts:.1f} s by the times of its packets, {len(samples) / rate:.1f} s by their"
                    " samples: the container contradicts its sound"
                )
            samples = samples[max(0, frames[0][1]) :][:wanted]
        if len(samples) < wanted - TOLERANCE * rate:
            raise damaged(f"{len(samples) / rate:.1f} of {count / self.rate:.1f} seconds can be decoded")
        return samples, rate

    def _open(self):
        return av.open(self.opened(), format=FFMPEG_FORMATS[self.codec])

    def _stream(self, container):
        if not container.streams.audio:
            others = sorted({stream.type for stream in container.streams})
            raise ValueError(f"holds no sound (streams: {', '.join(others) or 'none'})")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise ValueError("its sound is in a codec that cannot be decoded here, or encrypted")
        return stream


def _times(container, stream):
    """Begin and end of the sound, from its packets, in seconds of the container."""
    start = _first(container, stream)
    if start is None:
        raise damaged("holds no packet of sound")
    end = _last(container, stream, FAR)
    if end is None:  # the container names more than the file holds
        low, high = start, max(start, (stream.start_time or 0) + (stream.duration or 0))
        named = float(high * stream.time_base)
        while high - low > TOLERANCE / 4 / stream.time_base:
            middle = (low + high) // 2
            reached = _last(container, stream, middle, n=1)
            low, high = (max(middle, reached), high) if reached is not None else (low, middle)
        there = float(low * stream.time_base)
        raise damaged(f"packets up to {named:.2f} s are announced, they are there up to {there:.2f} s")
    if container.format.name == "ogg":  # the first page of a late start bears no time: count what is there
        container.seek(0)
        start = end - sum(packet.duration or 0 for packet in container.demux(stream) if packet.size)
    return max(0.0, float(start * stream.time_base)), float(end * stream.time_base)


def _first(container, stream):
    for packet in container.demux(stream):
        if packet.size and not packet.is_discard and packet.pts is not None:
            return packet.pts
    return None


def _last(container, stream, place, n=None):
    """Where the packets end that follow a jump to some place; None if there is none."""
    end = None
    try:
        container.seek(place, stream=stream)
        for packet in container.demux(stream):
            if packet.is_corrupt:
                return None
            if packet.size and packet.pts is not None and not packet.is_discard:
                end = max(end or 0, packet.pts + (packet.duration or 0))
                if n is not None:
                    break
    except av.FFmpegError:
        return None
    return end


def _by_bytes(part):
    """A path as its bytes, for a name may be in another encoding than libsndfile's wrapper expects."""
    return os.fsencode(part) if isinstance(part, str) else part


def joined(frames):
    """Decoded frames as one array, and their sample rate.

    Parameters
    ----------
    frames : list of av.AudioFrame

    Returns
    -------
    samples : np.ndarray, shape=(n, channels), dtype=float32
    rate : int, Hz
    """
    formats = {(frame.sample_rate, frame.layout.nb_channels, frame.format.is_planar) for frame in frames}
    if len(formats) != 1:
        raise damaged(f"one sample rate and number of channels expected, found {sorted(formats)}")
    ((rate, channels, planar),) = formats
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    samples = samples.T if planar else samples.reshape(-1, channels)
    return as_float(samples), checked(rate)


def as_float(samples):
    """Samples at full scale 1, float32."""
    if not np.issubdtype(samples.dtype, np.integer):
        return samples.astype(np.float32, copy=False)
    full = np.float32(2 ** (8 * samples.dtype.itemsize - 1))
    return samples.astype(np.float32) / full - (samples.dtype == np.uint8)  # eight bits are unsigned
