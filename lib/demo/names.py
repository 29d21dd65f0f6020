"""Invented names for artists, albums and tracks: plain words that fit a style, put together at random.

Any resemblance to a real act is chance; the words were picked to be pleasant and not to make up a known name.
"""

PEOPLE_FIRST = (
    "Alma Anselm Beatrix Caspar Delphine Edda Emeric Fenna Greta Hollis Imre Ines Jonna Kasimir Leontine Linus Maren "
    "Milo Nadja Odile Oskar Petra Quentin Rosalie Silas Solène Tamsin Tove Ulric Verena Wendell Yara Zdeněk Ximena"
).split()
PEOPLE_LAST = (
    "Abernethy Brandvold Castellane Dunmore Ekmark Fairweather Grünfeld Hallowell Ibsgaard Jessamy Kettleby Lindqvist "
    "Marchetti Norwood Okonjo Pemberton Quillfeather Rostova Sandoval Thornbury Underhill Varga Winterbourne Yarrow "
    "Zellweger Ashcombe Borealis Calloway Dovetail Eastlake"
).split()
HANDLES = (
    "Rook Verse Kilo Domino Saffron Prophet Lucky Mister Lady Young Deacon Marlo Tempo Cobalt Velvet Captain".split(),
    "Delano Quarter Montrose Ledger Parable Tenfold Bishop Almanac Cadence Harlow Sable Ransom Bricks Kingsway "
    "Monsoon Treble".split(),
)

BANDS = {
    "guitar pop": (
        "Sunday Ribbon Button Peppermint Postcard Marigold Holiday Bicycle Gooseberry Gingham".split(),
        "Clocks Umbrellas Weathervanes Satellites Carousels Lanterns Tangerines Calendars Neighbours Kites".split(),
    ),
    "indie rock": (
        "Hollow Northern Second Borrowed Distant Static Cardboard Empty Quiet Crooked".split(),
        "Harbours Staircase Telegrams Antlers Swimmers Piers Cartographers Ferries Balconies Orchards".split(),
    ),
    "classic rock": (
        "Copper Highway Thunder Canyon Midnight Iron Whiskey Rolling Desert Golden".split(),
        "Freighter Caravan Barons Junction Railwaymen Mesa Haymakers Foundry Surveyors Buffalo".split(),
    ),
    "alternative metal": (
        "Broken Concrete Hostile Rusted Severed Blank Burning Fractured Static Cold".split(),
        "Dividend Verdict Turbine Parallel Doctrine Wiring Exit Tenement Cortex Ordinance".split(),
    ),
    "melodic metal": (
        "Ashen Winter Obsidian Heron Pale Sombre Northern Iron Tarnished Grim".split(),
        "Vault Citadel Oath Monolith Fjord Cathedral Dirge Rampart Glacier Reliquary".split(),
    ),
    "dance": (
        "Neon Circuit Laser Velvet Mono Strobe Solar Turbo Chrome Sector".split(),
        "Arcade Assembly Motel Syndicate Elevator Hydraulics Pavilion Department Radar Terrace".split(),
    ),
    "synth pop": (
        "Plastic Glass Pastel Electric Polaroid Satin Mirror Silver Digital Violet".split(),
        "Boulevard Embassy Ballet Weekend Portrait Vacation Operators Alibi Transit Mannequins".split(),
    ),
    "downtempo": (
        "Slow Amber Smoke Harbour Dusk Velour Cinnamon Late Sepia Hazy".split(),
        "Cartel Apparatus Laundry Projector Aquarium Bureau Lagoon Division Cassette Ritual".split(),
    ),
    "ambient": (
        "Polar Distant White Tidal Lunar Faint Stellar Glass Drifting Soft".split(),
        "Observatory Estuary Cartography Meridian Sediment Isobar Archive Parallax Latitude Vapour".split(),
    ),
    "folk": (
        "Willow Bramble Rowan Heather Sparrow Barley Hazel Juniper Thistle Meadow".split(),
        "Almanac Hearth Lantern Orchard Brook Shepherds Hollow Wicket Loom Gathering".split(),
    ),
    "soul": (
        "Honey Sweet Velvet Royal Midtown Sugar Golden Easy Uptown Tender".split(),
        "Delights Avenue Merchants Emeralds Devotion Sevens Parade Concord Testimony Affair".split(),
    ),
}
SOLO_SHARE = {"folk": 0.7, "soul": 0.6, "hip hop": 1.0, "ambient": 0.4, "dance": 0.3, "guitar pop": 0.35}

TITLE_FIRST = (
    "Paper Silver Distant Broken Slow Northern Hidden Golden Winter Summer Quiet Electric Hollow Borrowed Crooked "
    "Velvet Burning Little Second Open Falling Foreign Gentle Missing"
).split()
TITLE_SECOND = (
    "Rooms Rivers Letters Engines Mornings Harbour Signals Windows Shoulders Weather Tigers Avenue Mirrors Fever "
    "Gardens Promises Cities Parade Shadow Holiday Satellite Bones Compass Ribbon"
).split()


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
