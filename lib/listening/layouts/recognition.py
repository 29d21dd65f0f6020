"""Which layout a file of plays is in, by its content: the one entrance to the readers.

Conventions
-----------
A file is looked at by its first bytes, then by its first lines, by one reader after the other. What is in no
layout ends in an error that names them all. On a table whose columns are called otherwise, or that has more
of them, or is not UTF-8, a sentence is printed.
"""

from __future__ import annotations

import io
import re

from lib.listening import characters, columns, history, text
from lib.listening.layouts import by_id, common, headed, lastfm_1k, lastfm_360k, listenbrainz, parquet
from lib.listening.layouts.common import BLOCK_BYTES, FIELDS, THREADS
from lib.listening.layouts.files import ARCHIVES, MEMBERS, PLAYS_MEMBER, is_archive, is_there, opened
from lib.listening.layouts.lastfm_360k import registered_users

__all__ = [  # of the readers, what `lib.listening.plays` needs
    "ARCHIVES", "BLOCK_BYTES", "FIELDS", "LAYOUTS", "MEMBERS", "PLAYS_MEMBER", "THREADS",
    "is_archive", "is_there", "layout", "opened", "registered_users",
]  # fmt: skip

LAYOUTS = (
    lastfm_360k.DESCRIPTION,
    by_id.DESCRIPTIONS[0],
    lastfm_1k.DESCRIPTION,
    headed.DESCRIPTION,
    parquet.DESCRIPTION,
    listenbrainz.DESCRIPTION,
    *by_id.DESCRIPTIONS[1:],
)
HEAD_BYTES, HEAD_LINES = 1 << 16, 100
TRIPLET = re.compile(rb"[0-9a-f]{40}\tSO[0-9A-Z]{14,18}\t\d+")
VALUE = re.compile(r"[\d.,:\- ]+|[0-9a-f]{40}")  # of a row, not the name of a column
WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


def layout(path, stream, n_bytes):
    """How to parse a block, the blocks, and how many lines stand before them.

    Parameters
    ----------
    path : path
        Of the plays, for messages, and for what lies beside it.
    stream : binary file
        From `opened`.
    n_bytes : int
        How much a block holds.

    Returns
    -------
    parse : callable
        A block to a frame of `FIELDS` as text, and ``whole`` and ``text`` where lines were looked at.
    blocks : iterator
    headed : int
        Lines before the rows. False in the layout 360K, whose users are SHA-1; true in all others.

    Raises
    ------
    ValueError
        If the file is empty, in no layout, or one person's history.
    """
    head = stream.read(HEAD_BYTES)
    if not head:
        raise ValueError(f"{path} is empty: expected rows of user, artist MBID, artist name and plays")
    if head.startswith(parquet.MAGIC):
        return _parquet(path, stream, n_bytes)
    encoding, mark = text.marked(head)
    head = head[len(mark) :]
    if encoding not in (None, text.UTF8):
        head, stream = _recoded(head, stream, encoding)
    if b"\n" not in head and b"\r" in head:
        head, stream = _in_utf8(path, head, stream) if encoding is None else (head, stream)
        head, stream = _recoded(head, stream, text.UTF8, end="\r")
        encoding = text.UTF8
    if not head.endswith(b"\n"):
        head += stream.readline(common.LONGEST_LINE)
    lines = head.split(b"\n")[:HEAD_LINES]
    form = text.form_of([common.decoded(line) for line in lines])
    parse = _headed(path, form, lines) if form else None
    if parse:
        if encoding is None:
            head, stream = _in_utf8(path, head, stream)
        rows = text.behind(head, form.n_before)
        if not rows:
            raise ValueError(f"{path} has a header and no rows below it")
        blocks = common.blocks(path, rows, stream, n_bytes, form.n_before)
        return parse, blocks, common.LinesBefore(form.n_before)
    for reader in (lastfm_1k, lastfm_360k, listenbrainz):
        if reader.recognises(line for line in lines if line.strip()):
            return reader.table, common.blocks(path, head, stream, n_bytes), reader.HEADED
    raise ValueError(_unknown(path, head, form, lines))


def _recoded(head, stream, encoding, *, end="\n"):
    """The beginning of a stream, and the rest, in UTF-8."""
    stream = text.recoded(stream, encoding, end=end, begin=head)
    return stream.read(HEAD_BYTES), stream


