"""How a name is spelt: the forms in which names are compared, and names that stand for nobody.

Conventions
-----------
Three forms, each more tolerant than the one before; `lib.listening.names.join` says which one joined two
names.

- `normalise`: Unicode NFKC, case-folded, white space folded to single spaces; NFKC and case run twice, as
  folding case can undo NFKC.
- `folded`: typographic quotes and dashes as those of a keyboard; ``&`` and ``+`` as ``and``; characters that
  file systems cannot hold, and ``_`` and ``-`` that stand in for them, as a space; no dots at either end; an
  article behind a comma in front: ``Beatles, The``.
- `loose`: also without diacritics of Latin and Greek letters, and without ``the`` in front.
"""

from __future__ import annotations

import re
import unicodedata

import polars as pl

NOBODY_MBIDS = (  # MusicBrainz' own for Various Artists and [unknown]
    "89ad4ac3-39f7-470e-963a-56509c546377",
    "125ec42a-7229-4250-afc5-e057484327fe",
)
# Without `MARKS`, in small letters. Compilations is where iTunes puts the albums of several artists.
_NOBODY = """
    various | various artist | various artists | various performers | various interprets | va | v a
    vvaa | vv aa | aavv | aa vv | compilation | compilations | soundtrack | soundtracks
    original soundtrack | original soundtracks | ost | o s t | motion picture soundtrack
    original motion picture soundtrack | banda sonora | banda sonora original | bande originale
    bande originale du film | colonna sonora | filmmusik | verschiedene | verschiedene interpreten
    verschiedene künstler | diverse | diverse interpreten | diverse künstler | artistes divers
    artistes variés | divers | divers artistes | interprètes divers | multi artistes
    multi interprètes | artistas varios | varios | varios artistas | varios intérpretes
    artistas vários | vários | vários artistas | vários intérpretes | artistas diversos | artisti vari
    vari | vari artisti | vari interpreti | artistes variats | diverse artiesten | diverse artister
    diverse kunstnere | blandade artister | olika artister | ýmsir flytjendur | eri artisteja
    eri esittäjiä | różni artyści | różni wykonawcy | různí | různí interpreti | různí umělci | rôzni
    rôzni interpreti | rôzni umelci | razni izvođači | razni izvajalci | különböző előadók | válogatás
    çeşitli sanatçılar | artiști diverși | diverși artiști | разные артисты | разные исполнители
    сборник | різні виконавці | різні артисти | разни изпълнители | διάφοροι | διάφοροι καλλιτέχνες
    אמנים שונים | فنانون متنوعون | ヴァリアス・アーティスト | ヴァリアス・アーティスツ | オムニバス
    群星 | 各种艺术家 | 多位艺术家 | 여러 아티스트 | unknown | unknown artist | unknown artists
    no artist | artist unknown | unbekannt | unbekannter interpret | unbekannter künstler
    artiste inconnu | inconnu | interprète inconnu | artista desconocido | desconocido
    intérprete desconocido | artista desconhecido | desconhecido | artista sconosciuto | sconosciuto
    artista desconegut | onbekend | onbekende artiest | okänd artist | ukendt kunstner | ukjent artist
    tuntematon | tuntematon esittäjä | nieznany artysta | nieznany wykonawca | neznámý
    neznámý interpret | neznámy interpret | nepoznat izvođač | ismeretlen előadó | bilinmeyen sanatçı
    artist necunoscut | неизвестен | неизвестный исполнитель | невідомий виконавець
    άγνωστος καλλιτέχνης | 未知艺术家 | 未知藝人 | 未知演出者 | 不明なアーティスト | アーティスト不明
    알 수 없는 아티스트
"""
NOBODY = frozenset(map(str.strip, re.findall(r"[^|\n]+", _NOBODY)))
# MusicBrainz' artists for special purposes; without their brackets some are names of artists.
SPECIAL = ("[anonymous]", "[data]", "[dialogue]", "[no artist]", "[traditional]")
MARKS = r"""[\s./\\,_‐‑–—\-\[\]<>(){}"'“”„«»*]+"""


