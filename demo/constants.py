"""Every constant of the simulated world, in one place; `README.md` in this folder gives the reasons.

They were fixed by `python -m demo.calibrate`, which trains nothing, before any network was trained.

Conventions
-----------
Shares and probabilities lie in [0, 1]; times are seconds, frequencies hertz, levels decibels, pitches MIDI
numbers.
"""

from dataclasses import dataclass

N_ARTISTS = 230
N_LISTENERS = 5_000


@dataclass(frozen=True)
class Sound:
    """How a style sounds on average; of tuples its acts choose one, by a name in `score`."""

    bpm: float  # beats a minute
    minor: float  # share of the tracks in a minor key
    triple: float  # share of the tracks in three-four time
    swing: float  # 0 = even, 1 = triplets
    sevenths: float  # share of the chords with a seventh
    density: float  # of the notes, 1 = usual
    drive: float  # distortion of the guitars, 0 to 1
    space: float  # reverberation, 0 to 1
    tilt: float  # of the whole spectrum, dB per octave around 1 kHz
    kit: tuple
    drums: tuple
    bass: tuple
    harmony: tuple
    colour: tuple
    lead: tuple
    levels: tuple  # of drums, bass, harmony, colour, lead [dB]


@dataclass(frozen=True)
class Style:
    """A style of music: its place on the map of tastes, how common it is, and how it sounds on average."""

    name: str
    position: tuple  # on the map of tastes: heaviness, electronics, groove
    share: float  # of the artists
    popularity: float  # added to the log popularity of its artists
    loyalty: float  # how strongly its followers keep to it; 1 = average
    sound: Sound