def _in_utf8(path, head, stream):
    """A table's beginning and rest in UTF-8; only a plain file is looked at to its end."""
    plain = isinstance(stream, io.BufferedReader) and isinstance(stream.raw, io.FileIO)
    surveyed = text.survey(io.BytesIO(head))
    if plain:
        place = stream.tell()
        surveyed = surveyed.followed_by(text.survey(stream), head.count(b"\n"))
        stream.seek(place)
    if plain or text.encoding_of(surveyed) != text.UTF8:
        for note in text.notes_on(path.name, surveyed):
            print(note)
    if text.encoding_of(surveyed) == text.UTF8:
        return head, stream
    head = head.decode(text.WINDOWS, "replace").encode()
    return head, text.recoded(stream, text.WINDOWS)


def _headed(path, form, lines):
    """How to parse a table with a header, None where its first line is none."""
    where, by_number = headed.places(form.columns), by_id.places(form.columns)
    if {"user", "artist"} <= where.keys():
        if doubled := columns.twice(form.columns):
            raise ValueError(f"{path} names a column twice: {', '.join(doubled)}")
        _account(path, form.columns, where)
        return headed.parser(form, where)
    if by_number:
        parse = by_id.parser(path, form, by_number)
        _account(path, form.columns, by_number)
        return parse
    shown = [common.decoded(line) for line in lines[form.n_before : form.n_before + 5] if line.strip()]
    if kind := history.kind_of_table(form.columns, shown):
        raise ValueError(history.refusal(path, kind))
    if where and not any(map(VALUE.fullmatch, form.columns)):
        raise ValueError(_missing(path, form.columns, where))
    return None


def _account(path, header, where):
    if sentence := columns.account(header, where, of=path.name):
        print(sentence)


def _missing(path, header, where):
    missing = [field for field in ("user", "artist") if field not in where]
    usual = " and ".join(f"{field} (or {', '.join(columns.NAMES[field][1:3])})" for field in missing)
    one = ""
    if "artist" in where:
        one = f"; if all rows are one person's, {history.ONE_LISTENER}"
    return (
        f"{path} has the columns {columns.named(header)} and misses {usual}{one};"
        f" given as {common.as_typed(path)}"
    )


def _parquet(path, stream, n_bytes):
    if not stream.seekable() or not isinstance(stream, io.BufferedReader):
        raise ValueError(f"{path} holds a Parquet file: unpack it first")
    size = stream.seek(0, io.SEEK_END)
    header = parquet.header(path, stream)
    where = headed.places(header)
    if not {"user", "artist"} <= where.keys():
        raise ValueError(_missing(path, header, where))
    if doubled := columns.twice(header):
        raise ValueError(f"{path} names a column twice: {', '.join(doubled)}")
    parquet.check(path, stream, where)
    _account(path, header, where)
    batches = parquet.batches(path, stream, [header[place] for place in where.values()], n_bytes, size)
    return parquet.parser(header, where), batches, common.LinesBefore(0)


def _unknown(path, head, form, lines):
    """What a file in no layout seems to be, and what was expected."""
    start = common.decoded(head[: 1 << 20])
    if start.lstrip()[:1] in ("{", "[") and (kind := history.kind_of_json(start)):
        return history.refusal(path, kind)
    if kind := history.kind_of_table([], [common.decoded(line) for line in lines[:5] if line.strip()]):
        return history.refusal(path, kind)
    if WEB_PAGE.match(head):
        return f"{path} is a web page: expected the file itself; given as {common.as_typed(path)}"
    if any(map(TRIPLET.fullmatch, (line.rstrip(b"\r") for line in lines[:5]))):
        return (
            f"{path} holds triplets of the taste profile (user, song id, plays), which name no artists, and"
            f" similarity is between artists: give a table with a header user,artist,plays; given as"
            f" {common.as_typed(path)}"
        )
    shown = "\n".join(
        f"  line {number}: {characters.shown(common.decoded(line).rstrip()[:120])}"
        for number, line in enumerate(filter(None, lines[:3]), start=1)
    )
    header = "; a header would help: user,artist,plays" if form and len(form.columns) > 1 else ""
    return (
        f"{path} is in no layout this project reads; its first lines are\n{shown}\n"
        f"expected {', or '.join(LAYOUTS)}{header}; given as {common.as_typed(path)}"
    )
