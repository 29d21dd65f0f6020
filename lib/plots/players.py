"""Short excerpts of clips that can be listened to in a notebook.

Conventions
-----------
- Time is that of the spectrogram: second 0 is its first frame, so a moment seen there is the moment heard
  here, in longer recordings too.
- An excerpt is a mono mp3 at 22,050 Hz and 40 kbit/s, some 5 kB a second, so that a notebook with players
  stays small. The same excerpt gives the same bytes with the same libsndfile, but another build of its
  encoder may give others.
- Titles come from outside: they are shown as they are and never become markup or mathematics.
"""

import base64
import html
import io

import numpy as np
import soundfile

from lib.audio import decode
from lib.spectrograms import picture

SECONDS = 4.0  # of an excerpt
FADE = 0.02  # seconds faded in and out, so that a cut does not click
COMPRESSION = 0.8  # libsndfile's scale; 40 kbit/s at this sample rate
PEAK = 0.9  # highest sample: excerpts are made equally loud


class Player:
    """A title and the sound under it, as a notebook shows them.

    Parameters
    ----------
    mp3 : bytes
        From `excerpt`.
    title : str
    """

    def __init__(self, mp3, title=""):
        self.mp3, self.title = mp3, title

    def __repr__(self):
        return f"Player({self.title!r})"

    def _repr_html_(self):
        source = base64.b64encode(self.mp3).decode()
        sound = f'<audio controls preload="none" src="data:audio/mpeg;base64,{source}"></audio>'
        return f'<figure style="margin: 0.4em 0"><figcaption>{plain(self.title)}</figcaption>{sound}</figure>'


class Players(list):
    """Several players, shown one below the other."""

    def _repr_html_(self):
        return "\n".join(player._repr_html_() for player in self)


def excerpt(path, start, seconds=SECONDS):
    """Part of a recording as mp3: of the 30 s that its spectrogram shows, decoded in a child process.

    Parameters
    ----------
    path : path
        An audio file.
    start : float
        Where the excerpt begins, in seconds of the spectrogram; moved so that all of it lies within the clip.
    seconds : float
        Its length, at most that of a clip.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the file cannot be decoded, or the length does not fit; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> file = f"{tempfile.mkdtemp()}/noise.wav"
    >>> soundfile.write(file, np.random.default_rng(0).uniform(-1, 1, 80_000), 8000)  # ten seconds
    >>> round(decode.decode(excerpt(file, start=3, seconds=2)).seconds)
    2
    """
    if not 0 < seconds <= picture.SECONDS:
        raise ValueError(
            f"an excerpt of {path} is more than 0 and at most {picture.SECONDS} s long, got {seconds} s"
        )
    decoded = decode.decode_apart(path, middle=picture.SECONDS)
    signal = picture.mono(decoded.samples, decoded.sample_rate)
    length = round(seconds * picture.SAMPLE_RATE)
    n_sounding = min(len(signal), round(decoded.seconds * picture.SAMPLE_RATE))  # what follows is padding
    first = int(np.clip(round(start * picture.SAMPLE_RATE), 0, max(0, n_sounding - length)))
    return encode(signal[first : first + length])


def encode(signal):
    """A mono signal as mp3, peak at `PEAK`, faded at both ends.

    Parameters
    ----------
    signal : np.ndarray, shape=(n_samples,)
        At 22,050 Hz.

    Returns
    -------
    bytes

    Examples
    --------
    >>> mp3 = encode(np.sin(np.arange(picture.SAMPLE_RATE)))  # one second
    >>> decode.decode(mp3).codec, round(decode.decode(mp3).seconds)
    ('mp3', 1)
    """
    edge = np.minimum(np.arange(len(signal)), np.arange(len(signal))[::-1]) / (FADE * picture.SAMPLE_RATE)
    faded = signal * np.minimum(edge, 1)
    loudest = np.abs(faded).max()
    if loudest > 0:
        faded *= PEAK / loudest
    with io.BytesIO() as file:
        soundfile.write(
            file, faded.astype(np.float32), picture.SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III",
            compression_level=COMPRESSION, bitrate_mode="CONSTANT",
        )  # fmt: skip
        return file.getvalue()


def player(mp3, title=""):
    """What a notebook cell ends on to let a sound be heard.

    Parameters
    ----------
    mp3 : bytes
        From `excerpt`.
    title : str
        Shown above it, as plain text.

    Returns
    -------
    Player

    Examples
    --------
    >>> player(b"", "<b>not bold</b>")
    Player('<b>not bold</b>')
    """
    return Player(mp3, title)


def show(items):
    """Players of several excerpts, one below the other.

    Parameters
    ----------
    items : sequence of (str, bytes)
        Title and mp3 of each.

    Returns
    -------
    Players
        A list of `Player`.

    Examples
    --------
    >>> show([("Abba: Waterloo", b""), ("Air: Kelly Watch the Stars", b"")])
    [Player('Abba: Waterloo'), Player('Air: Kelly Watch the Stars')]
    """
    return Players(player(mp3, title) for title, mp3 in items)


def plain(text):
    """Text from outside as HTML that shows just this text.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Markup is escaped; ``$`` and backslashes stand alone, where JupyterLab does not take them for
        mathematics.

    Examples
    --------
    >>> plain("<i>A$AP</i>")
    '&lt;i&gt;A<span>$</span>AP&lt;/i&gt;'
    """
    return html.escape(text).replace("$", "<span>$</span>").replace("\\", "<span>\\</span>")
