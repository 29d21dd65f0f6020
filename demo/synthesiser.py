"""Simulated music: a score becomes samples, and samples an mp3 or m4a file, as catalogues deliver previews.

Notes are read from wavetables (a bright and a dark period that fade into each other), drums are tones and
noise, guitars are driven into saturation, all layers pass one reverberation and an equaliser.

Conventions
-----------
Samples are float32 in [-1, 1], shape (n_samples, n_channels); sample rates in Hz; a clip lasts
`constants.SECONDS`.
"""

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal

from demo.constants import MASTER_CURVE_POINTS, SECONDS
from demo.score import LAYERS, compose

MONO_RATE, STEREO_RATE = 22_050, 44_100
TABLE = 2048  # samples of a wavetable
ROOMS = (0.5, 1.0, 1.8, 3.0)  # reverberation times, s
FADE = 0.02  # s, at both ends
PEAK = 0.8  # encoders overshoot by up to 2 dB
# First three resonances of the vocal tract in Hz: ah, eh, ee, oh, oo.
VOWELS = ((800, 1150, 2900), (450, 1800, 2600), (300, 2200, 3000), (450, 850, 2800), (330, 700, 2700))


@dataclass(frozen=True)
class Instrument:
    """How a note sounds: its overtones, and how it begins, goes on and ends (seconds, [0, 1])."""

    overtones: str
    attack: float = 0.004
    decay: float = 1.0
    sustain: float = 0.0
    release: float = 0.08
    bright: float = 0.3  # how long the bright beginning lasts
    slope: float = 0.0  # of the overtones, in powers of their number
    vibrato: float = 0.0  # semitones
    unison: float = 0.0  # detuning of two further voices, semitones
    breath: float = 0.0  # noise
    driven: bool = False


INSTRUMENTS = {
    "acoustic guitar": Instrument("plucked", decay=0.7, bright=0.12, slope=0.1),
    "clean guitar": Instrument("plucked", decay=1.2, bright=0.3),
    "electric guitar": Instrument("plucked", decay=3.0, sustain=0.5, bright=1.5, slope=0.3, driven=True),
    "muted guitar": Instrument(
        "plucked", decay=0.14, sustain=0.1, release=0.03, bright=0.08, slope=0.3, driven=True
    ),
    "lead guitar": Instrument(
        "saw", attack=0.01, decay=2, sustain=0.7, bright=1.0, vibrato=0.25, driven=True
    ),
    "piano": Instrument("struck", decay=0.9, bright=0.2),
    "electric piano": Instrument("tines", decay=1.1, bright=0.15),
    "organ": Instrument("drawbars", attack=0.01, sustain=1.0, release=0.05, bright=9),
    "strings": Instrument(
        "saw", attack=0.18, sustain=0.9, release=0.3, slope=-0.5, vibrato=0.12, unison=0.1, bright=9
    ),
    "pad": Instrument("saw", attack=0.5, sustain=0.9, release=0.7, slope=-0.8, unison=0.12, bright=9),
    "saws": Instrument("saw", decay=0.3, sustain=0.3, unison=0.15, bright=0.25),
    "square": Instrument("square", decay=0.18, sustain=0.1, bright=0.1),
    "bells": Instrument("inharmonic", decay=1.2, release=0.5, bright=0.4),
    "brass": Instrument(
        "saw", attack=0.05, sustain=0.8, release=0.1, slope=-0.2, vibrato=0.1, unison=0.06, bright=0.3
    ),
    "flute": Instrument("few", attack=0.07, sustain=0.9, release=0.1, vibrato=0.15, breath=0.03, bright=9),
    "synth lead": Instrument(
        "square", attack=0.01, sustain=0.7, release=0.1, vibrato=0.1, unison=0.08, bright=0.5
    ),
    "voice": Instrument(
        "vowel", attack=0.04, sustain=0.85, decay=0.6, release=0.1, vibrato=0.3, breath=0.01, bright=9
    ),
    "shout": Instrument(
        "vowel", attack=0.02, sustain=0.9, release=0.08, slope=0.35, vibrato=0.2, breath=0.06, bright=9
    ),
    "rap": Instrument(
        "vowel", attack=0.012, decay=0.2, sustain=0.4, release=0.03, slope=0.1, breath=0.04, bright=9
    ),
    "growl": Instrument("vowel", attack=0.02, sustain=0.9, release=0.08, slope=0.3, breath=0.35, bright=9),
    "pick bass": Instrument("plucked", decay=0.8, sustain=0.3, bright=0.2),
    "finger bass": Instrument("plucked", decay=0.7, sustain=0.2, bright=0.08, slope=-0.5),
    "synth bass": Instrument("saw", decay=0.25, sustain=0.5, release=0.03, bright=0.12),
    "sub bass": Instrument("few", decay=1.2, sustain=0.4, release=0.08, bright=0.1, slope=-0.5),
}
# Kick (Hz it falls to, decay), snare (Hz, decay, share of noise), hat (decay), dullness of noise (0 to 1).
KITS = {
    "acoustic": {"kick": (55, 0.14), "snare": (185, 0.12, 0.65), "hat": 0.035, "dull": 0.3},
    "tight": {"kick": (62, 0.09), "snare": (210, 0.10, 0.7), "hat": 0.03, "dull": 0.15},
    "electronic": {"kick": (48, 0.18), "snare": (200, 0.11, 0.75), "hat": 0.025, "dull": 0.1},
    "eight": {"kick": (44, 0.35), "snare": (180, 0.10, 0.6), "hat": 0.02, "dull": 0.2},
    "brushed": {"kick": (60, 0.10), "snare": (190, 0.07, 0.95), "hat": 0.05, "dull": 0.6},
}


