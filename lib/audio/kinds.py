"""What kind of sound a file holds, by its content: tags in front are skipped, frames have to follow.

Conventions
-----------
- Places are counted in bytes from the beginning of the file; times are in samples.
- Content is anything that can be sliced like bytes: bytes themselves or a memory-mapped file.
- mp3 and raw AAC (ADTS) have no header of their own: `CHAIN` frames show them, each beginning where
  the one before says that it ends. A file that ends earlier needs as many as it has, at least one.

References
----------
ISO/IEC 11172-3 and 13818-3 (mp3 frames), 14496-3 (ADTS); id3.org (ID3v2.4 structure); the APEv2
specification.
"""

from __future__ import annotations

import re
from typing import NamedTuple

CHAIN = 4  # successive frames that make a sound
JUNK = 2**16  # bytes in front of them: the rest of a frame, as a recorder that began in its middle leaves it
MAGIC = {b"fLaC": "flac", b"OggS": "ogg"}
OTHERS = {  # kinds that exist and are not read here, so that a message can name them
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"0&\xb2u": "Windows Media (ASF)",
    b"MAC ": "Monkey's Audio",
    b"wvpk": "WavPack",
    b"MPCK": "Musepack",
    b"MP+": "Musepack",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
    b"caff": "Core Audio Format",
    b"riff": "Wave64",
    b"RIFX": "WAV of big-endian numbers",
    b".snd": "Sun audio",
    b"MThd": "MIDI",
    b"#!AMR": "AMR",
    b"\x0bw": "AC-3",
    b"TTA1": "True Audio",
    **dict.fromkeys((b"\xff\xfd", b"\xff\xfc", b"\xff\xf5", b"\xff\xf4"), "MPEG audio of layer II"),
    **dict.fromkeys(
        (bytes((255, second, third)) for second in b"\xe2\xe3\xf2\xf3\xfa\xfb" for third in range(12)),
        "mp3 of free format, whose frames state no length",
    ),
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
    b"#EXTM3U": "a playlist (m3u)",
}
# Kilobits a second of layer III, by the four bits of a header; 0 is "free", whose frames state no length.
BIT_RATES = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MP3_RATES = (44_100, 48_000, 32_000)  # Hz in MPEG 1; half of it in MPEG 2, a quarter in MPEG 2.5
AAC_RATES = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000),
    7_350,
)
SYNC = {  # what the first bytes of a frame's header may be
    "mp3": re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]"),
    "aac": re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"),
}


class Frame(NamedTuple):
    """The header of a frame of mp3 or ADTS.

    Attributes
    ----------
    size : int, bytes
    form : tuple of (int, int, int)
        Samples of the frame, sample rate [Hz], channels (0: written elsewhere).
    """

    size: int
    form: tuple


class Kind(NamedTuple):
    """Which sound, and between which bytes.

    Attributes
    ----------
    codec : str
        wav, aiff, flac, ogg, m4a, mp3 or aac.
    start, end : int, bytes
        Without the tags in front and behind.
    """

    codec: str
    start: int
    end: int


def of(content):
    """The kind of a sound.

    Parameters
    ----------
    content : bytes or mmap.mmap

    Returns
    -------
    Kind

    Raises
    ------
    ValueError
        Where no kind that is read here is recognised; the message says what was seen.

    Examples
    --------
    >>> of(b"fLaC" + bytes(8)).codec
    'flac'
    >>> of(b"")
    Traceback (most recent call last):
        ...
    ValueError: is empty; this is no sound file of a kind that is read here, whatever its name says
    """
    end = before_tags(content)
    start = after_tags(content, 0, end)
    head = content[start : min(start + 16, end)]
    if codec := _by_magic(head):
        return Kind(codec, start, end)
    frame_like = [codec for codec in SYNC if frame(content, start, codec)]
    searched = [(start, min(end, start + JUNK))] if _other(head) is None else []
    if content[:3] == b"ID3":  # a tag whose length is wrong: sound may begin anywhere behind its beginning
        searched.append((10, end))
    for place, last in searched:
        starts = {codec: next_frame(content, place, end, codec, last) for codec in SYNC}
        starts = {codec: place for codec, place in starts.items() if place is not None}
        if starts:
            codec = min(starts, key=starts.get)
            return Kind(codec, starts[codec], end)
    raise ValueError(_nothing(content, start, head, frame_like))


def after_tags(content, start, end, *, zeros=True):
    """The place behind the ID3v2, APE and ID3v1 tags, and the zeros, that begin at `start`."""
    while start < end:
        head, behind = content[start : start + 32], start
        if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
            size = sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10])))
            behind += 10 + size + (10 if head[5] & 0x10 else 0)
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            behind += 32 + int.from_bytes(head[12:16], "little")
        elif head[:3] == b"TAG":
            behind += 128
        elif zeros and head[:1] == b"\0" and head[4:8] != b"ftyp":
            behind = _first_other_than_zero(content, start, end)
        if behind == start or behind > end:
            break
        start = behind
    return start


