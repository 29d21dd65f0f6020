"""The public data sets: where each is published, its size and checksum, its licence and citation.

Conventions
-----------
A data set is one file. Its size is in bytes. Where size and MD5 were not known when this was written, the
publisher's record gives them; where only a SHA-256 was known, the host says how large the file is.
"""

import re
from dataclasses import dataclass, replace

ZENODO = "https://zenodo.org"
GROUPLENS = "https://files.grouplens.org"


NAMES = {"md5": "MD5", "sha256": "SHA-256"}  # of checksums, in messages


@dataclass(frozen=True)
class Dataset:
    """A published file, and what its publisher asks for."""

    name: str
    file: str
    url: str
    doi: str
    size: int | None  # bytes; None where the record, or the host, gives it
    md5: str | None
    licence: str
    citation: str
    record: str = ""  # address of the publisher's record, which is JSON
    host: str = ZENODO
    sha256: str | None = None  # where it is given, it is compared, not the MD5
    otherwise: str = ""  # what a person can do who trusts a copy that is not the published file

    def __post_init__(self):
        incomplete = (self.size is None) != (self.md5 is None) or (self.size is None and not self.record)
        if incomplete and not self.sha256:
            raise ValueError(f"{self.name}: expected both size and md5, or neither of them and a record")
        if self.size is not None and (type(self.size) is not int or self.size <= 0):
            raise ValueError(f"size {self.size!r}")
        for method, digits in (("md5", 32), ("sha256", 64)):
            value = getattr(self, method)
            if value is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
                raise ValueError(f"{NAMES[method]} {value!r}")

    @property
    def checksum(self):
        """Method and value of the checksum; the value is None where the record gives it."""
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)

    def at(self, address):
        """The same data set on a host that stands in for its own; a record there gives size and MD5.

        Zenodo's address stands for no other host.
        """
        host = address.rstrip("/")
        if host in (ZENODO, self.host):
            return self
        record = self.record or f"{self.url}.json"
        url, record = (each.replace(f"{self.host}/", f"{host}/", 1) for each in (self.url, record))
        return replace(self, url=url, record=record, size=None, md5=None, sha256=None)


YOUR_OWN = (
    "Or set 01_listening_data.download to '', and plays_file to a copy that you trust: it is taken as it is."
)


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
    otherwise=YOUR_OWN,
)

# The SHA-256 is what three public projects compare, OmniRec among them; nobody has compared it with the file
# here. (DataRec compares the MD5 296d61afe4e8632b173fc2dd3be20ce2.) The terms are those of its readme.
LASTFM_2K = Dataset(
    name="Last.fm-2K (HetRec 2011)",
    file="hetrec2011-lastfm-2k.zip",
    url=f"{GROUPLENS}/datasets/hetrec2011/hetrec2011-lastfm-2k.zip",
    doi="10.1145/2043932.2044016",
    size=None,
    md5=None,
    sha256="6738f48195667ff03caaab4d32ca9a3133d8cc026b7c3cdaf6ce1010e913c59c",
    licence="Non-commercial use only",
    citation=(
        "Last.fm, http://www.lastfm.com; and Cantador, I., Brusilovsky, P., & Kuflik, T. (2011). 2nd Workshop"
        " on Information Heterogeneity and Fusion in Recommender Systems (HetRec 2011). RecSys 2011. ACM."
    ),
    host=GROUPLENS,
    otherwise=YOUR_OWN,
)
LISTENING = {"lastfm-2k": LASTFM_2K, "lastfm-360k": LASTFM_360K}  # by the name that notebook 01 calls it


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
