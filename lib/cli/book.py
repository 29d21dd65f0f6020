"""The executed notebooks and the pages of the project as a website: ``python -m lib.cli.book``.

**Conventions.** Nothing is executed: a notebook shows the outputs that are stored in it. The website lies in
``data/book/html``; its first page is ``index.html``. It needs no server, and loads nothing from another site.
`lib.cli.book_sources` says which pages it has. At the end every link is followed.
"""

import argparse
import importlib.util
import io
import shutil
import sys
import time

from lib.cli import book_links, book_sources
from lib.workflow import paths

NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme")
MISSING = (
    "The packages of the book are not installed; install them with:"
    " .venv/bin/python -m pip install --editable '.[book]'"
)
PARTS = ("sources", "doctrees", "html", "jupyter_execute")
CONFIGURATION = {
    "project": "Music similarity",
    "html_title": "Music similarity",
    "author": "the music-similarity authors",
    "extensions": ["myst_nb"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_render_markdown_format": "myst",  # tables in outputs
    "myst_heading_anchors": 6,
    "exclude_patterns": [book_sources.AS_IT_IS, "_static"],
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "home_page_in_toc": True,
        "show_toc_level": 2,
        "use_download_button": False,
        "use_fullscreen_button": False,
        "navbar_persistent": [],
        "article_header_end": ["search-button.html", "toggle-secondary-sidebar.html"],
    },
    "suppress_warnings": ["myst.header"],  # the glossary's terms are of the third level
    "html_context": {"default_mode": "light"},
    "html_static_path": ["_static"],
    "html_css_files": ["book.css"],
    "html_extra_path": [book_sources.AS_IT_IS],
    "html_copy_source": False,
    "html_show_sphinx": False,
}


def missing():
    """Names of needed modules that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def build(root, folder):
    """Build the website.

    Parameters
    ----------
    root : Path
        The checkout, which is only read.
    folder : Path
        Its sub-folders `PARTS` are made anew.

    Returns
    -------
    int
        How many pages the website has.
    list of str
        What is wrong with it: warnings of Sphinx, then dead links.
    """
    from sphinx.application import Sphinx
    from sphinx.util.console import nocolor

    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
    sources, doctrees, html = (folder / name for name in PARTS[:3])
    sources.mkdir(parents=True)
    n_pages, warnings = book_sources.write(root, sources), io.StringIO()
    nocolor()
    book = Sphinx(
        sources, None, html, doctrees, "html", confoverrides=CONFIGURATION, status=None, warning=warnings
    )
    book.build()
    lost = [f"dead link in {each}" for each in book_links.dead(html)]
    return n_pages, [*warnings.getvalue().splitlines(), *lost]


def main(arguments=None):
    """Build the website of this checkout, and say where it is."""
    description = __doc__.splitlines()[0].partition(":")[0]
    argparse.ArgumentParser(prog="python3 -m lib.cli.book", description=description).parse_args(arguments)
    if missing():
        print(MISSING, file=sys.stderr)
        return 1
    folder, started = paths.data("book"), time.monotonic()
    n_pages, problems = build(paths.root(), folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    size = sum(file.stat().st_size for file in (folder / "html").rglob("*") if file.is_file()) / 1e6
    print(
        f"{paths.place(folder / 'html' / 'index.html')}: {n_pages} pages, {size:.0f} MB,"
        f" {time.monotonic() - started:.0f} s; warnings and dead links: {len(problems)}"
    )
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
