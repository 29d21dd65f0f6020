"""Text from outside: what a service says of a refusal, and the fields of its answers, checked and bounded."""

import json
import re
import unicodedata

SHOWN = 200  # characters of a service's sentence
NAME, IDENTITY = 2_000, 200  # characters that a name and an id may have


def sentence(answer, secrets=()):
    """What a service says of a refusal.

    Parameters
    ----------
    answer : bytes or parsed JSON
        Services say it as ``{"error": {"message": ...}}`` (Spotify, Deezer), ``{"error": ...,
        "error_description": ...}`` (OAuth), ``{"errorMessage": ...}`` (iTunes), ``{"error": ...}``
        (MusicBrainz), or in plain words.
    secrets : sequence of str
        Are blotted out.

    Returns
    -------
    str
        One line without control characters, at most `SHOWN` characters of it; addresses without what follows
        a question mark. Empty where there is no sentence, as in a page of HTML.
    """
    if isinstance(answer, bytes):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            answer = answer.decode("utf-8", "replace")
    if isinstance(answer, dict):
        error = answer.get("error")
        inner = error.get("message") if isinstance(error, dict) else None
        flat = (answer.get(key) for key in ("error_description", "errorMessage", "message"))
        answer = next((each for each in (inner, *flat, error) if each and isinstance(each, str)), "")
    if not isinstance(answer, str) or answer.lstrip("\ufeff \t\r\n").startswith(("<", "{", "[")):
        return ""
    for secret in secrets:
        answer = answer.replace(secret, "…") if secret else answer
    answer = re.sub(r"(\w+://[^\s?#]*)[?#]\S*", r"\1", answer[: 10 * SHOWN])
    plain = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in answer)
    plain = " ".join(plain.split())
    return plain if len(plain) <= SHOWN else plain[: SHOWN - 1] + "…"


def quoted(text):
    """A sentence as it stands at the end of a message; nothing where there is none."""
    return f": '{text}'" if text else ""


def name(value):
    """`value`, if it is text of a length that a name can have; None and numbers are no names.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(value, str):
        raise TypeError(f"expected a name, got {type(value).__name__}")
    if len(value) > NAME:
        raise ValueError(f"a name of {len(value):,} characters")
    return value


def identity(value):
    """An id as text, if it is a whole number or text.

    Raises
    ------
    TypeError, ValueError
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"expected an id, got {type(value).__name__}")
    if not 0 < len(str(value)) <= IDENTITY:
        raise ValueError(f"an id of {len(str(value)):,} characters")
    return str(value)


def within(row, key):
    """The name at `key` of an object that may be missing; empty where there is none.

    Raises
    ------
    TypeError, ValueError
    """
    if row is None or row.get(key) is None:
        return ""
    return name(row[key])
