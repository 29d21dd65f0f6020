"""What the layouts share: blocks of whole lines, fields by line or at once, tidy values.

Conventions
-----------
- A *block* is some whole lines as bytes. A reader's ``parse`` turns it into a frame of `FIELDS` as text, one
  row a line; where lines were looked at, with ``whole`` (whether there are as many fields as there should be)
  and ``text``.
- In the headed layouts spaces around a field are dropped, plays like ``5.0`` and ``1,001`` are whole numbers,
  and what has no column is empty, plays aside: a row without that column is one play. HTML's ``&amp;`` and
  the like in a name are the signs that they stand for.
"""

from __future__ import annotations

import io

import polars as pl

FIELDS = ("user", "mbid", "name", "plays")
BLOCK_BYTES, THREADS = 16 << 20, 3  # two cores, and one that waits for the disk
LONGEST_LINE = 1 << 22  # bytes
MOST_LINES = 1 << 20  # of a block; of so many bytes are the parts of one that has more
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PARAMETER = "01_listening_data.plays_file"
ENTITIES = {"&amp;": "&", "&quot;": '"', "&#39;": "'", "&apos;": "'", "&lt;": "<", "&gt;": ">"}
GROUPED = r"^\d{1,3}(?:[,' \x{a0}\x{202f}]\d{3})+$"  # thousands: 1,001


class LinesBefore(int):
    """How many lines stand before the rows of a layout whose users have any name; true even where it is 0."""

    def __bool__(self):
        return True


def as_typed(path):
    """The parameter as it is written on the command line."""
    return f"-p {PARAMETER}={path}"


def blocks(path, begin, stream, n_bytes, n_before=0):
    """What was read ahead, then block after block of whole lines.

    Parameters
    ----------
    path : path
        For messages.
    begin : bytes
        What was read ahead, up to the end of a line.
    stream : binary file
    n_bytes : int
        Of a block, at least.
    n_before : int
        Lines before `begin`.

    Yields
    ------
    bytes

    Raises
    ------
    ValueError
        If a line has more than `LONGEST_LINE` bytes.
    """
    block = begin
    while block or (block := stream.read(n_bytes)):
        if not block.endswith(b"\n"):
            block += stream.readline(LONGEST_LINE)
        n_lines = block.count(b"\n")
        n_before += n_lines
        if not block.endswith(b"\n") and stream.peek(1):
            raise ValueError(
                f"line {n_before + 1:,} of {path} has more than {LONGEST_LINE:,} bytes, which no row of plays"
                " has: expected the text of a table"
            )
        if n_lines <= MOST_LINES:
            yield block
        else:
            start = 0
            while start < len(block):
                end = block.find(b"\n", start + MOST_LINES) + 1 or len(block)
                yield block[start:end]
                start = end
        block = b""


def decoded(block):
    return block.decode("utf-8", "replace")


def lines(block):
    """Column ``text``: the lines of a block."""
    try:
        return pl.read_lines(io.BytesIO(block), name="text")
    except pl.exceptions.ComputeError:  # bytes that are not UTF-8
        return pl.read_lines(io.BytesIO(decoded(block).encode()), name="text")


def n_lines(block):
    return block.count(b"\n") + (not block.endswith(b"\n"))


def at_once(block, columns, delimiter):
    """The fields of a block that has as many in each line, or None.

    polars drops a byte order mark, and a carriage return at the end of any field.

    Parameters
    ----------
    block : bytes
    columns : sequence of str
    delimiter : str

    Returns
    -------
    pl.DataFrame, or None
        Text columns; None where lines have to be looked at.
    """
    returns = b"\r" in block and b"\r" + delimiter.encode() in block  # one byte is found ten times as fast
    if returns or block.startswith((BYTE_ORDER_MARK, b"\n", b"\r\n")):
        return None
    try:
        table = pl.read_csv(
            block,
            separator=delimiter,
            quote_char=None,
            has_header=False,
            schema=dict.fromkeys(columns, pl.String),
            empty_string_is_null=False,
        )
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):  # more fields, or fewer, or not UTF-8
        return None
    # An empty last field: there may have been fewer fields.
    return None if (table[columns[-1]] == "").any() else table


def by_line(block, columns):
    """The tab-separated fields of each line, with whether there really are as many."""
    fields = (
        pl.col("text")
        .str.splitn("\t", len(columns) + 1)
        .struct.rename_fields([*columns, "rest"])
        .struct.unnest()
    )
    whole = pl.col("text").str.count_matches("\t", literal=True) == len(columns) - 1
    return lines(block).with_columns(fields, whole=whole).drop("rest")


def tidy(table, *, decimal_comma=False):
    """Values of a headed layout as the counting needs them.

    Parameters
    ----------
    table : pl.DataFrame
        `FIELDS` as text, perhaps with ``whole`` and ``text``.
    decimal_comma : bool
        Whether the file writes 5,0 (its delimiter is a semicolon): then three digits behind a comma may be
        either, and stay as they are.

    Returns
    -------
    pl.DataFrame

    Examples
    --------
    >>> rows = [(" ann ", "", "Abba", plays) for plays in ("5.0", "1,001", "1.5", "")]
    >>> tidy(pl.DataFrame(rows, schema=list(FIELDS), orient="row"))["plays"].to_list()
    ['5', '1001', '1.5', '']
    """
    plays = pl.col("plays")
    grouped = GROUPED.replace(",", "") if decimal_comma else GROUPED
    end = r"[.,]0{1,2}$" if decimal_comma else r"\.0{1,2}$"
    number = (
        pl.when(plays.str.contains(r"^\d+$"))
        .then(plays)
        .when(plays.str.contains(grouped))
        .then(plays.str.replace_all(r"\D", ""))
        .when(plays.str.contains(r"^\d+" + end))
        .then(plays.str.replace(end, ""))
        .otherwise(plays)
    )
    table = table.with_columns(pl.col(*FIELDS).fill_null("").str.strip_chars())
    if table["name"].str.contains("&", literal=True).any():
        table = table.with_columns(pl.col("name").str.replace_many(ENTITIES))
    return table if table["plays"].str.contains(r"^\d+$").all() else table.with_columns(plays=number)
