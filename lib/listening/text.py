"""A file of delimited text becomes rows of fields: the one reader of plays, tags and tables of clips.

Conventions
-----------
- *Encoding*: UTF-8 with or without its mark, UTF-16 or UTF-32 by their marks, UTF-16 also by its zero bytes,
  and Windows-1252 where more bytes are wrong in UTF-8 than characters right. Bytes that remain unreadable
  become U+FFFD and are counted.
- *Lines* end with ``\\n`` or ``\\r\\n``, and with ``\\r`` in a text that has no ``\\n``.
- *Before the header* there may be Excel's line ``sep=;``, comments (``#``) and empty lines.
- *Delimiter*: the one that ``sep=`` names, else that of tab, comma, semicolon which makes the most columns.
- *Quotes* in CSV hold a field together and end on their own line. In TSV they mean nothing, unless the
  header has them or Excel wrote them, which then doubles those inside: ``\"\"\"Weird Al\"\" Yankovic\"``.
- A field is taken without the spaces around it; empty fields behind the last column are dropped.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

UTF8, WINDOWS = "utf-8", "cp1252"
MARKS = {
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}  # the longer ones first: that of UTF-32 begins with that of UTF-16
DELIMITERS = "\t,;"
SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
NO_CHARACTER = frozenset(b"\x81\x8d\x8f\x90\x9d")  # in Windows-1252
CHUNK_BYTES = 1 << 20


class Survey(NamedTuple):
    """How much of some bytes is UTF-8 beyond ASCII.

    Attributes
    ----------
    right : int
        Characters beyond ASCII.
    wrong : int
        Bytes that belong to no character.
    first_wrong : int
        Line, from 1, of the first of them; 0 without any.
    windows : bool
        Whether each wrong byte is a character of Windows-1252.
    """

    right: int
    wrong: int
    first_wrong: int
    windows: bool

    def followed_by(self, rest, n_lines):
        """The survey of these bytes, which hold some lines, and of those behind them."""
        first = self.first_wrong or (rest.first_wrong and rest.first_wrong + n_lines)
        return Survey(self.right + rest.right, self.wrong + rest.wrong, first, self.windows and rest.windows)


@dataclass(frozen=True)
class Form:
    """How a table is written.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns as the header has them.
    delimiter : str
    quoted : bool
        Whether quotes hold a field together.
    n_before : int
        Lines before the first row, the header among them.
    """

    columns: tuple
    delimiter: str
    quoted: bool
    n_before: int

    def fields(self, line):
        """The fields of a line, none where its quotes do not end on it."""
        return split(line, self.delimiter, quoted=self.quoted, n_columns=len(self.columns))


class Row(NamedTuple):
    """A line below the header: its number from 1, its text and its fields."""

    line: int
    text: str
    fields: list


class Table(NamedTuple):
    """A small table, read whole.

    Attributes
    ----------
    form : Form
    header : str
        The line of the header.
    rows : list of Row
    notes : list of str
        Sentences on its encoding, where a reader should know.
    """

    form: Form
    header: str
    rows: list
    notes: list

    def records(self):
        """Each row as {column: field}, those aside that have another number of fields."""
        columns = self.form.columns
        return [dict(zip(columns, row.fields)) for row in self.rows if len(row.fields) == len(columns)]

    def left_out(self, name):
        """A sentence on the rows that `records` leaves out, empty where it leaves out none."""
        odd = [row for row in self.rows if len(row.fields) != len(self.form.columns)]
        if not odd:
            return ""
        return (
            f"{len(odd):,} of {len(self.rows):,} rows of {name} are left out, as they have not"
            f" {len(self.form.columns)} fields as its header has; the first, line {odd[0].line}:"
            f" {odd[0].text[:120]!r}"
        )


def read(path, *, expected="expected a CSV or TSV with a header"):
    """Read a small table whole.

    Parameters
    ----------
    path : path
    expected : str
        The end of the sentence where there is no table.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the file holds no line but comments, or bytes that no text has.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tags.csv"
    >>> _ = path.write_bytes("sep=;\\r\\nartist; tag\\r\\nBjörk; pop;\\r\\n".encode("cp1252"))
    >>> table = read(path)
    >>> table.form.columns, table.rows
    (('artist', 'tag'), [Row(line=3, text='Björk; pop;', fields=['Björk', 'pop'])])
    >>> table.notes
    ['tags.csv is not UTF-8 and is read as Windows-1252; if its names look wrong, save it as UTF-8']
    """
    path, data = Path(path), Path(path).read_bytes()
    encoding, mark = marked(data)
    notes = []
    if encoding is None:
        surveyed = survey(io.BytesIO(data))
        encoding = encoding_of(surveyed)
        notes = notes_on(path.name, surveyed)
    text = data[len(mark) :].decode(encoding, "replace")
    end = "\n" if "\n" in text else "\r"
    lines = [line.removesuffix("\r") for line in text.removesuffix(end).split(end)]
    form = form_of(lines)
    if form is None or "\0" in text:
        raise ValueError(f"{path} is {'no text' if text.strip() else 'empty'}: {expected}")
    rows = enumerate(lines[form.n_before :], start=form.n_before + 1)
    rows = [Row(number, line, form.fields(line)) for number, line in rows]
    return Table(form, lines[form.n_before - 1], rows, notes)


def marked(head):
    """The encoding that the first bytes of a file give away, and the mark to leave out.

    Parameters
    ----------
    head : bytes

    Returns
    -------
    encoding : str or None
    mark : bytes
        Empty where there is none.
    """
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding, mark
    head = head[: len(head) // 2 * 2][:256]
    if len(head) > 2 and not any(head[1::2]) and all(head[::2]):
        return "utf-16-le", b""
    if len(head) > 2 and not any(head[::2]) and all(head[1::2]):
        return "utf-16-be", b""
    return None, b""


def survey(stream):
    """Read a stream of bytes to its end and count what is UTF-8.

    Parameters
    ----------
    stream : binary file

    Returns
    -------
    Survey

    Examples
    --------
    >>> survey(io.BytesIO("Sigur Rós\\n".encode() + b"Bj\\xf6rk"))
    Survey(right=1, wrong=1, first_wrong=2, windows=True)
    """
    decoder, line, right, wrong, first, windows = codecs.getincrementaldecoder(UTF8)(ESCAPE), 1, 0, 0, 0, True
    while True:
        chunk = stream.read(CHUNK_BYTES)
        text = decoder.decode(chunk, final=not chunk)
        if not text.isascii():
            escaped = ESCAPED.findall(text)
            if escaped and not first:
                first = line + text.count("\n", 0, ESCAPED.search(text).start())
            right += sum(map(len, BEYOND_ASCII.findall(text))) - len(escaped)
            wrong += len(escaped)
            windows &= NO_CHARACTER.isdisjoint(ord(sign) - 0xDC00 for sign in set(escaped))
        if not chunk:
            return Survey(right, wrong, first, windows)
        line += text.count("\n")


ESCAPE = "surrogateescape"  # a byte that belongs to no character becomes U+DC00 and its value
ESCAPED, BEYOND_ASCII = re.compile("[\udc80-\udcff]"), re.compile("[^\x00-\x7f]+")


def encoding_of(surveyed):
    """Windows-1252 where more bytes are wrong in UTF-8 than characters right, UTF-8 otherwise."""
    return WINDOWS if surveyed.wrong > surveyed.right and surveyed.windows else UTF8


def notes_on(name, surveyed):
    """What a reader should know of a file's encoding, as sentences."""
    if not surveyed.wrong:
        return []
    if encoding_of(surveyed) == WINDOWS:
        return [f"{name} is not UTF-8 and is read as Windows-1252; if its names look wrong, save it as UTF-8"]
    return [
        f"{surveyed.wrong:,} bytes of {name} are not UTF-8 and were replaced by U+FFFD, the first in line"
        f" {surveyed.first_wrong:,}"
    ]


