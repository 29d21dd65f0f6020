"""What the simulated acts play: a track's drum hits and notes, before any sound.

A track mixes the styles of its artist: each layer (kit, drums, bass, harmony, colour, lead) is taken from
one style, drawn by the artist's mixture, and the numbers (tempo, swing, ...) are averages plus the artist's
habits plus the track's own chance. Verses and choruses of four bars repeat a chord progression and two
melodic motives.

Conventions
-----------
Times and lengths in seconds from the start of the clip; pitches are MIDI numbers; velocities lie in [0, 1]. A
bar has four steps to a beat. A note that began before the clip has a negative start.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from demo.constants import (
    BLEND_POWER,
    CONTRAST,
    DENSITY,
    DRIVE,
    HABITS,
    HISS,
    LEVELS,
    LINE_UP,
    LOUDNESS,
    MASTER_CURVE,
    MASTER_CURVE_POINTS,
    MINOR,
    REGISTER,
    SECONDS,
    SPACE,
    STEREO_SHARE,
    STOP_DEPTH,
    STOP_TIME,
    STYLES,
    SWING,
    TEMPO,
    TILT,
)

LAYERS = ("drums", "bass", "harmony", "colour", "lead")

# Drum patterns, a character a step: x = full, o = soft. First in four-four time, then in three-four.
DRUMS = {
    "rock": (
        {"kick": "x.......x.x.....", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."},
        {"kick": "x...........", "snare": "....x...x...", "hat": "x.o.x.o.x.o."},
    ),
    "fast": (
        {"kick": "x.....x.x.....x.", "snare": "..x...x...x...x.", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "x.....x.....", "snare": "...x.....x..", "hat": "x.x.x.x.x.x."},
    ),
    "toms": (
        {"kick": "x...x...x...x...", "tom": "x.xxo.x.x.xxo.x.", "snare": "............x..."},
        {"kick": "x.....x.....", "tom": "x.xxo.x.x.xx", "snare": "........x..."},
    ),
    "shuffle": (
        {"kick": "x.......x..x....", "snare": "....x.......x..o", "ride": "x..xx..xx..xx..x"},
        {"kick": "x...........", "snare": "....x...x...", "ride": "x..xx..xx..x"},
    ),
    "half": (
        {"kick": "x..x..x....x....", "snare": "........x.......", "crash": "o...o...o...o..."},
        {"kick": "x..x........", "snare": "......x.....", "crash": "o...o...o..."},
    ),
    "double": (
        {"kick": "xxxxxxxxxxxxxxxx", "snare": "....x.......x...", "ride": "x...x...x...x..."},
        {"kick": "xxxxxxxxxxxx", "snare": "....x...x...", "ride": "x...x...x..."},
    ),
    "blast": (
        {"kick": "x.x.x.x.x.x.x.x.", "snare": ".x.x.x.x.x.x.x.x", "ride": "x.x.x.x.x.x.x.x."},
        {"kick": "x.x.x.x.x.x.", "snare": ".x.x.x.x.x.x", "ride": "x.x.x.x.x.x."},
    ),
    "boom bap": (
        {"kick": "x.....xo..x.....", "snare": "....x.......x..o", "hat": "x.o.x.o.x.oox.o."},
        {"kick": "x.....x.....", "snare": "....x...x...", "hat": "x.o.x.o.x.o."},
    ),
    "rolls": (
        {"kick": "x......x..x.....", "clap": "........x.......", "hat": "x.xox.x.xoxox.xx"},
        {"kick": "x.....x.....", "clap": "......x.....", "hat": "x.xox.x.xoxo"},
    ),
    "four": (
        {
            "kick": "x...x...x...x...",
            "clap": "....x.......x...",
            "open hat": "..x...x...x...x.",
            "hat": "o..oo..oo..oo..o",
        },
        {"kick": "x...x...x...", "clap": "....x.......", "open hat": "..x...x...x."},
    ),
    "disco": (
        {
            "kick": "x...x...x...x...",
            "snare": "....x.......x...",
            "hat": "x.xxx.xxx.xxx.xx",
            "open hat": "..o...o...o...o.",
        },
        {"kick": "x...x...x...", "snare": "....x.......", "hat": "x.xxx.xxx.xx"},
    ),
    "electro": (
        {"kick": "x..x..x.x.......", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "x..x..x.....", "snare": "....x...x...", "hat": "x.x.x.x.x.x."},
    ),
    "break": (
        {"kick": "x.x.......x.....", "snare": "....x..o.o..x..o", "hat": "x.o.x.o.x.o.x.o."},
        {"kick": "x.x.........", "snare": "....x..o.o..", "hat": "x.o.x.o.x.o."},
    ),
    "sparse": (
        {"kick": "x...............", "hat": "......o.........", "tom": "...........o...."},
        {"kick": "x...........", "hat": "......o....."},
    ),
    "train": (
        {"kick": "x.......x.......", "snare": "o.oox.ooo.oox.oo"},
        {"kick": "x...........", "snare": "o.oox.oox.oo"},
    ),
    "shaker": (
        {"kick": "x.......x.......", "hat": "x.oox.oox.oox.oo", "clap": "....o.......o..."},
        {"kick": "x...........", "hat": "x.oox.oox.oo"},
    ),
    "soul": (
        {"kick": "x..o....x.x...o.", "snare": "....x..o.o..x...", "hat": "x.xxx.x.x.xxx.x."},
        {"kick": "x..o....x...", "snare": "....x...x...", "hat": "x.xxx.x.x.xx"},
    ),
}
# What a harmony, colour or lead part is called -> (instrument, how it plays, octaves up).
PARTS = {
    "strum": ("acoustic guitar", "strum", 0),
    "driven": ("electric guitar", "strum", 0),
    "jangle": ("clean guitar", "arpeggio 8", 1),
    "skank": ("clean guitar", "skank", 1),
    "piano": ("piano", "block", 0),
    "electric piano": ("electric piano", "syncopated", 0),
    "organ": ("organ", "sustained", 0),
    "pad": ("pad", "sustained", 0),
    "strings": ("strings", "sustained", 1),
    "stab": ("saws", "skank", 0),
    "arpeggio": ("square", "arpeggio 16", 1),
    "fingerpicking": ("acoustic guitar", "arpeggio 8", 0),
    "loop": ("piano", "loop", 1),
    "brass": ("brass", "stabs", 0),
    "bells": ("bells", "sprinkled", 1),
    "riff": ("electric guitar", "riff", -1),
    "power": ("electric guitar", "power", -1),
    "chug": ("muted guitar", "chug", -1),
    "lead guitar": ("lead guitar", "melody", 1),
    "synth lead": ("synth lead", "melody", 1),
    "flute": ("flute", "melody", 1),
    "voice": ("voice", "melody", 0),
    "shout": ("shout", "melody", 0),
    "growl": ("growl", "speech", -2),
    "rap": ("rap", "speech", -1),
}
BASS = {
    "eighths": ("pick bass", "x.x.x.x.x.x.x.x."),
    "syncopated": ("finger bass", "x..x..x.x...x.x."),
    "walking": ("finger bass", "x...x...x...x..."),
    "half notes": ("finger bass", "x.......x......."),
    "riff": ("pick bass", None),
    "sub": ("sub bass", "x.....x...x....."),
    "offbeat": ("synth bass", "..x...x...x...x."),
    "pulse": ("synth bass", "x.xxx.x.x.xxx.x."),
    "drone": ("sub bass", "x..............."),
}
# Forms of a clip, in sections of four bars; previews mostly show the middle of a song.
FORMS = (
    ("verse", "chorus"), ("verse", "verse", "chorus", "chorus"), ("chorus", "verse"),
    ("intro", "verse", "chorus"),
    ("verse", "break", "chorus"), ("chorus", "solo"),
)  # fmt: skip
SECTIONS = {  # layers that play, softness as a share of the track's contrast
    "intro": ({"drums", "harmony", "colour"}, 1.0),
    "verse": ({"drums", "bass", "harmony", "lead"}, 0.7),
    "chorus": ({"drums", "bass", "harmony", "colour", "lead"}, 0.0),
    "solo": ({"drums", "bass", "harmony", "colour"}, 0.2),
    "break": ({"harmony", "colour", "lead"}, 1.0),
}
PROGRESSIONS = {  # degrees of the scale, one a bar
    "major": ((0, 4, 5, 3), (0, 3, 4, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 0, 4), (0, 2, 3, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 6), (0, 5, 3, 4), (0, 0, 5, 6), (0, 2, 6, 3)),
}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


class Hit(NamedTuple):
    """One stroke of a drum."""

    start: float
    drum: str
    velocity: float


class Note(NamedTuple):
    """One note of a layer; `vowel` counts what is sung, or is -1."""

    start: float
    seconds: float
    pitch: float
    velocity: float
    layer: str
    vowel: int = -1


@dataclass
class Score:
    """A track on paper: what is played, on what, and how it is to be recorded."""

    bpm: float
    beats: int  # to a bar
    hits: list
    notes: list
    gains: list  # (start, dB): from then on; ascending
    kit: str | None
    instruments: dict  # layer -> instrument
    drive: float
    space: float
    tilt: float  # dB per octave
    curve: np.ndarray  # dB at MASTER_CURVE_POINTS
    levels: dict  # layer -> dB
    loudness: float  # dB
    hiss: float  # dB
    voice: float  # the artist's habit: deep to bright
    stereo: bool


def compose(world, track):
    """Write a track's score.

    Parameters
    ----------
    world : demo.world.World
    track : demo.world.Track

    Returns
    -------
    Score
        The same for the same world and track.
    """
    return _Composer(world, track).score()


class _Composer:
    def __init__(self, world, track):
        artist = world.artist(track.artist)
        self.rng = np.random.default_rng([world.seed, track.seed])
        blend = world.style_of(track) ** BLEND_POWER
        self.blend = blend / blend.sum()
        self.habit = dict(zip(HABITS, artist.habits, strict=True))
        line_up = world.artist(artist.copy_of) if artist.copy_of else artist
        usual = world.rng("line-up", line_up.index)
        self.choice = {
            field: self._choose(field, usual if self.rng.random() < LINE_UP else self.rng)
            for field in ("kit", "drums", "bass", "harmony", "colour", "lead")
        }
        self.beats = 3 if self.rng.random() < self._mean("triple") else 4
        self.bpm = self._mean("bpm") * np.exp(self._vary("tempo", TEMPO))
        self.swing = max(0.0, self._mean("swing") + self._vary("swing", SWING))
        self.density = np.clip(self._mean("density") + self._vary("density", DENSITY), 0.25, 1.6)
        odds = np.log(self._mean("minor") / (1 - self._mean("minor"))) + self._vary("minor", MINOR)
        self.mode = "minor" if self.rng.random() < 1 / (1 + np.exp(-odds)) else "major"
        self.tonic = 48 + int(self.rng.integers(12)) + round(self._vary("register", REGISTER) / 2)
        self.voicing = self._vary("register", REGISTER)
        self.step = 60 / self.bpm / 4
        self.hits, self.notes, self.gains = [], [], []

    def score(self):
        steps = self.beats * 4
        bar = steps * self.step
        progressions = PROGRESSIONS[self.mode]
        progression = {name: progressions[self.rng.integers(len(progressions))] for name in SECTIONS}
        sevenths = self._mean("sevenths")
        self.chord_size = 4 if self.rng.random() < sevenths else 3
        self.motives = {name: self._motive() for name in SECTIONS}
        self.riff = self._riff(steps)
        contrast = abs(self.rng.normal(0, CONTRAST))
        stops = self._stops()
        form = FORMS[self.rng.integers(len(FORMS))]
        start = -bar * self.rng.uniform() if self.rng.random() < 0.5 else 0.0
        n_bars = int(np.ceil((SECONDS - start) / bar))
        for number in range(n_bars):
            section = form[number // 4 % len(form)]
            layers, softness = SECTIONS[section]
            chord = progression[section][number % 4]
            at = start + number * bar
            self.gains.append((at, -contrast * softness))
            if stop := next(stops):
                self.gains.append((at + bar - stop * bar / self.beats, -STOP_DEPTH))
            for layer in LAYERS:
                if layer in layers and self.choice[layer]:
                    getattr(self, f"_{layer}")(at, number, section, chord)
        return Score(
            bpm=self.bpm,
            beats=self.beats,
            hits=self._sounding(hit for hit in self.hits if 0 <= hit.start < SECONDS),
            notes=self._sounding(note for note in self.notes if -note.seconds < note.start < SECONDS),
            gains=self.gains,
            kit=self.choice["kit"] if self.choice["drums"] else None,
            instruments=self._instruments(),
            drive=float(np.clip(self._mean("drive") + self._vary("drive", DRIVE), 0, 1)),
            space=float(np.clip(self._mean("space") + self._vary("space", SPACE), 0.02, 1)),
            tilt=self._mean("tilt") + self._vary("brightness", TILT),
            curve=self.rng.normal(0, MASTER_CURVE, len(MASTER_CURVE_POINTS)),
            levels=self._levels(),
            loudness=min(self.rng.normal(*LOUDNESS) + self.habit["dynamics"], -9.0),
            hiss=min(self.rng.normal(*HISS), -30.0),
            voice=self.habit["voice"],
            stereo=bool(self.rng.random() < STEREO_SHARE),
        )

    def _mean(self, field):
        return float(self.blend @ [getattr(style.sound, field) for style in STYLES])

    def _vary(self, habit, spread):
        return float(self.habit[habit] * spread[0] + self.rng.normal() * spread[1])

    def _choose(self, field, rng):
        options = getattr(STYLES[rng.choice(len(STYLES), p=self.blend)].sound, field)
        return options[rng.integers(len(options))]

    def _stops(self):
        """For each bar, how many beats at its end are silent."""
        share, bars, beats = STOP_TIME
        often = self.rng.choice(bars) if self.rng.random() < share else 0
        while True:
            yield int(self.rng.choice(beats)) if self.rng.random() < often else 0

    def _sounding(self, events):
        """The events that no stop silences, in order."""
        events = sorted(events)
        starts, decibels = np.array(self.gains).T
        place = np.searchsorted(starts, [event.start for event in events], side="right") - 1
        stopped = (place >= 0) & (decibels[place] == -STOP_DEPTH)
        return [event for event, silent in zip(events, stopped, strict=True) if not silent]

    def _levels(self):
        mean = self.blend @ [style.sound.levels for style in STYLES]
        return dict(zip(LAYERS, mean + self.rng.normal(0, LEVELS[1], len(LAYERS)), strict=True))

    def _instruments(self):
        of = {
            layer: PARTS[self.choice[layer]][0]
            for layer in ("harmony", "colour", "lead")
            if self.choice[layer]
        }
        return of | ({"bass": BASS[self.choice["bass"]][0]} if self.choice["bass"] else {})

    def _pitch(self, degree):
        scale = SCALES[self.mode]
        return self.tonic + scale[degree % 7] + 12 * (degree // 7)

    def _chord(self, degree, octaves=0):
        """Pitches of the chord on a degree, low to high, kept within an octave and a half."""
        pitches = [self._pitch(degree + 2 * k) for k in range(self.chord_size)]
        low = 52 + self.voicing
        return sorted(pitch - 12 * round((pitch - low - 6) / 12) + 12 * octaves for pitch in pitches)

    def _at(self, bar, step):
        """Time of a step, the off-beat sixteenths late by the swing."""
        late = self.swing * self.step * 0.5 if step % 2 else 0.0
        return bar + step * self.step + late + self.rng.normal(0, 0.004)

    def _note(self, start, steps, pitch, velocity, layer, vowel=-1):
        self.notes.append(Note(start, max(0.05, round(steps * self.step, 3)), pitch, velocity, layer, vowel))

    def _drums(self, bar, number, section, chord):
        pattern = DRUMS[self.choice["drums"]][self.beats == 3]
        last = number % 4 == 3
        steps = self.beats * 4
        for drum, line in pattern.items():
            if section == "intro" and drum not in ("hat", "kick", "ride"):
                continue
            if section == "chorus" and drum == "hat" and self.choice["kit"] in ("acoustic", "tight"):
                drum = "open hat"
            for step, mark in enumerate(line):
                if mark == "." or (last and step >= steps - 4 and drum != "kick"):
                    continue
                velocity = (1.0 if mark == "x" else 0.45) * self.rng.uniform(0.85, 1)
                self.hits.append(Hit(self._at(bar, step), drum, velocity))
        if number % 4 == 0 and section in ("chorus", "solo"):
            self.hits.append(Hit(bar, "crash", 1.0))
        if last and self.rng.random() < 0.7 * min(1.0, self.density):
            for step in range(steps - 4, steps):
                drum = ("snare", "tom", "tom", "snare")[self.rng.integers(4)]
                self.hits.append(Hit(self._at(bar, step), drum, self.rng.uniform(0.6, 1)))

    def _bass(self, bar, number, section, chord):
        _, line = BASS[self.choice["bass"]]
        root = self._pitch(chord)
        root -= 12 * round((root - 36 - self.voicing / 2) / 12)
        if line is None:
            for step, length, degree, accent in self.riff:
                self._note(self._at(bar, step), length, root + degree, accent, "bass")
            return
        onsets = [step for step, mark in enumerate(line[: self.beats * 4]) if mark == "x"] or [0]
        for place, (step, following) in enumerate(zip(onsets, [*onsets[1:], self.beats * 4], strict=True)):
            pitch = root
            if self.choice["bass"] == "walking":
                pitch += (0, 4 if self.mode == "major" else 3, 7, 9)[place % 4]
            elif place and self.rng.random() < 0.15:
                pitch += self.rng.choice([7, 12])
            self._note(self._at(bar, step), min(following - step, 8) * 0.95, pitch, 1.0, "bass")

    def _harmony(self, bar, number, section, chord):
        self._part("harmony", bar, number, section, chord)

    def _colour(self, bar, number, section, chord):
        self._part("colour", bar, number, section, chord)

    def _lead(self, bar, number, section, chord):
        self._part("lead", bar, number, section, chord)

    def _part(self, layer, bar, number, section, chord):
        _, manner, octaves = PARTS[self.choice[layer]]
        steps, pitches = self.beats * 4, self._chord(chord, octaves)
        root = pitches[0] - (pitches[0] - self._pitch(chord)) % 12
        strike = {
            "strum": "x...x.x...x.x.x." if self.density < 1.05 else "x.x.x.x.x.x.x.x.",
            "block": "x...x...x...x...",
            "syncopated": "x.....x...x.....",
            "sustained": "x...............",
            "skank": "..x...x...x...x." if self.choice[layer] == "stab" else "....x.......x...",
            "stabs": "......x...x.....",
            "power": "x.......x.......",
        }.get(manner)
        if strike:
            pitches = [root, root + 7, root + 12] if manner == "power" else pitches
            self._strike(layer, bar, strike[:steps], pitches, manner)
        elif manner.startswith("arpeggio"):
            every = 2 if manner.endswith("8") else 1
            notes = [*pitches, pitches[0] + 12, *pitches[:0:-1]]
            for place, step in enumerate(range(0, steps, every)):
                pitch = notes[place % len(notes)]
                self._note(self._at(bar, step), every * 2, pitch, 0.9 if step % 4 else 1.0, layer)
        elif manner == "loop":
            # The same few notes over every chord, as from a sample.
            pitches = self._chord(0, octaves)
            for step, _, degree, accent in self.motives["verse"][number % 2]:
                if step < steps:
                    self._note(self._at(bar, step), 3, pitches[degree % len(pitches)], accent, layer)
        elif manner == "sprinkled":
            for step in range(0, steps, 2):
                if self.rng.random() < 0.25 * self.density:
                    pitch = pitches[self.rng.integers(len(pitches))] + 12
                    self._note(self._at(bar, step), 8, pitch, self.rng.uniform(0.5, 1), layer)
        elif manner in ("riff", "chug"):
            for step, length, degree, accent in self.riff:
                fifth = [7] if accent > 0.9 or manner == "chug" else []
                for interval in (0, *fifth):
                    self._note(self._at(bar, step), length, root + degree + interval, accent, layer)
        elif manner == "melody":
            self._melody(layer, bar, number, section, chord, octaves)
        elif manner == "speech":
            self._speech(layer, bar, number, octaves)

    def _strike(self, layer, bar, line, pitches, manner):
        onsets = [step for step, mark in enumerate(line) if mark == "x"]
        for step, following in zip(onsets, [*onsets[1:], len(line)], strict=True):
            length = {"skank": 1.5, "stabs": 2.5, "syncopated": 5}.get(manner, following - step)
            down = manner == "strum"
            at = self._at(bar, step)
            velocity = self.rng.uniform(0.85, 1) * (1 if step % 8 == 0 else 0.85)
            for place, pitch in enumerate(pitches + [pitches[0] + 12] * down):
                self._note(at + 0.012 * place * down, length, pitch, velocity, layer)

    def _melody(self, layer, bar, number, section, chord, octaves):
        lift = 2 if section == "chorus" else 0
        centre = 60 + self.voicing + 12 * octaves + 3 * self.habit["register"]
        for step, length, degree, accent in self.motives[section][number % 2 if number % 4 != 3 else 0]:
            if step >= self.beats * 4:
                continue
            degree += lift
            if step % 8 == 0:  # strong beats on notes of the chord
                tones = [chord + tone + 7 * octave for tone in (0, 2, 4) for octave in (-2, -1, 0, 1)]
                degree = tones[np.argmin(np.abs(np.array(tones) - degree))]
            pitch = self._pitch(degree)
            pitch += 12 * round((centre - self._pitch(2 + lift)) / 12)
            vowel = (step * 7 + degree * 3 + number % 4) % 5
            self._note(self._at(bar, step), length, pitch, accent, layer, vowel)

    def _speech(self, layer, bar, number, octaves):
        """Syllables on the sixteenths around a speaking pitch, a breath at the end of the line."""
        often = 0.8 if octaves == -1 else 0.4
        base = 60 + 12 * octaves + self.habit["register"] * 2
        step, breath = 0, self.beats * 4 - (2 if number % 2 else 0)
        while step < breath:
            length = 1 if self.rng.random() < often else int(self.rng.integers(2, 5))
            if self.rng.random() < 0.75 + 0.15 * (step % 4 == 0):
                pitch = round(base + self.rng.normal(0, 1.2) + (2 if step % 4 == 0 else 0))
                self._note(
                    self._at(bar, step), length * 0.9, pitch, self.rng.uniform(0.7, 1), layer,
                    int(self.rng.integers(5)),
                )  # fmt: skip
            step += length

    def _motive(self):
        """Two bars of melody: (step, length in steps, degree, accent) for each bar."""
        bars, degree = [], int(self.rng.integers(0, 5))
        for _ in range(2):
            onsets = [
                step for step in range(0, self.beats * 4)
                if self.rng.random() < self.density * (0.75, 0.06, 0.4, 0.06)[step % 4]
            ] or [0]  # fmt: skip
            notes = []
            for step, following in zip(onsets, [*onsets[1:], self.beats * 4], strict=True):
                degree = int(np.clip(degree + self.rng.integers(-2, 3), -3, 8))
                notes.append((step, min(following - step, 8) * 0.9, degree, self.rng.uniform(0.75, 1)))
            bars.append(notes)
        return bars

    def _riff(self, steps):
        """One bar for low guitars: (step, length in steps, semitones above the root, accent)."""
        notes, step = [], 0
        while step < steps:
            length = int(
                self.rng.choice(
                    [1, 2, 3, 4], p=[0.35, 0.4, 0.1, 0.15] if self.density > 1 else [0.1, 0.45, 0.15, 0.3]
                )
            )
            accent = 1.0 if length > 2 or step == 0 else 0.8
            semitones = int(self.rng.choice([0, 3, 5, 7, 10], p=[0.65, 0.12, 0.1, 0.08, 0.05]))
            notes.append((step, min(length, steps - step), semitones, accent))
            step += length
        return notes