def synthesise(world, track):
    """A track as samples.

    Parameters
    ----------
    world : demo.world.World
    track : demo.world.Track

    Returns
    -------
    samples : np.ndarray, shape=(n_samples, n_channels), dtype=float32
        In [-PEAK, PEAK]; one channel, or two for a tenth of the tracks.
    sample_rate : int
        In Hz.
    """
    score = compose(world, track)
    rate = STEREO_RATE if score.stereo else MONO_RATE
    studio = _Studio(score, rate, np.random.default_rng([world.seed, track.seed, 1]))
    return studio.record(), rate


def render(world, track, codec=None):
    """A track as the file that a catalogue serves.

    Parameters
    ----------
    world : demo.world.World
    track : demo.world.Track
    codec : {"mp3", "m4a"}, optional
        Default: what the first catalogue that has the preview serves (Spotify and Deezer mp3, iTunes m4a).

    Returns
    -------
    content : bytes
    codec : str
    """
    codec = codec or usual_codec(world.artist(track.artist))
    return encode(*synthesise(world, track), codec), codec


def usual_codec(artist):
    """The codec of the first catalogue, in the paper's order, that has the artist's previews."""
    on_spotify = "spotify" in artist.catalogues and artist.spotify_preview
    return "m4a" if "itunes" in artist.catalogues and not on_spotify else "mp3"


def encode(samples, sample_rate, codec):
    """Encode samples.

    Parameters
    ----------
    samples : np.ndarray, shape=(n_samples, n_channels), dtype=float32
    sample_rate : int
    codec : {"mp3", "m4a"}

    Returns
    -------
    bytes
    """
    import av

    name, container, options = {
        "mp3": ("libmp3lame", "mp3", {"compression_level": "9"}),
        "m4a": ("aac", "ipod", {"aac_coder": "fast"}),
    }[codec]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream(name, rate=sample_rate, layout="mono" if samples.shape[1] == 1 else "stereo")
        stream.options = options
        stream.bit_rate = 64_000 * samples.shape[1]
        stream.codec_context.thread_count = 1
        for start in range(0, len(samples), sample_rate):
            block = np.ascontiguousarray(samples[start : start + sample_rate].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=stream.layout.name)
            frame.sample_rate, frame.pts = sample_rate, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def onsets(world, track):
    """When drums strike, from the score.

    Parameters
    ----------
    world : demo.world.World
    track : demo.world.Track

    Returns
    -------
    np.ndarray, shape=(n_onsets,)
        Seconds, ascending; strokes within 20 ms of each other count as one. Empty for a track without drums.
    """
    times = np.array([hit.start for hit in compose(world, track).hits])
    return times[np.diff(times, prepend=-1.0) > 0.02]


def activity(world, track, times):
    """What sounds around given times, from the score.

    Parameters
    ----------
    world : demo.world.World
    track : demo.world.Track
    times : np.ndarray, shape=(n,)
        In seconds.

    Returns
    -------
    np.ndarray of str, shape=(n,)
        "onset" where a drum strikes less than 60 ms away, else "note" where a note begins that near, else
        "sustained" where one goes on, else "silence" (but for reverberation).
    """
    score, times = compose(world, track), np.asarray(times, dtype=float)
    struck = _near(times, [hit.start for hit in score.hits])
    begun = _near(times, [note.start for note in score.notes])
    held = np.zeros(len(times), dtype=bool)
    for note in score.notes:
        held |= (note.start <= times) & (times < note.start + note.seconds)
    return np.select([struck, begun, held], ["onset", "note", "sustained"], "silence")