def form_of(lines):
    """How a table is written, from its first lines; None where there is no line but comments.

    Parameters
    ----------
    lines : sequence of str

    Returns
    -------
    Form, or None

    Examples
    --------
    >>> form_of(["sep=;", "# mine", '"artist";"tag"', '"Abba";"pop"'])
    Form(columns=('artist', 'tag'), delimiter=';', quoted=True, n_before=3)
    """
    delimiter = None
    for number, line in enumerate(lines, start=1):
        line = line.rstrip("\r\n")
        if number == 1 and (named := SEPARATOR.fullmatch(line)):
            delimiter = named[1]
        elif line.strip() and not line.startswith("#"):
            break
    else:
        return None
    delimiter = delimiter or max(DELIMITERS, key=lambda each: len(split(line, each, quoted=True)))
    quoted = delimiter != "\t" or line.startswith('"')
    return Form(tuple(split(line, delimiter, quoted=quoted)), delimiter, quoted, number)


def behind(content, n_lines):
    """Bytes without their first lines."""
    end = 0
    for _ in range(n_lines):
        end = content.find(b"\n", end) + 1 or len(content)
    return content[end:]


def split(line, delimiter, *, quoted, n_columns=None):
    """The fields of a line, none where its quotes do not end on it.

    Where quotes are not as CSV has them but as many as needed, as in ``"Weird Al" Yankovic,3``, they are part
    of the name if the line has `n_columns` then.

    Parameters
    ----------
    line : str
    delimiter : str
    quoted : bool
        Whether quotes hold a field together.
    n_columns : int, optional
        Empty fields behind so many are dropped; without it, all empty ones at the end are.

    Returns
    -------
    list of str

    Examples
    --------
    >>> split('u1, "Earth, Wind & Fire",3,', ",", quoted=True, n_columns=3)
    ['u1', 'Earth, Wind & Fire', '3']
    >>> split('"Weird Al" Yankovic,3', ",", quoted=True, n_columns=2)
    ['"Weird Al" Yankovic', '3']
    """
    fields = line.split(delimiter)
    if quoted and '"' in line:
        reader = csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True)
        try:
            fields = next(reader, [])
        except csv.Error:
            if line.count('"') % 2 or len(fields) != n_columns:
                return []
    elif '""' in line:
        fields = [unquoted(field) for field in fields]
    fields = [field.strip() for field in fields]
    while len(fields) > (n_columns or 1) and not fields[-1]:
        fields.pop()
    return fields


