"""The public data sets: where each is published, its size and checksum, its licence and citation.

Conventions
-----------
A data set is one file. Its size is in bytes. Where size and MD5 were not known when this was written, the
publisher's record gives them.
"""

import re
from dataclasses import dataclass, replace

ZENODO = "https://zenodo.org"


@dataclass(frozen=True)
class Dataset:
    """A published file, and what its publisher asks for."""

    name: str
    file: str
    url: str
    doi: str
    size: int | None  # bytes; None, as `md5` then is, where the record gives it
    md5: str | None
    licence: str
    citation: str
    record: str = ""  # address of the publisher's record, which is JSON

    def __post_init__(self):
        if (self.size is None) != (self.md5 is None) or (self.size is None and not self.record):
            raise ValueError(f"{self.name}: expected both size and md5, or neither of them and a record")
        if self.size is not None and (type(self.size) is not int or self.size <= 0):
            raise ValueError(f"size {self.size!r}")
        if self.md5 is not None and not re.fullmatch("[0-9a-f]{32}", self.md5):
            raise ValueError(f"MD5 {self.md5!r}")

    def at(self, address):
        """The same data set on a host that stands in for Zenodo; its record gives size and MD5."""
        host = address.rstrip("/")
        if host == ZENODO:
            return self
        url, record = (each.replace(f"{ZENODO}/", f"{host}/", 1) for each in (self.url, self.record))
        return replace(self, url=url, record=record, size=None, md5=None)


# Size and checksum are the published ones. The addresses follow the service's pattern; nothing here has been
# tried against the live service.
LASTFM_360K = Dataset(
    name="Last.fm-360K",
    file="lastfm-dataset-360K.tar.gz",
    url=f"{ZENODO}/records/6090214/files/lastfm-dataset-360K.tar.gz?download=1",
    doi="10.5281/zenodo.6090214",
    size=569_202_935,
    md5="635e6ed3fc873aa4ba33aba0ebce02b1",
    licence="Non-commercial use only",
    citation=(
        "Celma, Ò. (2010). Music Recommendation and Discovery: The Long Tail, Long Fail, and Long Play in the"
        " Digital Music Space. Springer."
    ),
    record=f"{ZENODO}/api/records/6090214",
)


# Size and checksum were not to be had when this was written; the licence is what those who use it state.
MERGE_AUDIO = Dataset(
    name="MERGE audio",
    file="MERGE_Audio_Complete.zip",
    url=f"{ZENODO}/records/13939205/files/MERGE_Audio_Complete.zip?download=1",
    doi="10.5281/zenodo.13939205",
    size=None,
    md5=None,
    licence="Creative Commons Attribution Non Commercial 4.0 International",
    citation=(
        "Louro, P. L., Redinho, H., Santos, R., Malheiro, R., Panda, R., & Paiva, R. P. (2024). MERGE dataset"
        " (version 1.1). Zenodo."
    ),
    record=f"{ZENODO}/api/records/13939205",
)


def terms(*datasets):
    """Name and DOI, licence and citation of data sets, for reading before using the data.

    Examples
    --------
    >>> print(terms(MERGE_AUDIO).partition("  Cite")[0].strip())
    MERGE audio, https://doi.org/10.5281/zenodo.13939205
      Licence: Creative Commons Attribution Non Commercial 4.0 International
    """
    return "\n".join(
        f"{each.name}, https://doi.org/{each.doi}\n  Licence: {each.licence}\n  Cite: {each.citation}"
        for each in datasets
    )
