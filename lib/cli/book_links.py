"""Whether the links of a website on disk lead somewhere: pages, pictures, downloads, and places in pages."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ATTRIBUTES = {"href", "src", "data"}


class Page(HTMLParser):
    """What a page links to, and what may be linked to in it.

    Attributes
    ----------
    links : list of str
    names : set of str
        Values of ``id`` and ``name``.
    """

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.links, self.names = [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note the links and names of one tag."""
        values = {name: value for name, value in attrs if value}
        self.names |= {values[name] for name in ("id", "name") if name in values}
        self.links += [values[name] for name in sorted(ATTRIBUTES & set(values)) if tag != "meta"]


def read(folder):
    """The pages of a website.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict of Path to Page
        By resolved path.
    """
    files = [
        path for path in sorted(folder.rglob("*.html")) if "_static" not in path.relative_to(folder).parts
    ]
    return {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in files}


def dead(folder):
    """Follow all links of a website.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str
        Page and target of each link that leads nowhere, or to a file beside the website.
    """
    folder = Path(folder).resolve()
    pages, lost = read(folder), []
    for path, page in pages.items():
        shown = path.relative_to(folder).as_posix()
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            inside = target.is_file() and target.is_relative_to(folder)
            fragment = unquote(parts.fragment)
            named = not fragment or target not in pages or fragment in pages[target].names
            if not (inside and named):
                lost.append(f"{shown}: {link}")
    return lost