def unquoted(field):
    """A field of a TSV without the quotes that Excel put around it and doubled inside."""
    inside = field[1:-1]
    if field[:1] == field[-1:] == '"' and '""' in inside and '"' not in inside.replace('""', ""):
        return inside.replace('""', '"')
    return field


class _Recoded(io.RawIOBase):
    """A stream of bytes as UTF-8, its lines ended by ``\\n``."""

    def __init__(self, stream, encoding, end, begin):
        self._stream, self._end, self._begin, self._ready = stream, end, begin, b""
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self._ready:
            chunk, self._begin = self._begin or self._stream.read(CHUNK_BYTES), b""
            self._ready = self._decoder.decode(chunk, final=not chunk).replace(self._end, "\n").encode()
            if not chunk:
                break
        part, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def recoded(stream, encoding, *, end="\n", begin=b""):
    """A stream of bytes in any encoding as one of UTF-8.

    Parameters
    ----------
    stream : binary file
    encoding : str
    end : str
        What ends its lines; it becomes ``\\n``.
    begin : bytes
        What was read of the stream before.

    Returns
    -------
    binary file

    Examples
    --------
    >>> recoded(io.BytesIO("Björk\\rAbba".encode("utf-16-le")), "utf-16-le", end="\\r").read().decode()
    'Björk\\nAbba'
    """
    return io.BufferedReader(_Recoded(stream, encoding, end, begin), CHUNK_BYTES)
