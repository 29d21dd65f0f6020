"""Every constant of the simulated world, in one place; `README.md` beside this file says why each has its value.

They were fixed by `python -m lib.demo.calibrate`, which trains nothing, before any network was trained.

Conventions
-----------
Shares and probabilities lie in [0, 1]; times are seconds, frequencies hertz, levels decibels, pitches MIDI numbers.
"""

from dataclasses import dataclass

# --- the world ------------------------------------------------------------------------------------------------------

N_ARTISTS = 230
N_LISTENERS = 5_000


@dataclass(frozen=True)
class Style:
    """A style of music: where it lies on the map of tastes, how common it is, and how it sounds on average."""

    name: str
    position: tuple[float, float, float]  # on the map of tastes: heaviness, electronics, groove
    share: float  # of the artists
    fame: float  # added to the log popularity of its artists
    loyalty: float  # how strongly its followers keep to it; 1 = average


STYLES = (
    Style("guitar pop", (0.0, 0.0, 0.0), 0.12, 0.5, 0.9),
    Style("indie rock", (0.3, -0.1, -0.5), 0.15, 0.3, 1.0),
    Style("classic rock", (0.7, -0.6, 0.2), 0.11, 0.4, 0.9),
    Style("alternative metal", (1.7, 0.0, 0.0), 0.09, 0.1, 1.0),
    Style("melodic metal", (2.4, -0.3, -0.3), 0.08, -0.2, 1.2),
    Style("hip hop", (-0.1, 0.6, 1.8), 0.10, 0.1, 1.3),
    Style("dance", (-0.2, 1.9, 0.7), 0.08, 0.0, 1.1),
    Style("synth pop", (-0.1, 1.2, 0.0), 0.08, 0.2, 0.9),
    Style("downtempo", (-0.8, 1.1, 0.4), 0.05, -0.2, 1.0),
    Style("ambient", (-1.3, 0.9, -0.9), 0.04, -0.5, 1.1),
    Style("folk", (-0.9, -0.9, -0.6), 0.06, -0.1, 1.0),
    Style("soul", (-0.6, -0.3, 1.1), 0.04, 0.1, 1.0),
)
STYLE_NAMES = tuple(style.name for style in STYLES)

# What an artist does in its own way whatever its style, each a standard normal number.
HABITS = ("tempo", "minor", "register", "brightness", "drive", "space", "density", "swing", "dynamics", "voice")

STYLE_REACH = 1.4  # distance on the map over which tastes for two styles stay related
MIXTURE_CONCENTRATION = 3.0  # of the Dirichlet draw of an artist's mixture: higher = closer to its style's usual blend
MIXTURE_FOCUS = 0.4  # distance on the map over which an artist borrows from neighbouring styles

N_SCENES = 4  # circles of artists who share listeners for reasons that nobody can hear: country, years, friendship
SCENE_CONCENTRATION = 0.15  # of the Dirichlet draw of an artist's scenes: low = most belong to one
ZIPF_EXPONENT = 1.5  # popularity falls with rank to this power ...
ZIPF_OFFSET = 10.0  # ... after so many ranks that flatten the head of the curve

# --- listeners --------------------------------------------------------------------------------------------------------

STYLE_PULL = 9.0  # distance in the space of tastes that a style makes, in units of the reach of a listener's interest
HABIT_PULL = {"drive": 0.5, "tempo": 0.3, "brightness": 0.3, "voice": 0.5}  # the same for a habit of 1
SCENE_PULL = 4.5  # the same for a scene
MAINSTREAM = (1.0, 15.0)  # Beta distribution, over listeners, of the share that goes to whatever is popular
FAME_WITHIN_AN_INTEREST = 0.9  # exponent of popularity in the rest
DRAWS_PER_LISTENER = (8, 0.6)  # median and log spread; an artist drawn twice counts once
PLAYS_PER_ARTIST = (60, 1.1, 0.8)  # median; log spread over listeners; log spread over one listener's artists

# Dirt in the plays file: kind -> share of the rows, at least one row each. `listeners.DIRT_LINES` says what each looks like.
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

# --- catalogues, as shares of the artists (six of 230, ...) -----------------------------------------------------------

NOTHING_TO_HEAR = 6 / 230  # in no catalogue, or (a third of them) on Spotify with null previews only
ONLY_ITUNES = 14 / 230
ONLY_DEEZER = 9 / 230
WITHOUT_ITUNES = 0.10
WITHOUT_DEEZER = 0.15
NULL_SPOTIFY_PREVIEWS = 0.35
TRIBUTE_ACTS = 10 / 230
TRACKS = (1, 2, 3, 4, 5, 6)  # how many an artist has ...
TRACKS_SHARES = (0.03, 0.05, 0.22, 0.30, 0.25, 0.15)  # ... and how often that is so
