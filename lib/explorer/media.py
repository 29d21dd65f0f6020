"""Pictures and sounds of clips as bytes that a browser shows and plays.

Conventions
-----------
- Pictures are 256 × 64 pixels: time to the right, low frequencies below, the colours of
  `lib.plots.sound.spectrogram`. A kernel sends them exact (PNG, some 16 kB); a page that holds many stores
  them as lossy WebP of about 1.2 kB.
- Sounds start and end where the picture does, but for the page's excerpts: `EXCERPT_SECONDS` around the
  middle, mono. These are Opus in Ogg, at rates where every codec costs much: on 20 of the demo's clips, mean
  difference of the log-mel spectrum below 3.5 kHz, at some 4.5 kB an excerpt, 2.3 dB (with the encoder's mode
  for music, `lowdelay`; 3.2 dB with its default, which takes it for speech), against 2.5 dB for AAC without a
  container, whose length a browser has to guess, and 2.9 dB for mp3, which cannot have less than 8 kbit/s and
  takes 5.2 kB. Chromium plays it (tests); where a browser cannot, the explorer
  says so.
- Decoders run in a child process (`lib.audio.sandbox`).
"""

from __future__ import annotations

import functools
import io
import itertools
import mmap
import os
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from tqdm import tqdm

from lib.audio import decode, kinds, sandbox
from lib.plots import players
from lib.spectrograms import picture as spectrograms
from lib.workflow import artifacts

COLOURS = "magma"  # as lib.plots.sound.spectrogram has it
QUALITY = 12  # of small pictures, on WebP's scale of 100
PLAYED = {  # kinds that browsers play
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac",
    "ogg": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav",
}  # fmt: skip
SOUNDS = "sounds"  # folder of what was cut
EXCERPT_SECONDS = 5.0
EXCERPT_TYPE = "audio/ogg"
EXCERPT_RATE = 24_000  # Hz, one of those that Opus knows
STEP = 400  # bits a second between rates
N_FRAMES, CONTAINER = 252, 124  # of 20 ms in packets of three, a last one filled up; bytes around them
PROBE = 0.05  # seconds that are decoded where only the length is wanted


class Sound(NamedTuple):
    """What a browser plays for one clip.

    Attributes
    ----------
    type : str
        Media type.
    data : bytes
    start : float
        Second of the picture at which it begins.
    seconds : float
    """

    type: str
    data: bytes
    start: float
    seconds: float


def picture(values):
    """A spectrogram as PNG of 256 colours.

    Parameters
    ----------
    values : np.ndarray, shape=(256, 64)
        In [0, 1], loud = 1.

    Returns
    -------
    type : str
    data : bytes

    Examples
    --------
    >>> kind, data = picture(np.zeros((256, 64)))
    >>> kind, data[:8]
    ('image/png', b'\\x89PNG\\r\\n\\x1a\\n')
    """
    from PIL import Image

    image = Image.fromarray(_levels(values))
    image.putpalette(_palette().tobytes())
    with io.BytesIO() as file:
        image.save(file, format="PNG")
        return "image/png", file.getvalue()


def small_picture(values):
    """The same as lossy WebP, about 1.2 kB.

    Parameters
    ----------
    values : np.ndarray, shape=(256, 64)

    Returns
    -------
    type : str
    data : bytes

    Examples
    --------
    >>> kind, data = small_picture(np.zeros((256, 64)))
    >>> kind, data[8:12]
    ('image/webp', b'WEBP')
    """
    from PIL import Image

    with io.BytesIO() as file:
        Image.fromarray(_palette()[_levels(values)]).save(file, format="WEBP", quality=QUALITY, method=4)
        return "image/webp", file.getvalue()