STYLES = (
    Style(
        "guitar pop", (0.0, 0.0, 0.0), 0.12, 0.5, 0.9,
        Sound(
            bpm=116, minor=0.25, triple=0.06, swing=0.05, sevenths=0.15, density=1.0, drive=0.25,
            space=0.30, tilt=-1.6,
            kit=("acoustic",), drums=("rock", "rock", "disco"), bass=("eighths", "syncopated"),
            harmony=("strum", "jangle", "piano"), colour=(None, "organ", "strings"), lead=("voice",),
            levels=(0, 0, 0, -4, 2),
        ),
    ),
    Style(
        "indie rock", (0.3, -0.1, -0.5), 0.15, 0.3, 1.0,
        Sound(
            bpm=130, minor=0.45, triple=0.08, swing=0.0, sevenths=0.1, density=1.05, drive=0.5,
            space=0.38, tilt=-1.5,
            kit=("acoustic",), drums=("rock", "fast", "toms"), bass=("eighths", "eighths", "syncopated"),
            harmony=("driven", "jangle", "strum"), colour=(None, "lead guitar", "jangle"), lead=("voice",),
            levels=(0, 0, 0, -4, 0),
        ),
    ),
    Style(
        "classic rock", (0.7, -0.6, 0.2), 0.11, 0.4, 0.9,
        Sound(
            bpm=118, minor=0.35, triple=0.07, swing=0.2, sevenths=0.2, density=1.0, drive=0.55,
            space=0.22, tilt=-1.9,
            kit=("acoustic",), drums=("rock", "shuffle", "rock"), bass=("walking", "eighths", "syncopated"),
            harmony=("riff", "driven", "piano"), colour=("organ", "lead guitar", None),
            lead=("voice", "voice", "lead guitar"),
            levels=(-1, 0, 1, -3, 1),
        ),
    ),
    Style(
        "alternative metal", (1.7, 0.0, 0.0), 0.09, 0.1, 1.0,
        Sound(
            bpm=106, minor=0.85, triple=0.03, swing=0.0, sevenths=0.0, density=1.1, drive=0.85,
            space=0.2, tilt=-1.6,
            kit=("tight",), drums=("half", "rock", "double"), bass=("riff",),
            harmony=("chug", "power", "driven"), colour=(None, "pad", "lead guitar"), lead=("voice", "shout"),
            levels=(1, 0, 2, -6, 0),
        ),
    ),
    Style(
        "melodic metal", (2.4, -0.3, -0.3), 0.08, -0.2, 1.2,
        Sound(
            bpm=148, minor=0.95, triple=0.06, swing=0.0, sevenths=0.0, density=1.3, drive=1.0,
            space=0.25, tilt=-1.5,
            kit=("tight",), drums=("double", "blast", "fast"), bass=("riff",),
            harmony=("chug", "power", "chug"), colour=("lead guitar", "lead guitar", "strings"),
            lead=("growl", "growl", "shout"),
            levels=(1, -1, 2, -2, 0),
        ),
    ),
    Style(
        "hip hop", (-0.1, 0.6, 1.8), 0.10, 0.1, 1.3,
        Sound(
            bpm=91, minor=0.75, triple=0.0, swing=0.3, sevenths=0.45, density=1.0, drive=0.1,
            space=0.12, tilt=-1.9,
            kit=("electronic", "eight"), drums=("boom bap", "boom bap", "rolls"),
            bass=("sub", "sub", "syncopated"),
            harmony=("electric piano", "loop", "piano"), colour=(None, "strings", "brass"), lead=("rap",),
            levels=(3, 3, -3, -6, 3),
        ),
    ),
    Style(
        "dance", (-0.2, 1.9, 0.7), 0.08, 0.0, 1.1,
        Sound(
            bpm=127, minor=0.7, triple=0.0, swing=0.05, sevenths=0.3, density=1.1, drive=0.15,
            space=0.35, tilt=-1.4,
            kit=("electronic",), drums=("four", "four", "disco"), bass=("offbeat", "pulse"),
            harmony=("stab", "pad", "stab"), colour=("arpeggio", "arpeggio", None),
            lead=("synth lead", None, "voice"),
            levels=(3, 1, 0, -3, -2),
        ),
    ),
    Style(
        "synth pop", (-0.1, 1.2, 0.0), 0.08, 0.2, 0.9,
        Sound(
            bpm=119, minor=0.5, triple=0.02, swing=0.0, sevenths=0.2, density=1.0, drive=0.2,
            space=0.38, tilt=-1.5,
            kit=("electronic",), drums=("electro", "four", "rock"), bass=("pulse", "offbeat"),
            harmony=("pad", "arpeggio", "stab"), colour=("arpeggio", None, "bells"),
            lead=("voice", "voice", "synth lead"),
            levels=(1, 1, 0, -3, 1),
        ),
    ),
    Style(
        "downtempo", (-0.8, 1.1, 0.4), 0.05, -0.2, 1.0,
        Sound(
            bpm=86, minor=0.75, triple=0.02, swing=0.2, sevenths=0.6, density=0.8, drive=0.1,
            space=0.5, tilt=-2.0,
            kit=("electronic", "acoustic"), drums=("break", "boom bap", "break"), bass=("sub", "syncopated"),
            harmony=("electric piano", "pad", "loop"), colour=("strings", "bells", None),
            lead=("voice", None, "flute"),
            levels=(0, 3, 0, -3, -2),
        ),
    ),
    Style(
        "ambient", (-1.3, 0.9, -0.9), 0.04, -0.5, 1.1,
        Sound(
            bpm=72, minor=0.5, triple=0.1, swing=0.0, sevenths=0.5, density=0.45, drive=0.05,
            space=0.9, tilt=-2.0,
            kit=("electronic",), drums=(None, None, "sparse"), bass=("drone", None),
            harmony=("pad",), colour=("bells", "strings", "piano"), lead=(None, "synth lead", "flute"),
            levels=(-5, 0, 2, -1, -6),
        ),
    ),
    Style(
        "folk", (-0.9, -0.9, -0.6), 0.06, -0.1, 1.0,
        Sound(
            bpm=104, minor=0.35, triple=0.3, swing=0.1, sevenths=0.15, density=0.9, drive=0.0,
            space=0.22, tilt=-1.8,
            kit=("brushed",), drums=(None, "train", "shaker"), bass=(None, "half notes", "half notes"),
            harmony=("fingerpicking", "strum"), colour=(None, "strings", "flute"), lead=("voice",),
            levels=(-5, -1, 1, -4, 3),
        ),
    ),
    Style(
        "soul", (-0.6, -0.3, 1.1), 0.04, 0.1, 1.0,
        Sound(
            bpm=102, minor=0.5, triple=0.03, swing=0.15, sevenths=0.6, density=1.1, drive=0.15,
            space=0.22, tilt=-1.8,
            kit=("acoustic",), drums=("soul", "rock", "disco"), bass=("syncopated", "walking"),
            harmony=("electric piano", "skank", "organ"), colour=("brass", "strings", "brass"),
            lead=("voice",),
            levels=(0, 2, -1, -2, 2),
        ),
    ),
)  # fmt: skip
STYLE_NAMES = tuple(style.name for style in STYLES)

# What an artist does in its own way whatever its style, each a standard normal number.
HABITS = (
    "tempo", "minor", "register", "brightness", "drive", "space", "density", "swing", "dynamics", "voice"
)  # fmt: skip

STYLE_REACH = 1.4  # distance on the map over which tastes for two styles stay related
# Of the Dirichlet draw of an artist's mixture; higher: closer to its style's usual blend.
MIXTURE_CONCENTRATION = 3.0
MIXTURE_FOCUS = 0.4  # distance on the map over which an artist borrows from neighbouring styles

