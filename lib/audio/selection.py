"""Which reader a sound gets: its length is measured first, and a header that cannot be true is not believed.

Conventions
-----------
Headers whose writer could not come back to them (wav and FLAC from a pipe) are repaired in memory, so that
libsndfile reads these files like any other. What announces more than is there is refused; what announces
less is read to its end.
"""

import itertools

import soundfile

from lib.audio import containers, kinds, readers


def reader(content, path, kind):
    """The reader for a sound.

    Parameters
    ----------
    content : bytes or mmap.mmap
    path : str or None
        Of the file, where it is one.
    kind : lib.audio.kinds.Kind

    Returns
    -------
    readers.Libsndfile, readers.Framed, readers.Container or readers.Chain

    Raises
    ------
    ValueError
        Where it cannot be decoded, or less is there than is announced.
    """
    if kind.codec in ("mp3", "aac"):
        return _framed(content, path, kind)
    plain = kind.start == 0
    source = path if plain and path else readers.Window(content, kind.start, len(content))
    if kind.codec == "m4a":
        if (n := containers.boxes(content, kind).count(b"moov")) > 1:
            raise ValueError(f"{n} recordings stand in it one behind the other: one is expected")
        return _container(source, kind.codec)
    if kind.codec in ("wav", "aiff"):
        return _riff(content, source, kind)
    if kind.codec == "flac":
        links = [*containers.flac_links(content, kind), kind.end]
        if len(links) == 2:
            return _flac(content, source, kind)
        parts = [readers.Window(content, start, end) for start, end in itertools.pairwise(links)]
        return readers.Chain([_one(part, kind.codec) for part in parts])
    return _ogg(content, source, kind)


def _one(source, codec, lenient=False):
    try:
        sound = readers.Libsndfile(source, codec, lenient)
        if sound.seekable:
            return sound
    except soundfile.SoundFileError:
        pass  # a kind that libsndfile does not know, or damage: FFmpeg will tell
    return _container(source, codec)


def _container(source, codec):
    return readers.Container(lambda: _again(source), codec)


def _again(source):
    if not isinstance(source, str):
        source.seek(0)
    return source


def _framed(content, path, kind):
    frames = containers.frames(content, kind)
    if not len(frames.starts):
        raise readers.damaged("no whole frame of sound is there")
    if frames.announced and frames.announced > frames.total + 2 * frames.samples:
        announced, there = frames.announced / frames.rate, frames.total / frames.rate
        raise ValueError(
            f"its header announces {announced:.1f} s, frames of {there:.1f} s are there; the file is damaged"
            " or cut short, or its header is that of another"
        )
    if kind.codec == "mp3" and not frames.gaps:
        plain = path and (kind.start == 0 or content[:3] == b"ID3") and len(content) - frames.ends[-1] <= 128
        source = path if plain else readers.Window(content, kind.start, int(frames.ends[-1]))
        try:
            sound = readers.Libsndfile(source, "mp3", lenient=frames.announced is None)
        except soundfile.SoundFileError:
            pass
        else:
            above = sound.total - frames.total
            if sound.rate == frames.rate and abs(above) <= 4 * frames.samples:
                return sound
            if sound.rate == frames.rate and frames.announced is None and above > 0:
                sound.total = frames.total  # of a length that nobody announces, libsndfile's is an estimate
                return sound
    return readers.Framed(content, frames, kind.codec)


def _flac(content, source, kind):
    announced, real = containers.flac_total(content, kind)
    if real is None and not announced:
        return _container(source, kind.codec)
    info = content[kind.start + 8 : kind.start + 42]
    if real is None or announced == real:
        return _one(source, kind.codec)
    if announced > real:
        rate = int.from_bytes(info[10:13]) >> 4 or 1
        raise ValueError(
            f"its header announces {announced / rate:.1f} s, its last frame ends at {real / rate:.1f} s; the"
            " file is damaged or cut short, or its header is that of another"
        )
    packed = int.from_bytes(info[10:18]) >> 36 << 36 | real
    head = content[kind.start : kind.start + 18] + packed.to_bytes(8)
    return _one(readers.Window(content, kind.start, len(content), bytes(head)), kind.codec, lenient=True)


