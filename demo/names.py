"""Invented names for artists, albums and tracks: plain words that fit a style, put together at random.

Any resemblance to a real act is chance; the words were picked to be pleasant and not to make up a known name.
"""


def _words(text):
    return tuple(text.split())


PEOPLE_FIRST = _words(
    "Alma Anselm Beatrix Caspar Delphine Edda Emeric Fenna Greta Hollis Imre Ines Jonna Kasimir "
    "Leontine Linus Maren Milo Nadja Odile Oskar Petra Quentin Rosalie Silas Solène Tamsin Tove "
    "Ulric Verena Wendell Yara Zdeněk Ximena"
)
PEOPLE_LAST = _words(
    "Abernethy Brandvold Castellane Dunmore Ekmark Fairweather Grünfeld Hallowell Ibsgaard "
    "Jessamy Kettleby Lindqvist Marchetti Norwood Okonjo Pemberton Quillfeather Rostova "
    "Sandoval Thornbury Underhill Varga Winterbourne Yarrow Zellweger Ashcombe Borealis "
    "Calloway Dovetail Eastlake"
)
HANDLES = (
    _words(
        "Rook Verse Kilo Domino Saffron Prophet Lucky Mister Lady Young Deacon Marlo Tempo "
        "Cobalt Velvet Captain"
    ),
    _words(
        "Delano Quarter Montrose Ledger Parable Tenfold Bishop Almanac Cadence Harlow Sable "
        "Ransom Bricks Kingsway Monsoon Treble"
    ),
)

BANDS = {
    "guitar pop": (
        _words("Sunday Ribbon Button Peppermint Postcard Marigold Holiday Bicycle Gooseberry Gingham"),
        _words(
            "Clocks Umbrellas Weathervanes Satellites Carousels Lanterns Tangerines Calendars "
            "Neighbours Kites"
        ),
    ),
    "indie rock": (
        _words("Hollow Northern Second Borrowed Distant Static Cardboard Empty Quiet Crooked"),
        _words(
            "Harbours Staircase Telegrams Antlers Swimmers Piers Cartographers Ferries Balconies Orchards"
        ),
    ),
    "classic rock": (
        _words("Copper Highway Thunder Canyon Midnight Iron Whiskey Rolling Desert Golden"),
        _words("Freighter Caravan Barons Junction Railwaymen Mesa Haymakers Foundry Surveyors Buffalo"),
    ),
    "alternative metal": (
        _words("Broken Concrete Hostile Rusted Severed Blank Burning Fractured Static Cold"),
        _words("Dividend Verdict Turbine Parallel Doctrine Wiring Exit Tenement Cortex Ordinance"),
    ),
    "melodic metal": (
        _words("Ashen Winter Obsidian Heron Pale Sombre Northern Iron Tarnished Grim"),
        _words("Vault Citadel Oath Monolith Fjord Cathedral Dirge Rampart Glacier Reliquary"),
    ),
    "dance": (
        _words("Neon Circuit Laser Velvet Mono Strobe Solar Turbo Chrome Sector"),
        _words("Arcade Assembly Motel Syndicate Elevator Hydraulics Pavilion Department Radar Terrace"),
    ),
    "synth pop": (
        _words("Plastic Glass Pastel Electric Polaroid Satin Mirror Silver Digital Violet"),
        _words("Boulevard Embassy Ballet Weekend Portrait Vacation Operators Alibi Transit Mannequins"),
    ),
    "downtempo": (
        _words("Slow Amber Smoke Harbour Dusk Velour Cinnamon Late Sepia Hazy"),
        _words("Cartel Apparatus Laundry Projector Aquarium Bureau Lagoon Division Cassette Ritual"),
    ),
    "ambient": (
        _words("Polar Distant White Tidal Lunar Faint Stellar Glass Drifting Soft"),
        _words("Observatory Estuary Cartography Meridian Sediment Isobar Archive Parallax Latitude Vapour"),
    ),
    "folk": (
        _words("Willow Bramble Rowan Heather Sparrow Barley Hazel Juniper Thistle Meadow"),
        _words("Almanac Hearth Lantern Orchard Brook Shepherds Hollow Wicket Loom Gathering"),
    ),
    "soul": (
        _words("Honey Sweet Velvet Royal Midtown Sugar Golden Easy Uptown Tender"),
        _words("Delights Avenue Merchants Emeralds Devotion Sevens Parade Concord Testimony Affair"),
    ),
}
SOLO_SHARE = {"folk": 0.7, "soul": 0.6, "hip hop": 1.0, "ambient": 0.4, "dance": 0.3, "guitar pop": 0.35}

TITLE_FIRST = _words(
    "Paper Silver Distant Broken Slow Northern Hidden Golden Winter Summer Quiet Electric "
    "Hollow Borrowed Crooked Velvet Burning Little Second Open Falling Foreign Gentle Missing"
)
TITLE_SECOND = _words(
    "Rooms Rivers Letters Engines Mornings Harbour Signals Windows Shoulders Weather Tigers "
    "Avenue Mirrors Fever Gardens Promises Cities Parade Shadow Holiday Satellite Bones Compass "
    "Ribbon"
)


def band(style, rng):
    """A name for an act of a style.

    Parameters
    ----------
    style : str
        One of `constants.STYLE_NAMES`.
    rng : np.random.Generator

    Returns
    -------
    str
    """
    if rng.random() < SOLO_SHARE.get(style, 0.12):
        first, last = HANDLES if style == "hip hop" else (PEOPLE_FIRST, PEOPLE_LAST)
        return f"{rng.choice(first)} {rng.choice(last)}"
    first, second = BANDS[style]
    return f"{rng.choice(['', 'The '])}{rng.choice(first)} {rng.choice(second)}"


def title(rng):
    """A name for a track or an album."""
    return f"{rng.choice(TITLE_FIRST)} {rng.choice(TITLE_SECOND)}"
