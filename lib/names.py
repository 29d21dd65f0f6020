"""When two spellings are the same name, the one rule by which plays, catalogues and music folders are joined.

Conventions
-----------
Unicode NFKC, case-folded, white space folded to single spaces; NFKC and case run twice, as folding case can
undo NFKC. Nothing else is forgiven: an article, an accent or a "tribute" more makes another name.
"""

import unicodedata


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
    for _ in range(2):
        name = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(name.split())