def before_tags(content):
    """The place where ID3v1, Lyrics3 and APE tags at the end begin."""
    end = len(content)
    while end:
        tail = content[max(0, end - 160) : end]
        if tail[-128:-125] == b"TAG":
            end -= 128
        elif tail[-32:-24] == b"APETAGEX":
            size = int.from_bytes(tail[-20:-16], "little")
            has_header = tail[-9] & 0x80
            end -= min(end, size + (32 if has_header else 0))
        elif tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
            end -= min(end, 15 + int(tail[-15:-9]))
        else:
            break
    return end


def frame(content, place, codec):
    """The frame of mp3 or ADTS whose header stands at a place, or None.

    Parameters
    ----------
    content : bytes or mmap.mmap
    place : int
    codec : str
        ``mp3`` or ``aac``.

    Returns
    -------
    Frame or None

    Examples
    --------
    >>> frame(bytes.fromhex("fffb9064"), 0, "mp3")  # 128 kbit/s, 44,100 Hz
    Frame(size=417, form=(1152, 44100, 2))
    """
    head = content[place : place + 7]
    if len(head) < 4 or head[0] != 0xFF:
        return None
    return _mp3_frame(head) if codec == "mp3" else _adts_frame(head)


def next_frame(content, start, end, codec, last=None):
    """The first place from `start` on where frames follow each other, or None.

    Parameters
    ----------
    content : bytes or mmap.mmap
    start, end : int
    codec : str
    last : int or None
        The place before which the first of them begins; None: anywhere before the end.

    Returns
    -------
    int or None
    """
    for match in SYNC[codec].finditer(content, start, end if last is None else last):
        if _chained(content, match.start(), end, codec):
            return match.start()
    return None


def _chained(content, place, end, codec):
    first, n_frames = frame(content, place, codec), 0
    while n_frames < CHAIN and place < end:
        following = frame(content, place, codec)
        if following is None or following.form != first.form:
            return n_frames > 1 and after_tags(content, place, end) == end  # a short file and its padding
        place += following.size
        n_frames += 1
    return n_frames == CHAIN or place == end or n_frames > 1


def _mp3_frame(head, _seen={}):  # noqa: B006  the few headers of a file come again and again
    key = bytes(head[1:4])
    if key in _seen:
        return _seen[key]
    version, layer = {3: 1, 2: 2, 0: 4}.get(head[1] >> 3 & 3), head[1] >> 1 & 3
    bits, rates = head[2] >> 4, head[2] >> 2 & 3
    valid = head[1] & 0xE0 == 0xE0 and version and layer == 1 and 0 < bits < 15 and rates < 3
    result = None
    if valid and head[3] & 3 != 2:  # an emphasis that does not exist
        rate = MP3_RATES[rates] // version
        samples, kilobits = (1152, BIT_RATES[1]) if version == 1 else (576, BIT_RATES[2])
        size = samples // 8 * kilobits[bits] * 1000 // rate + (head[2] >> 1 & 1)
        result = Frame(size, (samples, rate, 1 if head[3] >> 6 == 3 else 2))
    if len(_seen) < 10_000:
        _seen[key] = result
    return result


def _adts_frame(head):
    if len(head) < 7 or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= len(AAC_RATES):
        return None
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    channels = (head[2] & 1) << 2 | head[3] >> 6
    if size < 8:
        return None
    return Frame(size, (1024 * (1 + (head[6] & 3)), AAC_RATES[head[2] >> 2 & 15], channels))


def _by_magic(head):
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    return "m4a" if head[4:8] == b"ftyp" else MAGIC.get(head[:4])


def _other(head):
    if head[:4] == b"RIFF":
        return f"RIFF with {bytes(head[8:12])!r}"
    return next((kind for magic, kind in OTHERS.items() if head.startswith(magic)), None)


def _first_other_than_zero(content, start, end):
    match = re.compile(rb"[^\0]").search(content, start, end)
    if match is None:
        return end
    place = match.start()
    return place - 3 if content[place + 1 : place + 5] == b"ftyp" else place  # a box's size begins with zeros


def _nothing(content, start, head, frame_like):
    read = ", ".join(["wav", "aiff", *MAGIC.values(), "m4a", *SYNC])
    if not len(content):
        seen = "is empty"
    elif not head:
        seen = f"holds {start} bytes of tags or zeros and nothing else"
    else:
        behind = f"{start} bytes of tags or zeros, then " if start else ""
        seen = f"begins with {behind}{bytes(head)!r}, which is none of {read}"
    if other := _other(head):
        return f"{seen} but looks like {other}; this is no sound of a kind that is read here"
    if frame_like or content[:3] == b"ID3":
        like = frame_like[0] if frame_like else "mp3"
        return (
            f"{seen}; it begins like {like}, but no frames of sound follow: it is something else, or the file"
            " is damaged or cut short"
        )
    return f"{seen}; this is no sound file of a kind that is read here, whatever its name says"
