"""Where clips come from: one module a source, all behind the interface of `lib.clips.sources.source`.

Conventions
-----------
A new source is one module, which is imported and registered here. It has

- ``Source(settings)``, a `source.Source` with a ``name``: a `source.Named` where only names are known, a
  `source.Catalogue` where a service is asked;
- the constants ADDRESSES (name → where a service is; empty where none is asked), NEEDS_STATEMENT, LICENCE,
  CITATION and TERMS; where a service gives not everybody all of this, RESTRICTED says so in half a sentence.

A service gives its client the hosts of its previews and a `limits.Limiter` of its own, and `MusicBrainz` the
pattern of its artist pages; `deezer` is the shortest example. What a source needs to know from a person is a
field of `source.Settings` and a parameter of notebook 02. The order in which sources are asked is the
caller's.
"""

import socket
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import requests

from lib.clips.sources import deezer, folder, itunes, merge, musicbrainz, spotify
from lib.clips.sources.http import host_of, is_loopback, port_of
from lib.clips.sources.source import Settings

STATED = ("ADDRESSES", "NEEDS_STATEMENT", "LICENCE", "CITATION", "TERMS", "Source")  # by each module
SOURCES, ADDRESSES = {}, {}  # name → module; name → where a service is
CONNECT = 3.0  # seconds until a host has to accept a connection before a run


def register(module):
    """Make a source known, by the name of its ``Source``.

    Parameters
    ----------
    module : module

    Raises
    ------
    ValueError
        If the module does not state all that it should, or the name is that of another source.
    """
    if missing := [name for name in STATED if not hasattr(module, name)]:
        raise ValueError(f"{module.__name__} cannot be a source of clips without {', '.join(missing)}")
    name = module.Source.name
    if not name or name in SOURCES:
        raise ValueError(f"{module.__name__}.Source needs a name of its own, got {name!r}")
    SOURCES[name] = module
    ADDRESSES.update(module.ADDRESSES)


for each in (spotify, itunes, deezer, merge, folder):
    register(each)
ADDRESSES.update(musicbrainz.ADDRESSES)


def connect(sources, **settings):
    """Open sources, in the order in which they are to be asked.

    Parameters
    ----------
    sources : sequence of str
        Keys of ``SOURCES``.
    **settings
        Of `lib.clips.sources.source.Settings`: ``cache``, ``addresses``, ``contact``, ``i_may_use``,
        ``country``, ``music_folder`` and so on.

    Returns
    -------
    list of lib.clips.sources.source.Source

    Raises
    ------
    ValueError
        If a source or an address is unknown, its terms ask for a statement that was not made, or what it
        needs is missing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> music = pathlib.Path(tempfile.mkdtemp())
    >>> (music / "Abba").mkdir()
    >>> (music / "Abba" / "song.mp3").touch()
    >>> [(source.name, source.offers()) for source in connect(["folder"], music_folder=str(music))]
    [('folder', ['Abba'])]
    """
    settings = Settings(**settings)
    _reject_unknown("source", sources, SOURCES)
    _reject_unknown("source in `i_may_use`", settings.i_may_use, SOURCES)
    _reject_unknown("address", settings.addresses, ADDRESSES)
    if not sources:
        raise ValueError(f"no source of clips given; known are {', '.join(SOURCES)}")
    for name in sources:
        module = SOURCES[name]
        addresses = module.ADDRESSES | settings.addresses
        outside = not all(is_loopback(addresses[key]) for key in module.ADDRESSES)
        if outside and module.NEEDS_STATEMENT and name not in settings.i_may_use:
            raise ValueError(
                f"{name} is off until you say that you may use it. Its terms: {module.TERMS} If you may, set"
                f" the parameter `i_may_use`: [{name}]; otherwise take it out of `sources`."
            )
        if outside and not settings.contact:
            raise ValueError(
                f"{name} is a service outside, which wants to know whom to write to: set the parameter"
                " `contact` to your mail or web address"
            )
    return [SOURCES[name].Source(settings) for name in sources]


def outlook(sources, addresses=()):
    """What cannot work with these sources, as far as it can be told before any service is called.

    Parameters
    ----------
    sources : sequence of str
        Keys of ``SOURCES``.
    addresses : dict, optional
        Name → address, in place of a source's own.

    Returns
    -------
    list of str
        A sentence for each source that does not give everybody everything, and for each host that accepts no
        connection; where a proxy stands between, that is not tried.

    Examples
    --------
    >>> outlook(["folder"])
    []
    """
    _reject_unknown("source", sources, SOURCES)
    every, sentences, users = ADDRESSES | dict(addresses), [], {}
    for name in sources:
        module = SOURCES[name]
        if not module.ADDRESSES:
            continue
        outside = not all(is_loopback(every[key]) for key in module.ADDRESSES)
        if outside and hasattr(module, "RESTRICTED"):
            sentences.append(f"{name}: {module.RESTRICTED}.")
        for key in (*module.ADDRESSES, *musicbrainz.ADDRESSES):
            users.setdefault(every[key], []).append(name)
    direct = [address for address in users if not requests.utils.get_environ_proxies(address)]
    with ThreadPoolExecutor(max_workers=8) as threads:
        for address, fault in zip(direct, threads.map(_unreached, direct), strict=True):
            if fault:
                of = ", ".join(dict.fromkeys(users[address]))
                lost = f"clips of {of} will be missing, and missing.tsv will list them"
                if address == every["musicbrainz"]:
                    lost = f"artists who share a name in {of} will get no clips from there"
                sentences.append(
                    f"{host_of(address)} accepts no connection ({fault}): if that stays so, {lost}."
                )
    return sentences


def offers(sources, **settings):
    """The artists of each source, where it can list them; no service is asked, and none needs permission.

    Parameters
    ----------
    sources : sequence of str
        Keys of ``SOURCES``.
    **settings
        Of `lib.clips.sources.source.Settings`: ``music_folder`` and so on.

    Returns
    -------
    dict of str to (list of str or None)
        In the order of `sources`; None for services, and for sources that can only be searched.

    Raises
    ------
    ValueError
        If a source is unknown, or what it needs is missing.

    Examples
    --------
    >>> offers(["itunes"])
    {'itunes': None}
    """
    _reject_unknown("source", sources, SOURCES)
    local = [name for name in sources if not SOURCES[name].ADDRESSES]
    listed = {source.name: source.offers() for source in connect(local, **settings)} if local else {}
    return {name: listed.get(name) for name in sources}


def terms(sources):
    """Licence, citation and terms of sources, for reading before using them.

    Parameters
    ----------
    sources : sequence of str

    Returns
    -------
    pd.DataFrame
        Columns ``source``, ``licence``, ``citation``, ``terms``.

    Examples
    --------
    >>> terms(["folder"])[["source", "licence"]].to_numpy().tolist()
    [['folder', 'Yours to know']]
    """
    _reject_unknown("source", sources, SOURCES)
    modules = [SOURCES[name] for name in sources]
    rows = [(name, m.LICENCE, m.CITATION, m.TERMS) for name, m in zip(sources, modules, strict=True)]
    return pd.DataFrame(rows, columns=["source", "licence", "citation", "terms"])


def _unreached(address):
    """Why no connection can be opened; empty where it can."""
    try:
        with socket.create_connection((host_of(address).strip("[]"), port_of(address)), timeout=CONNECT):
            return ""
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__


def _reject_unknown(what, names, accepted):
    unknown = [name for name in names if name not in accepted]
    if unknown:
        raise ValueError(f"unknown {what} {', '.join(map(repr, unknown))}; known are {', '.join(accepted)}")