def _ogg(content, source, kind):
    links = containers.ogg_links(content, kind)
    if len(links) > 1 and any(link.streams > 1 for link in links):
        raise ValueError("interleaved streams follow each other: one sound is expected in a file")
    first = content[kind.start + 28 : kind.start + 44]
    rate = int.from_bytes(first[12:16], "little") if first.startswith(b"\x01vorbis") else 48_000
    if (lost := sum(link.lost for link in links)) > 2 * rate:  # the middle moves by half of it
        raise ValueError(
            f"pages of some {lost / rate:.1f} s are missing in it, or the times of its pages are false; the"
            " file is damaged"
        )
    if len(links) > 1:
        parts = [readers.Window(content, link.start, link.end) for link in links]
        return readers.Chain([_one(part, kind.codec) for part in parts])
    # libsndfile knows no interleaved streams, and takes a late start of FLAC for sound.
    if first.startswith(b"\x7fFLAC") or links and links[0].streams > 1:
        return _container(readers.Window(content, kind.start, links[0].end), kind.codec)
    return _one(source, kind.codec)


def _riff(content, source, kind):
    chunks = containers.chunks(content, kind)
    name = b"data" if kind.codec == "wav" else b"SSND"
    place = next((place for place, chunk in enumerate(chunks) if chunk.name == name), None)
    if place is None:
        return _one(source, kind.codec)
    sound, last = chunks[place], chunks[-1]
    form = next(
        (bytes(content[chunk.start : chunk.start + 2]) for chunk in chunks if chunk.name == b"fmt "), b""
    )
    if form == b"\x55\0":
        end = sound.start + sound.size if sound.stated else kind.end
        start = kinds.after_tags(content, sound.start, end)
        start = kinds.next_frame(content, start, end, "mp3")
        if start is None:
            raise readers.damaged("its header announces mp3, no frame of which is there")
        return _framed(content, None, kinds.Kind("mp3", start, end))
    if form == b"\x40\0":
        raise ValueError("its sound is in G.721, which is not decoded here")
    missing = sound.start + sound.stated - len(content)
    if missing > 0 and sound.stated < containers.UNKNOWN_SIZE:
        raise ValueError(
            f"its header announces {sound.stated:,} bytes of sound, {sound.size:,} are there; the file is"
            " damaged or cut short, or its header is that of another"
        )
    behind = kind.end - (last.start + last.size)
    long = content[kind.start : kind.start + 4] == b"RF64"
    if sound is last and behind + sound.size and (sound.stated == 0 or long and sound.stated == 0xFFFF_FFFF):
        size = min(behind + sound.size, 2**32 - 1 - sound.start)
        order = "little" if kind.codec == "wav" else "big"
        head = bytearray(content[kind.start : sound.start])
        if long:
            head[:4], place = b"RIFF", head.find(b"ds64")
            head[place : place + 4] = b"JUNK"
        head[-4:] = size.to_bytes(4, order)
        head[4:8] = (size + len(head) - 8).to_bytes(4, order)
        return _one(readers.Window(content, kind.start, len(content), bytes(head)), kind.codec)
    behind = kind.end - kinds.after_tags(content, min(last.start + last.size, kind.end), kind.end)
    again = [chunk.name for chunk in chunks[place + 1 :] if chunk.name in (name, b"RIFF", b"RF64", b"FORM")]
    if again or behind > max(1000, sound.size // 30):
        what = "another recording or chunk of sound" if again else f"{behind:,} bytes that are no chunk"
        raise ValueError(
            f"behind the {sound.size:,} bytes of sound that its header announces stand {what}; its header is"
            " false, or two files were joined"
        )
    return _one(source, kind.codec)