# Circles of artists who share listeners for reasons that nobody can hear: country, years, friendship.
N_SCENES = 4
SCENE_CONCENTRATION = 0.15  # of the Dirichlet draw of an artist's scenes: low = most belong to one
ZIPF_EXPONENT = 1.5  # popularity falls with rank to this power ...
ZIPF_OFFSET = 10.0  # ... after so many ranks that flatten the head of the curve

# Distance in the space of tastes that a style makes, in units of the reach of a listener's interest.
STYLE_PULL = 9.0
HABIT_PULL = {"drive": 0.5, "tempo": 0.3, "brightness": 0.3, "voice": 0.5}  # the same for a habit of 1
SCENE_PULL = 4.5  # the same for a scene
MAINSTREAM = (1.0, 15.0)  # Beta distribution, over listeners, of the share that goes to whatever is popular
POPULARITY_WITHIN_AN_INTEREST = 0.9  # exponent of popularity in the rest
DRAWS_PER_LISTENER = (6, 0.6)  # median and log spread; an artist drawn twice counts once
PLAYS_PER_ARTIST = (60, 1.1, 0.8)  # median; log spread over listeners; log spread over one listener's artists

# Dirt in the plays file: kind -> share of the rows, at least one row each; `listeners.DIRT_LINES` shows each.
DIRT = {
    "blank MBID": 0.004,
    "another spelling of the name": 0.006,
    "another MBID for the name": 0.001,
    "name begins with a quote": 0.0005,
    "quotes inside the name": 0.0005,
    "carriage return in the name": 0.0003,
    "line separator in the name": 0.0003,
    "empty name": 0.0003,
    "[unknown] artist": 0.001,
    "an act called nan, null or NA": 0.0006,
    "three fields": 0.0002,
    "five fields": 0.0002,
    "plays that are no whole number": 0.0003,
    "zero plays": 0.0005,
    "huge plays": 0.0001,
    "date for a user": 0.0001,
    "twice the same row": 0.002,
}
PROFILE_DIRT = {  # kind -> share of the listeners
    "no gender": 0.09,
    "no age": 0.20,
    "age -1337": 0.002,
    "no sign-up date": 0.01,
    "no row at all": 0.002,
}

# Catalogues, as shares of the artists.
NOTHING_TO_HEAR = 6 / 230  # in no catalogue, or (a third of them) on Spotify with null previews only
ONLY_ITUNES = 14 / 230
ONLY_DEEZER = 9 / 230
WITHOUT_ITUNES = 0.10
WITHOUT_DEEZER = 0.15
NULL_SPOTIFY_PREVIEWS = 0.35
TRIBUTE_ACTS = 10 / 230
TRACKS = (1, 2, 3, 4, 5, 6)  # how many an artist has ...
TRACKS_SHARES = (0.03, 0.05, 0.22, 0.30, 0.25, 0.15)  # ... and how often that is so

SECONDS = 30.0
STEREO_SHARE = 0.1  # of the tracks in stereo at 44.1 kHz; the others are mono at 22.05 kHz

BLEND_POWER = 1.5  # an artist's or a track's choices follow its mixture to this power
LINE_UP = 0.6  # how often a track uses its artist's usual kit, drums, bass, ...
# What a habit of 1 does, and how much one track differs from the next by chance (standard deviations):
#                 habit, track
TEMPO = (0.06, 0.08)  # in log beats a minute
MINOR = (0.8, 0.0)  # in log odds
REGISTER = (2.0, 2.0)  # semitones
TILT = (0.4, 1.6)  # dB per octave
DRIVE = (0.12, 0.10)
SPACE = (0.08, 0.10)
DENSITY = (0.12, 0.12)
SWING = (0.06, 0.05)
LEVELS = (0.0, 2.0)  # dB, each layer
MASTER_CURVE = 3.5  # dB, standard deviation of the track's own smooth equaliser curve ...
MASTER_CURVE_POINTS = (60, 200, 600, 1_800, 5_000, 10_000)  # ... at these frequencies
CONTRAST = 12.0  # dB by which the softest sections stay below the loudest: half-normal over tracks
# Stops: share of the tracks that have them, in which shares of their bars, for how many beats.
STOP_TIME = (0.2, (0.25, 0.5), (1, 2))
STOP_DEPTH = 40.0  # dB
HISS = (-62.0, 8.0)  # dB of the recording's noise below its music: mean and spread over tracks
LOUDNESS = (-16.0, 2.5)  # dB below full scale, root mean square: mean and spread over tracks