def sound(path, folder):
    """What a browser plays for one clip: the file itself, or the 30 s that its picture shows.

    A file passes unchanged where browsers play its kind, by its content, and it is at most half a second
    longer than the picture; else its middle is cut once and stored.

    Parameters
    ----------
    path : path
        An audio file.
    folder : path
        Of the profile's data; cuts are stored in its ``sounds/`` under the checksum of the file.

    Returns
    -------
    Sound

    Raises
    ------
    ValueError
        If the file is missing, damaged or no sound; the message names it.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> soundfile.write(folder / "noise.wav", np.random.default_rng(0).uniform(-1, 1, 80_000), 8000)
    >>> clip = sound(folder / "noise.wav", folder)
    >>> clip.type, clip.start, clip.seconds, clip.data == (folder / "noise.wav").read_bytes()
    ('audio/wav', 0.0, 10.0, True)
    """
    path = Path(path)
    length = decode.decode_apart(path, middle=PROBE).seconds
    if length <= spectrograms.SECONDS + spectrograms.TOLERANCE and (kind := _played(path)):
        return Sound(kind, path.read_bytes(), 0.0, length)
    cut = Path(folder) / SOUNDS / f"{artifacts.sha256(path)}.mp3"
    if not cut.exists():
        decoded = decode.decode_apart(path, middle=spectrograms.SECONDS)
        signal = spectrograms.mono(decoded.samples, decoded.sample_rate)
        with artifacts.replacing(cut) as partial:
            partial.write_bytes(players.encode(signal[: round(length * spectrograms.SAMPLE_RATE)]))
    return Sound(PLAYED["mp3"], cut.read_bytes(), 0.0, min(length, float(spectrograms.SECONDS)))


def excerpt(path, bit_rate):
    """`EXCERPT_SECONDS` around the middle of a recording, for a page that holds many: Opus in Ogg, mono.

    Parameters
    ----------
    path : path
    bit_rate : int
        Bits a second, 6,000 or more.

    Returns
    -------
    data : bytes
        The same for the same file, rate and encoder.
    start : float
        Second of the picture at which it begins.

    Raises
    ------
    ValueError
        If the file cannot be decoded; the message names it.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> file = f"{tempfile.mkdtemp()}/noise.wav"
    >>> soundfile.write(file, np.random.default_rng(0).uniform(-1, 1, 160_000), 8000)  # twenty seconds
    >>> data, start = excerpt(file, 8000)
    >>> data[:4], start, round(decode.decode(data).seconds), len(data) < 6000
    (b'OggS', 7.5, 5, True)
    """
    data, seconds = sandbox.of_file("lib.explorer.media:excerpt_for_parent", path, bit_rate)
    shown = min(seconds, spectrograms.SECONDS)
    return data.tobytes(), max(0.0, (shown - EXCERPT_SECONDS) / 2)


def excerpt_for_parent(path, bit_rate):
    """`excerpt` as a child of the sandbox answers it: the bytes, and the length of the recording."""
    decoded = decode.decode(path, middle=EXCERPT_SECONDS)
    return np.frombuffer(_opus(_prepared(decoded), bit_rate), dtype=np.uint8), decoded.seconds


def excerpts(paths, bit_rate):
    """Excerpts of many recordings, on all processors.

    Parameters
    ----------
    paths : sequence of path or None
    bit_rate : int
        Bits a second.

    Returns
    -------
    dict
        ``data`` (uint8, one file behind the other), ``ends`` (int64, of each; an empty one where there is
        none), ``starts`` (float32, seconds of the picture) and ``failures`` (list of str, by file).
    """

    def attempt(path):
        if path is None:
            return ValueError("a clip has no file")
        try:
            return excerpt(path, bit_rate)
        except ValueError as error:
            return ValueError(str(error).replace(os.path.abspath(path), Path(path).name))

    work = joblib.Parallel(n_jobs=os.cpu_count() or 1, backend="threading", return_as="generator")
    outcomes = work(joblib.delayed(attempt)(path) for path in paths)
    outcomes = list(tqdm(outcomes, total=len(paths), desc="excerpts"))
    failures = [str(outcome) for outcome in outcomes if isinstance(outcome, ValueError)]
    made = [(b"", 0.0) if isinstance(outcome, ValueError) else outcome for outcome in outcomes]
    return joined([data for data, _ in made]) | {
        "starts": np.array([start for _, start in made], dtype=np.float32),
        "failures": failures,
    }