def _near(times, events, seconds=0.06):
    events = np.sort(np.append(events, [-np.inf, np.inf]))
    place = np.searchsorted(events, times)
    return np.minimum(times - events[place - 1], events[place] - times) < seconds


class _Studio:
    """Plays one score."""

    def __init__(self, score, rate, rng):
        self.score, self.rate, self.rng = score, rate, rng
        self.n = int(SECONDS * rate)
        self.noise = rng.standard_normal(4 * rate, dtype=np.float32)
        self.tables, self.sounds = {}, {}

    def record(self):
        layers = {layer: np.zeros(self.n, dtype=np.float32) for layer in LAYERS}
        for hit in self.score.hits:
            self._add(layers["drums"], hit.start, self._drum(hit.drum), hit.velocity)
        for note in self.score.notes:
            self._add(layers[note.layer], note.start, self._tone(note), note.velocity)
        layers = {name: self._level(name, layer) for name, layer in layers.items()}
        return self._master(layers)

    def _add(self, layer, start, sound, gain):
        first = round(start * self.rate)
        if first < 0:  # the clip begins in the middle of a note
            first, sound = 0, sound[-first:]
        length = min(len(sound), self.n - first)
        layer[first : first + length] += np.float32(gain) * sound[:length]

    def _level(self, name, layer):
        """Drive a guitar layer, and bring every layer to its loudness."""
        instrument = INSTRUMENTS.get(self.score.instruments.get(name))
        power = _power(layer)
        if power == 0:
            return layer
        layer = layer / power
        if name == "lead" and self.score.instruments["lead"] in ("growl", "shout"):
            layer = np.tanh(1.5 * layer)
        if instrument and instrument.driven and self.score.drive > 0.1:
            layer = np.tanh(np.float32(8 * self.score.drive**2) * layer)
            # A loudspeaker cabinet passes little above 5 kHz.
            cabinet = scipy.signal.butter(2, [90, 4800], "bandpass", fs=self.rate, output="sos")
            layer = scipy.signal.sosfilt(cabinet.astype(np.float32), layer)
            layer = layer / _power(layer)
        return layer * np.float32(10 ** (self.score.levels[name] / 20))

    def _master(self, layers):
        """Mix, add the room, equalise, set the loudness, and keep peaks below full scale."""
        wet = layers["harmony"] + layers["colour"] + layers["lead"]
        dry = self._automated(wet + layers["bass"] + layers["drums"])
        wet = self._automated(wet + np.float32(0.35) * layers["drums"])
        channels = [(dry, wet)]
        if self.score.stereo:
            side = self._automated(np.float32(0.4) * (layers["harmony"] - layers["colour"]))
            channels = [(dry + side, wet), (dry - side, wet)]
        size = scipy.fft.next_fast_len(self.n + self.rate, real=True)
        curve = np.exp(_octaves(self.rate, size) @ np.float32([self.score.tilt, *self.score.curve]))
        room = int(np.clip(self.score.space * len(ROOMS), 0, len(ROOMS) - 1))
        amount = np.float32(0.9 * self.score.space)
        mixed = []
        for side, (direct, sent) in enumerate(channels):
            spectrum = scipy.fft.rfft(sent, size)
            spectrum *= _room(room, side, self.rate, size)
            spectrum *= amount
            spectrum += scipy.fft.rfft(direct, size)
            spectrum *= curve
            mixed.append(scipy.fft.irfft(spectrum, size)[: self.n])
        samples = np.stack(mixed, axis=1)
        samples /= _power(samples.ravel())
        samples += np.float32(10 ** (self.score.hiss / 20)) * np.resize(self.noise, samples.shape)
        samples *= np.float32(10 ** (self.score.loudness / 20))
        fade = self._time(FADE)[:, None] / FADE
        samples[: len(fade)] *= fade
        samples[-len(fade) :] *= fade[::-1]
        return (PEAK * np.tanh(samples / PEAK)).astype(np.float32)

    def _automated(self, signal):
        """Turned up and down as the score says, in steps of 1/450 s, within 10 ms."""
        at = np.arange(int(SECONDS * 450)) / 450
        starts, decibels = np.array(self.score.gains).T
        steps = np.repeat(decibels, 2)[:-1]
        edges = np.stack([starts[1:], starts[1:] + 0.01], axis=1).ravel()
        gain = (10 ** (np.interp(at, np.append(starts[0], edges), steps) / 20)).astype(np.float32)
        return (signal.reshape(len(gain), -1) * gain[:, None]).ravel()

    def _drum(self, drum):
        if drum not in self.sounds:
            self.sounds[drum] = self._make_drum(drum)
        return self.sounds[drum]

    def _make_drum(self, drum):
        kit = KITS[self.score.kit]
        pitch, decay = kit["kick"]
        if drum == "kick":
            t = self._time(6 * decay)
            phase = 2 * np.pi * (pitch * t + 90 * 0.03 * (1 - np.exp(-t / 0.03)))
            click = self._hiss(len(t), 0.5) * np.exp(-t / 0.004)
            return np.sin(phase) * np.exp(-t / decay) * 1.3 + 0.25 * click
        if drum == "tom":
            t = self._time(0.5)
            return np.sin(2 * np.pi * (95 * t + 3 * (1 - np.exp(-t / 0.05)))) * np.exp(-t / 0.13)
        if drum in ("snare", "clap"):
            pitch, decay, noisy = kit["snare"]
            t = self._time(6 * decay)
            body = np.sin(2 * np.pi * (pitch * t + 1.5 * (1 - np.exp(-t / 0.02)))) * np.exp(
                -t / (0.6 * decay)
            )
            crack = self._hiss(len(t), kit["dull"]) * np.exp(-t / decay)
            if drum == "clap":
                crack *= np.where(t < 0.03, np.exp(-(t % 0.01) / 0.004), 1)
                body = 0
            return (1 - noisy) * body + noisy * crack
        decay, level = {
            "hat": (kit["hat"], 0.35), "open hat": (0.16, 0.3), "ride": (0.25, 0.22), "crash": (0.7, 0.45)
        }[drum]  # fmt: skip
        t = self._time(min(5 * decay, 2))
        ring = np.sign(np.sin(2 * np.pi * 3170 * t)) * np.sign(np.sin(2 * np.pi * 4517 * t))
        metal = self._hiss(len(t), kit["dull"]) + (0.3 if drum == "ride" else 0.1) * ring.astype(np.float32)
        metal = np.diff(metal, prepend=np.float32(0))  # leaves little below 4 kHz
        return level * metal * np.exp(-t / decay)

    def _time(self, seconds):
        return np.arange(int(seconds * self.rate), dtype=np.float32) / np.float32(self.rate)

    def _hiss(self, n, dull):
        first = int(self.rng.integers(len(self.noise) - n - 1))
        noise = self.noise[first : first + n + 1]
        return (1 - dull) * noise[1:] + dull * (noise[1:] + noise[:-1]) / 2

    def _tone(self, note):
        key = (note.layer, note.pitch, note.seconds, note.vowel)
        if key not in self.sounds:
            self.sounds[key] = self._make_tone(note)
        return self.sounds[key]

    def _make_tone(self, note):
        name = self.score.instruments[note.layer]
        instrument = INSTRUMENTS[name]
        t = self._time(note.seconds + instrument.release)
        bright, dark = self._tables(name, note)
        frequency = 440 * 2 ** ((note.pitch - 69) / 12)
        cycles = np.float32(frequency) * t
        if instrument.vibrato:
            # Frequency swings 5.5 times a second, more after the note has settled; this is its integral.
            depth = frequency * (2 ** (instrument.vibrato / 12) - 1) / (2 * np.pi * 5.5)
            cycles = cycles + np.float32(depth) * np.minimum(t / 0.3, 1) * (
                1 - np.cos(np.float32(2 * np.pi * 5.5) * t)
            )
        shine = np.exp(-t / np.float32(instrument.bright))
        sound = self._read(bright, dark, cycles, shine)
        if instrument.unison:
            for detune in (-instrument.unison, instrument.unison):
                sound = sound + self._read(
                    bright, dark, cycles * np.float32(2 ** (detune / 12)) + 0.37, shine
                )
            sound = sound / 2
        if instrument.breath:
            breath = self._hiss(len(t), 0.4)
            rough = 1 + 0.8 * np.sign(np.sin(np.float32(2 * np.pi * 33) * t)) if name == "growl" else 1
            sound = (sound + instrument.breath * breath) * rough
        if note.vowel >= 0 and note.vowel % 2 == 0 and instrument.overtones == "vowel":
            consonant = np.exp(-t / 0.018) * self._hiss(len(t), 0.1)
            sound = sound + 0.25 * consonant
        return sound * self._envelope(t, note.seconds, instrument)

    @staticmethod
    def _envelope(t, seconds, instrument):
        level = instrument.sustain + (1 - instrument.sustain) * np.exp(-t / np.float32(instrument.decay))
        level = level * np.minimum(1, t / np.float32(instrument.attack))
        return level * np.clip(1 - (t - np.float32(seconds)) / np.float32(instrument.release), 0, 1)

    @staticmethod
    def _read(bright, dark, cycles, shine):
        place = (cycles * TABLE).astype(np.int32) & (TABLE - 1)
        low = dark[place]
        return low + shine * (bright[place] - low)

    def _tables(self, name, note):
        key = (name, note.pitch, note.vowel)
        if key not in self.tables:
            instrument = INSTRUMENTS[name]
            frequency = 440 * 2 ** ((note.pitch - 69) / 12)
            # No overtone beyond what the sample rate can hold, with room for vibrato and unison.
            k = np.arange(1, max(2, min(TABLE // 2, int(0.46 * self.rate / frequency)))).astype(float)
            strength = self._overtones(instrument, k, frequency, note.vowel) * k**instrument.slope
            self.tables[key] = _period(strength), _period(strength * k**-1.2)
        return self.tables[key]

    def _overtones(self, instrument, k, frequency, vowel):
        match instrument.overtones:
            case "saw":
                return 1 / k
            case "square":
                return (k % 2) / k
            case "plucked":
                return np.abs(np.sin(np.pi * 0.22 * k)) / k**1.1
            case "struck":
                return k**-1.4 * np.abs(np.sin(np.pi * 0.12 * k)) * 2
            case "tines":
                return np.select([k == 1, k == 2, k == 4, k == 7], [1, 0.25, 0.12, 0.2], 0)
            case "drawbars":
                return np.select(
                    [k == 1, k == 2, k == 3, k == 4, k == 6, k == 8], [0.8, 1, 0.6, 0.4, 0.25, 0.2], 0
                )
            case "few":
                return np.select([k == 1, k == 2, k == 3], [1, 0.3, 0.12], 0)
            case "inharmonic":  # parts of a bell, as overtones of a tone two octaves below
                return np.select([k == 1, k == 3, k == 5, k == 8], [1, 0.6, 0.4, 0.25], 0)
            case "vowel":
                tract = 2 ** (0.12 * self.score.voice)  # a longer or shorter throat
                ratio = k * frequency / (np.array(VOWELS[vowel])[:, None] * tract)
                resonance = (np.array([1, 0.5, 0.2])[:, None] / (1 + (8 * (ratio - 1 / ratio) / 2) ** 2)).sum(
                    axis=0
                )
                return (resonance + 0.02) / k**0.6
        raise ValueError(f"unknown overtones {instrument.overtones!r}")


def _power(signal):
    """Root mean square."""
    return np.float32(np.sqrt(signal @ signal / len(signal)))


def _period(strength):
    """One period with overtones of the given strengths, unit power."""
    spectrum = np.zeros(TABLE // 2 + 1, dtype=complex)
    # Phases that spread the energy over the period keep peaks low.
    spectrum[1 : len(strength) + 1] = strength * np.exp(
        1j * np.pi * np.arange(len(strength)) ** 2 / len(strength)
    )
    table = np.fft.irfft(spectrum)
    return (table / np.sqrt(np.mean(table**2))).astype(np.float32)


@lru_cache(maxsize=16)
def _room(number, side, rate, size):
    """Spectrum of a room's reverberation: decaying noise, duller as it decays."""
    rng = np.random.default_rng([number, side])
    n = int(min(ROOMS[number], 1.5) * rate)
    t = np.arange(n) / rate
    noise = rng.standard_normal(n) * np.exp(-6.9 * t / ROOMS[number])
    noise[: int(0.012 * rate)] = 0
    noise = scipy.signal.lfilter([0.35], [1, -0.65], noise)
    noise /= np.sqrt((noise**2).sum())
    return scipy.fft.rfft(noise.astype(np.float32), size)


@lru_cache(maxsize=2)
def _octaves(rate, size):
    """What 1 dB of tilt and of each point of the curve do to a spectrum, in nepers; shape=(n, 1 + points)."""
    octaves = np.log2(np.maximum(scipy.fft.rfftfreq(size, 1 / rate), 30) / 1000)
    points = np.log2(np.array(MASTER_CURVE_POINTS) / 1000)
    bumps = [np.interp(octaves, points, unit) for unit in np.eye(len(points))]
    return np.float32(np.stack([octaves.clip(-5, 3.5), *bumps], axis=1) * np.log(10) / 20)
