"""How much sound wav, aiff, flac, ogg, mp3 and ADTS hold, by their structure and not by what they announce.

Conventions
-----------
Places are in bytes, lengths in samples per channel. Nothing is decoded: chunks, pages and frames are stepped
over by the sizes that they state.

References
----------
RFC 9639 (FLAC), RFC 3533 (Ogg), Microsoft's and Apple's descriptions of RIFF and AIFF.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

import numpy as np

from lib.audio import kinds

# Sizes that writers to a pipe leave where they cannot come back: FFmpeg, SoX, arecord and others.
UNKNOWN_SIZE = 0x7F00_0000
PROBE = 2**16  # bytes in which a FLAC frame begins, nearly always
FLAC_SYNCS = (b"\xff\xf8", b"\xff\xf9")  # of a frame of fixed and of variable size
SYNC = re.compile(b"|".join(FLAC_SYNCS))
XING = (b"Xing", b"Info")


class Frames(NamedTuple):
    """All frames of an mp3 or ADTS stream.

    Attributes
    ----------
    starts, ends : np.ndarray, shape=(n_frames,), dtype=int64
        Bytes.
    samples, rate : int
        Of a frame; in Hz.
    gaps : list of (int, int, int)
        Stretches between frames that are neither frame nor tag: number of the frame behind, place, bytes.
    announced : int or None
        Samples that a Xing, Info or VBRI header announces.
    """

    starts: np.ndarray
    ends: np.ndarray
    samples: int
    rate: int
    gaps: list
    announced: int | None

    @property
    def total(self):
        """Samples of all frames."""
        return len(self.starts) * self.samples


class Chunk(NamedTuple):
    """A chunk of a RIFF or IFF file: its name, the place and size of its content, the size it states."""

    name: bytes
    start: int
    size: int
    stated: int


def frames(content, kind):
    """Step from frame to frame.

    Parameters
    ----------
    content : bytes or mmap.mmap
    kind : lib.audio.kinds.Kind
        Of codec mp3 or aac.

    Returns
    -------
    Frames

    Raises
    ------
    ValueError
        If the sample rate or the number of channels changes.
    """
    codec, place, end = kind.codec, kind.start, kind.end
    header = kinds.frame(content, place, codec)
    form, announced = header.form, None
    if codec == "mp3" and (stated := _announced(content, place, header)) is not None:
        announced, place = stated * form[0] or None, place + header.size
    starts, ends, gaps = [], [], []
    while place < end:
        header = kinds.frame(content, place, codec)
        if header is None or header.form != form:
            tagless = kinds.after_tags(content, place, end, zeros=False)
            following = kinds.next_frame(content, tagless, end, codec)
            if following is None:
                break
            if (other := kinds.frame(content, following, codec).form) != form:
                seconds = len(starts) * form[0] / form[1]
                raise ValueError(
                    f"after {seconds:.1f} s the sound goes on with {other[1]} Hz and {other[2]} channels"
                    f" instead of {form[1]} Hz and {form[2]}: one sound is expected in a file"
                )
            if following > tagless:
                gaps.append((len(starts), tagless, following - tagless))
            place = following
            continue
        if place + header.size > end:
            break
        starts.append(place)
        place += header.size
        ends.append(place)
    places = (np.array(each, dtype=np.int64) for each in (starts, ends))
    return Frames(*places, form[0], form[1], gaps, announced)


def _announced(content, place, header):
    """Frames that the first frame of an mp3 announces instead of sounding: None if it sounds, 0 if unsaid."""
    samples, _, channels = header.form
    side = {(1152, 2): 32, (1152, 1): 17, (576, 2): 17, (576, 1): 9}[samples, channels]
    mark = content[place + 4 + side : place + 16 + side]
    if mark[:4] in XING:
        return int.from_bytes(mark[8:12]) if mark[7] & 1 else 0
    vbri = content[place + 36 : place + 54]
    return int.from_bytes(vbri[14:18]) if vbri[:4] == b"VBRI" else None


def chunks(content, kind):
    """The chunks of a wav or aiff file, as far as they lie in it.

    Parameters
    ----------
    content : bytes or mmap.mmap
    kind : lib.audio.kinds.Kind

    Returns
    -------
    list of Chunk
        A sound that states more than there is ends with the file; other chunks lie in it as a whole.
    """
    order = "little" if kind.codec == "wav" else "big"
    place, inside = kind.start + 12, []
    long_size = None
    while place + 8 <= kind.end:
        name, stated = (
            bytes(content[place : place + 4]),
            int.from_bytes(content[place + 4 : place + 8], order),
        )
        if not all(32 <= byte < 127 for byte in name):
            break
        if name == b"ds64":  # RF64 writes its sizes here
            long_size = int.from_bytes(content[place + 16 : place + 24], order)
        if name == b"data" and stated == 0xFFFF_FFFF and long_size:
            stated = long_size
        start = place + 8
        if start + stated > kind.end and name not in (b"data", b"SSND"):
            break
        inside.append(Chunk(name, start, min(stated, kind.end - start), stated))
        place = start + stated + stated % 2
    return inside


def flac_total(content, kind):
    """Samples that a FLAC stream announces, and the sample behind its last frame.

    Parameters
    ----------
    content : bytes or mmap.mmap
    kind : lib.audio.kinds.Kind

    Returns
    -------
    announced : int
        0 where the stream does not say.
    real : int or None
        None where no frame is recognised near the end.
    """
    info = content[kind.start + 8 : kind.start + 42]
    if len(info) < 34:
        return 0, None
    packed = int.from_bytes(info[10:18])
    announced, block = packed & (2**36 - 1), _block(info)
    place = kind.end
    while (place := max(content.rfind(sync, kind.start + 42, place) for sync in FLAC_SYNCS)) >= 0:
        if (end := _flac_frame(content[place : min(place + 16, kind.end)], block, packed)) is not None:
            return announced, end
    return announced, None


def flac_links(content, kind):
    """The beginnings of FLAC streams that follow each other; an ordinary file has one.

    Found cheaply: only where frame numbers do not rise through the file is all of it searched.

    Parameters
    ----------
    content : bytes or mmap.mmap
    kind : lib.audio.kinds.Kind

    Returns
    -------
    list of int
        Places, in bytes.
    """
    info = content[kind.start + 8 : kind.start + 42]
    packed, block = int.from_bytes(info[10:18]), _block(info)
    announced, numbers = packed & (2**36 - 1), []
    for sixteenth in range(16):
        place = kind.start + 42 + (kind.end - kind.start) * sixteenth // 16
        part = content[place : min(place + PROBE, kind.end)]
        headers = (
            _flac_frame(part[at.start() : at.start() + 16], block, packed) for at in SYNC.finditer(part)
        )
        numbers += [number for number in headers if number is not None][:1]
    rising = all(first < second for first, second in itertools.pairwise(numbers))
    if rising and (not announced or announced == flac_total(content, kind)[1]):
        return [kind.start]
    links, place = [], kind.start
    while (place := content.find(b"fLaC\0\0\0\x22", place, kind.end)) >= 0:
        links.append(place)
        place += 1
    return links or [kind.start]


def boxes(content, kind):
    """Names of the outermost boxes of an mp4, m4a or mov file.

    Parameters
    ----------
    content : bytes or mmap.mmap
    kind : lib.audio.kinds.Kind

    Returns
    -------
    list of bytes
    """
    place, names = kind.start, []
    while place + 8 <= kind.end:
        size, name = int.from_bytes(content[place : place + 4]), bytes(content[place + 4 : place + 8])
        if size == 1:
            size = int.from_bytes(content[place + 8 : place + 16])
        names.append(name)
        if size < 8:  # 0: to the end of the file
            break
        place += size
    return names


def _block(info):
    """Samples of each FLAC frame; None where they differ, so that numbers of frames tell no time."""
    return int.from_bytes(info[:2]) if info[:2] == info[2:4] else None


def _flac_frame(head, block, packed):
    """The sample behind the frame whose header this is, or None if it is none of this stream."""
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    blocks, rates, channels, sizes = head[2] >> 4, head[2] & 15, head[3] >> 4, head[3] >> 1 & 7
    n_channels, bits = (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    if not blocks or rates == 15 or (channels + 1 if channels < 8 else 2) != n_channels or channels > 10:
        return None
    if sizes and {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}.get(sizes) != bits:
        return None
    first = head[4]
    more = 0 if first < 0x80 else next((n for n in range(1, 7) if not first >> (6 - n) & 1), 7)
    if more == 7 or first & 0xC0 == 0x80 or any(byte & 0xC0 != 0x80 for byte in head[5 : 5 + more]):
        return None
    number = first if not more else first & (2 ** (6 - more) - 1)
    for byte in head[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    place = 5 + more
    n_block, n_rate = {6: 1, 7: 2}.get(blocks, 0), {12: 1, 13: 2, 14: 2}.get(rates, 0)
    end = place + n_block + n_rate
    if len(head) <= end or _crc8(head[:end]) != head[end]:
        return None
    if n_block:
        samples = int.from_bytes(head[place : place + n_block]) + 1
    else:
        samples = 192 if blocks == 1 else 576 << (blocks - 2) if blocks < 6 else 256 << (blocks - 8)
    if head[1] & 1:
        return number + samples
    return number * block + samples if block else None


def _crc8(data):
    remainder = 0
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x07 if remainder & 0x80 else 0)) & 0xFF
    return remainder


class Link(NamedTuple):
    """One of the streams that follow each other in an Ogg file.

    Attributes
    ----------
    start, end : int, bytes
    streams : int
        That are interleaved in it.
    lost : int
        Samples of pages that are missing, and by which the times of pages fall, about.
    """

    start: int
    end: int
    streams: int
    lost: int = 0


def ogg_links(content, kind):
    """The streams of an Ogg file; an ordinary file has one.

    Parameters
    ----------
    content : bytes or mmap.mmap
    kind : lib.audio.kinds.Kind

    Returns
    -------
    list of Link
    """
    place, links, begins = kind.start, [], False
    page, time, step = 0, 0, 0  # number of the page before, its time, and the samples that it holds
    while (place := content.find(b"OggS", place, kind.end)) >= 0:
        head = content[place : place + 27]
        if len(head) < 27:
            break
        if head[4]:  # of no version that exists: no page
            place += 4
            continue
        sizes = content[place + 27 : place + 27 + head[26]]
        behind = place + 27 + len(sizes) + sum(sizes)
        if len(sizes) < head[26] or behind > kind.end:
            break  # the last page is not whole
        if head[5] & 2 and begins and links:
            links[-1] = links[-1]._replace(streams=links[-1].streams + 1, end=behind)
        elif head[5] & 2 or not links:
            links.append(Link(place, behind, 1))
        else:
            links[-1] = links[-1]._replace(end=behind)
        begins, place = bool(head[5] & 2), behind
        own, until = int.from_bytes(head[18:22], "little"), int.from_bytes(head[6:14], "little", signed=True)
        if links[-1].streams == 1 and until >= 0:
            missing = not begins and own != page + 1
            if time > 0 and not begins and (missing or until < time):
                links[-1] = links[-1]._replace(lost=links[-1].lost + max(0, abs(until - time) - step))
            else:
                step = until - time if time > 0 else 0
            time = until
        page = own
    return links
