"""Whether a file is a clip that can be used (paper, section 3).

The decoder runs in a child process (`lib.audio.sandbox`): a file that crashes or hangs it is rejected like
any other. Times are in seconds, loudness in decibels relative to full scale.
"""

import hashlib
import json
import math
import os
import tempfile
import threading
from pathlib import Path

import numpy as np

from lib.audio import decode, sandbox
from lib.clips import copies
from lib.workflow import artifacts

CLIP_SECONDS = 30.0  # of a longer file, this much of its middle is the clip
SILENCE = -60.0  # dB: a clip whose loudest sample stays below is silent
GATE_SECONDS, GATE_GIGABYTES = 60.0, 2.0  # that the examination of one file may take
# More children than processors would only wait for each other, each with its memory.
_examining = threading.BoundedSemaphore(os.cpu_count() or 1)


def examine(content):
    """What a file holds, by decoding it strictly.

    Parameters
    ----------
    content : bytes or Path
        A preview as a whole, or a file, of which the middle `CLIP_SECONDS` are decoded.

    Returns
    -------
    dict
        ``codec``, ``seconds``, ``sample_rate``, ``channels``, ``bytes``, ``sha256``, ``peak`` (largest
        sample, None if not finite), ``loudness`` (of the mean square, dB), ``content``, a digest of the
        decoded sound, and ``fingerprint`` (`lib.clips.copies`) in hexadecimal digits.

    Raises
    ------
    ValueError
        If it cannot be decoded.
    """
    sound = decode.decode(content, middle=CLIP_SECONDS if isinstance(content, Path) else None)
    samples = sound.samples
    peak = float(max(samples.max(), -samples.min()))
    flat = samples.ravel(order="K")
    with np.errstate(over="ignore"):  # samples of a damaged file may be vast
        power = float(np.dot(flat, flat)) / flat.size
    digest = hashlib.sha1(f"{samples.shape} {sound.sample_rate}".encode())
    digest.update(np.ascontiguousarray(samples[::8]))  # an eighth is enough to tell recordings apart
    in_memory = isinstance(content, bytes)
    return {
        "codec": sound.codec,
        "seconds": round(sound.seconds, 3),
        "sample_rate": sound.sample_rate,
        "channels": samples.shape[1],
        "bytes": len(content) if in_memory else content.stat().st_size,
        "sha256": hashlib.sha256(content).hexdigest() if in_memory else artifacts.sha256(content),
        "peak": peak if math.isfinite(peak) else None,
        "loudness": round(10 * math.log10(power), 2) if 0 < power < math.inf else None,
        "content": digest.hexdigest(),
        "fingerprint": copies.fingerprint(copies.bands(samples, sound.sample_rate)).tobytes().hex(),
    }


def examine_apart(content):
    """As `examine`, in a child process, whose end is not ours.

    Parameters
    ----------
    content : bytes or Path

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        Also if the file crashes the decoder, or needs more than `GATE_SECONDS` or `GATE_GIGABYTES`.
    """
    with _examining, tempfile.NamedTemporaryFile() as file:
        if in_memory := isinstance(content, bytes):
            file.write(content)
            file.flush()
        path = os.path.abspath(file.name if in_memory else content)
        limits = {"seconds": GATE_SECONDS, "gigabytes": GATE_GIGABYTES}
        return json.loads(sandbox.call("lib.clips.gate:as_json", path, in_memory, **limits).tobytes())


def as_json(path, whole):
    """`examine` of a file, or of its contents as a whole, as the bytes of JSON: what the child returns."""
    content = Path(path).read_bytes() if whole else Path(path)
    return np.frombuffer(json.dumps(examine(content)).encode(), dtype=np.uint8)


def objection(examination, min_seconds):
    """Why a clip does not count, in words; None if it does.

    Parameters
    ----------
    examination : dict
        From `examine`.
    min_seconds : float

    Returns
    -------
    str or None
    """
    if examination["seconds"] < min_seconds:
        return f"{examination['seconds']:.1f} s long, at least {min_seconds:g} s wanted"
    if examination["peak"] is None:
        return "samples that are not finite"
    if examination["peak"] < 10 ** (SILENCE / 20):
        return "silent"
    return None