def excerpt_bytes(bit_rate):
    """Most bytes of an excerpt: a frame of 20 ms holds whole bytes, so that rates are multiples of `STEP`.

    Examples
    --------
    >>> excerpt_bytes(6800)
    4408
    """
    return N_FRAMES * (bit_rate // STEP) + CONTAINER


def small_pictures(array):
    """All pictures of a page.

    Parameters
    ----------
    array : np.ndarray, shape=(n_clips, 256, 64)

    Returns
    -------
    dict
        From `joined`.
    """
    work = joblib.Parallel(n_jobs=os.cpu_count() or 1, backend="threading", return_as="generator")
    files = work(joblib.delayed(small_picture)(values) for values in array)
    return joined([data for _, data in tqdm(files, total=len(array), desc="pictures")])


def joined(files):
    """Files as one array and their ends: ``data`` (uint8), ``ends`` (int64).

    Examples
    --------
    >>> joined([b"ab", b"", b"c"])["ends"].tolist()
    [2, 2, 3]
    """
    ends = np.fromiter(itertools.accumulate(len(file) for file in files), dtype=np.int64, count=len(files))
    return {"data": np.frombuffer(b"".join(files), dtype=np.uint8), "ends": ends}


def _levels(values):
    """A spectrogram as pixels: 0 to 255, high frequencies in the first row."""
    values = np.asarray(values, dtype=np.float32)
    if values.shape != (spectrograms.N_FRAMES, spectrograms.N_MELS):
        shape = (spectrograms.N_FRAMES, spectrograms.N_MELS)
        raise ValueError(f"a spectrogram of shape {shape} is drawn, got {values.shape}")
    return np.ascontiguousarray((values.clip(0, 1) * 255).round().astype(np.uint8).T[::-1])


@functools.cache
def _palette():
    """Colours of the levels, shape=(256, 3)."""
    import matplotlib

    return (matplotlib.colormaps[COLOURS](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def _played(path):
    """Media type of a file that browsers play; None of another."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        kind = kinds.of(content)
        head = content[kind.start : kind.start + 64]
        if kind.codec == "m4a":  # ALAC lies in the same container
            place = content.find(b"stsd")
            plays = content[place + 16 : place + 20] == b"mp4a"
        elif kind.codec == "ogg":
            plays = any(mark in head for mark in (b"\x01vorbis", b"OpusHead", b"\x7fFLAC"))
        elif kind.codec == "wav":  # PCM, floating point, or either under a longer header
            plays = (
                head[:4] == b"RIFF"
                and head[12:16] == b"fmt "
                and head[20:22] in (b"\1\0", b"\3\0", b"\xfe\xff")
            )
        else:
            plays = True
        return PLAYED.get(kind.codec) if plays else None


def _prepared(decoded):
    """A mono signal at `EXCERPT_RATE`, faded at both ends, as loud as all others."""
    import soxr

    signal = decoded.samples.mean(axis=1)
    signal = soxr.resample(signal, decoded.sample_rate, EXCERPT_RATE, quality="HQ")
    place = np.arange(len(signal))
    signal *= np.minimum(np.minimum(place, place[::-1]) / (players.FADE * EXCERPT_RATE), 1)
    loudest = np.abs(signal).max(initial=0)
    return (signal * (players.PEAK / loudest) if loudest > 0 else signal).astype(np.float32)


def _opus(signal, bit_rate):
    import av

    options = {"application": "lowdelay", "frame_duration": "60", "vbr": "constrained"}
    with io.BytesIO() as file:
        # One page, and no number that is drawn: small, and the same bytes each time.
        of_file = {"fflags": "+bitexact", "page_duration": "10000000"}
        with av.open(file, "w", format="ogg", options=of_file) as output:
            stream = output.add_stream("libopus", rate=EXCERPT_RATE, options=options)
            stream.layout, stream.bit_rate = "mono", bit_rate
            stream.codec_context.flags |= av.codec.context.Flags.bitexact
            resampler = av.AudioResampler(stream.codec_context.format or "flt", "mono", EXCERPT_RATE)
            frame = av.AudioFrame.from_ndarray(signal[None], format="flt", layout="mono")
            frame.sample_rate, frame.pts = EXCERPT_RATE, 0
            for part in (*resampler.resample(frame), *resampler.resample(None), None):
                output.mux(stream.encode(part))
        return file.getvalue()