def normalise(name):
    """The form in which names are compared.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        Empty where the name holds nothing but white space.

    Examples
    --------
    >>> normalise("  Ｓigur\\tRÓS ")
    'sigur rós'
    """
    if name.isascii():  # NFKC changes nothing here
        name = name.casefold()
    else:
        for _ in range(2):
            name = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(name.split())


def nobody(name, mbid=""):
    """Whether a name stands for no artist: Various Artists, Unknown Artist, Soundtrack, in several languages.

    Parameters
    ----------
    name : str
    mbid : str
        Of MusicBrainz, where it is known.

    Returns
    -------
    bool

    Examples
    --------
    >>> [nobody(name) for name in ("VARIOUS", "V.A.", "<unknown>", "Verschiedene Interpreten", "Abba")]
    [True, True, True, True, False]
    """
    name = normalise(name)
    plain = " ".join(re.split(MARKS, name)).strip()
    return mbid.strip().lower() in NOBODY_MBIDS or name in SPECIAL or plain in NOBODY


def is_nobody(mbid="mbid", name="name"):
    """`nobody` as a polars expression.

    Parameters
    ----------
    mbid, name : str
        Columns of text.

    Returns
    -------
    pl.Expr

    Examples
    --------
    >>> spellings = pl.DataFrame({"mbid": ["", ""], "name": ["VARIOUS  Artists", "Abba"]})
    >>> spellings.select(is_nobody())["name"].to_list()
    [True, False]
    """
    folded = pl.col(name).str.normalize("NFKC").str.to_lowercase()
    plain = folded.str.replace_all(MARKS, " ").str.strip_chars()
    of_id = pl.col(mbid).str.to_lowercase().str.contains("|".join(NOBODY_MBIDS))
    return plain.is_in(sorted(NOBODY)) | folded.str.strip_chars().is_in(SPECIAL) | of_id


QUOTES_AND_DASHES = str.maketrans(
    dict.fromkeys("’‘‛ʼ`´′＇", "'") | dict.fromkeys("“”„‟″«»＂", '"') | dict.fromkeys("‐‑‒–—―−", "-")
)
NOT_IN_FILES = re.compile(r'[/\\:*?"<>|_\s-]+')  # characters, what stands in for them, and white space
ARTICLE = re.compile(
    r"(?s)(.+), (the|an?|der|die|das|les?|la|los|las|el|il|lo|gli|os?|as|de|het|den|det|ett?)"
)
PLAIN = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ё": "е"}
)


def folded(name):
    """A name as typewriters and file systems can hold it.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        `normalise` where nothing else remains.

    Examples
    --------
    >>> folded("AC_DC") == folded("AC/DC"), folded("R.E.M_") == folded("R.E.M."), folded("Beatles, The")
    (True, True, 'the beatles')
    >>> folded("Simon + Garfunkel") == folded("Simon & Garfunkel"), folded("Guns N’ Roses")
    (True, "guns n' roses")
    >>> folded("+/-") == folded("+_-"), folded("+/-") == folded("And")
    (True, False)
    """
    text = normalise(name.translate(QUOTES_AND_DASHES))
    if behind := ARTICLE.fullmatch(text):
        text = f"{behind[2]} {behind[1]}"
    if any(sign.isalnum() for sign in text):  # +/- is a name of signs
        text = re.sub("[&+]", " and ", text)
    text = NOT_IN_FILES.sub(" ", text).strip(" .")
    return text or normalise(name)


def loose(name):
    """`folded`, without diacritics of Latin and Greek letters and without ``the`` in front.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> loose("Björk"), loose("The Beatles"), loose("The The"), loose("Sigur Rós")
    ('bjork', 'beatles', 'the', 'sigur ros')
    """
    apart, letter = [], ""
    for sign in unicodedata.normalize("NFD", folded(name).translate(PLAIN)):
        if not unicodedata.combining(sign):
            letter = sign
        elif unicodedata.name(letter or " ", "").startswith(("LATIN", "GREEK")):
            continue
        apart.append(sign)
    text = unicodedata.normalize("NFC", "".join(apart))
    return text.removeprefix("the ").strip() or text
