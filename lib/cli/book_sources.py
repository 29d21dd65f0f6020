"""What the website is built from: pages of the checkout, copied into a folder with their links turned.

**Conventions.** Files are named relative to the checkout. Pages keep their places, so that most links stay as
they are. The README becomes the first page. A file of code that a page links to gets a page that shows it. A
folder that a page links to gets a page with its pictures and a list of its files, where code is linked if
another page links to it. Pages of code and folders stand in no table of contents, and the search leaves them
out. A page that is only a table gets a title.
"""

import json
import os
import re
from pathlib import Path

CONTENTS = {  # the table of contents: heading, and patterns of files and folders
    "Notebooks": ["notebooks/*.ipynb"],
    "Lessons": ["lessons/README.md", "lessons/*.ipynb", "lessons/[!R]*.md"],
    "To read on": ["GLOSSARY.md", "docs/*.md", "demo/README.md"],
    "Results": ["figures/ledger.md", "figures/paper_coverage.md", "figures/real/README.md", "figures"],
    "Project": ["CHANGELOG.md", "SECURITY.md"],
}
README, EXPLORER = Path("README.md"), Path("figures/explorer.html")
FIRST, EXPLORER_PAGE = Path("index.md"), Path("explorer.md")
PAGES = {".md", ".ipynb"}
TABLE = re.compile(r"(\*[^*\n]+\*\n\n)?\|")  # a file of one table, perhaps below the mark of `Run.table`
COPIED = {".png", ".svg", ".jpg", ".csv", ".npz", ".parquet", ".html"}  # shown, or offered as a download
LANGUAGES = {".py": "python", ".yml": "yaml", ".cff": "yaml", ".json": "json", ".toml": "toml"}
AS_IT_IS = "_extra"  # folder of files that the website takes without a change
ASIDE = "---\norphan: true\nnosearch: true\n---\n\n"
CODE = r"^ *(?P<fence>`{3,}|~{3,})[\s\S]*?^ *(?P=fence)|`[^`\n]+`|<!--[\s\S]*?-->"
LINK = re.compile(CODE + r"|(?P<before>\]\(\s*)<?(?P<target>[^)\s>]+)>?", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")  # another site, a mail address
EXPLORER_TEXT = """---
html_theme.sidebar_secondary.remove: true
---

# The artist explorer

Choose an artist, and compare its neighbours by four methods. Everything here is simulated: listeners, artists and music.
<a href="figures/explorer.html">Open it in the whole window</a>. [What it shows](docs/beyond_the_paper.md#the-artist-explorer).

<iframe class="explorer" src="figures/explorer.html" title="The artist explorer" loading="lazy"></iframe>
"""  # noqa: E501


def contents(root):
    """The pages that the table of contents names.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    dict of str to list of Path
        Files and folders by heading, in order; without the README, which is the first page.
    """
    listed = {
        heading: [path.relative_to(root) for each in patterns for path in sorted(root.glob(each))]
        for heading, patterns in CONTENTS.items()
    }
    return {heading: files for heading, files in listed.items() if files}


def write(root, folder):
    """Write the sources of the website.

    Parameters
    ----------
    root : Path
        The checkout, which is only read.
    folder : Path
        An empty one.

    Returns
    -------
    int
        How many pages there are.
    """
    sources = Sources(Path(root).resolve(), Path(folder))
    sources.write_all()
    return sum(place.suffix in PAGES for place in sources.written)


class Sources:
    """Files that are written, and files that they link to and that still have to be.

    Parameters
    ----------
    root, folder : Path
        The checkout, and where the sources go.
    """

    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.contents = contents(root)
        self.listed = {README, *(file for files in self.contents.values() for file in files)}
        self.waiting, self.written = sorted(self.listed), set()

    def write_all(self):
        """Write each page, then those that it links to, at last the lists of folders, and the style."""
        while self.waiting:
            self.waiting.sort(key=lambda file: (self.root / file).is_dir(), reverse=True)
            file = self.waiting.pop()
            if self.place(file) not in self.written:
                self.write(self.place(file), self.content(file))
        self.write(Path("_static/book.css"), Path(__file__).with_name("book.css").read_bytes())
        if (self.root / EXPLORER).is_file():
            self.write(AS_IT_IS / EXPLORER, (self.root / EXPLORER).read_bytes())
        self.write(Path(AS_IT_IS, ".nojekyll"), b"")  # or GitHub leaves out folders whose names begin with _

    def write(self, place, content):
        """Write one file."""
        self.written.add(place)
        (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / place).write_bytes(content if isinstance(content, bytes) else content.encode())

    def place(self, file):
        """Where the page of a file or folder lies among the sources.

        Parameters
        ----------
        file : Path

        Returns
        -------
        Path
        """
        if file in (README, EXPLORER):
            return FIRST if file == README else EXPLORER_PAGE
        if (self.root / file).is_dir():
            return file / ("README.md" if (self.root / file / "README.md").is_file() else "contents.md")
        return file if file.suffix in PAGES | COPIED else file.with_name(f"{file.name}.md")

    def content(self, file):
        """The page of a file or folder, as text, or as bytes where nothing is changed."""
        if self.place(file).name == "README.md":
            file = self.place(file)
        path, aside = self.root / file, "" if file in self.listed else ASIDE
        if path.is_dir():
            return aside + self.listing(file)
        if file in (README, EXPLORER):
            return self.first_page() if file == README else EXPLORER_TEXT
        if file.suffix in COPIED:
            return path.read_bytes()
        text = path.read_text(encoding="utf-8")
        if file.suffix == ".ipynb":
            return self.notebook(text, file)
        if file.suffix == ".md":
            return aside + (self.table if TABLE.match(text) else self.linked)(text, file)
        return aside + shown(text, file)

    def notebook(self, text, file):
        """A notebook with the links of its Markdown turned."""
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = self.linked("".join(cell["source"]), file)
        return json.dumps(notebook, ensure_ascii=False)

    def first_page(self):
        """The README, with the table of contents of the website."""
        text = self.linked((self.root / README).read_text(encoding="utf-8"), README)
        for heading, files in self.contents.items():
            entries = [self.place(file).with_suffix("").as_posix() for file in files]
            if heading == "Notebooks" and (self.root / EXPLORER).is_file():
                entries.append(EXPLORER_PAGE.stem)
                self.waiting.append(EXPLORER)
            lines = "\n".join(entries)
            text += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{lines}\n```\n"
        return text

    def listing(self, folder):
        """The page of a folder: of a package its docstring, then its files."""
        lines, introduction = [f"# {folder.as_posix()}/", ""], self.root / folder / "__init__.py"
        if folder.parts[0] == "figures":
            lines += [origin(folder) + " Tables, then pictures.", ""]
        if introduction.is_file():
            lines += [fenced(introduction.read_text(encoding="utf-8").strip().strip('"').strip(), "text"), ""]
        for path in sorted((self.root / folder).iterdir(), key=lambda path: (path.is_dir(), path.name)):
            file = path.relative_to(self.root)
            if path.name.startswith((".", "__")) or path.suffix == ".png":
                continue
            if path.is_dir() or path.suffix in PAGES | COPIED or self.place(file) in self.written:
                lines.append(f"- [{path.name}{'/' * path.is_dir()}]({self.turned(path.name, folder / '_')})")
            else:
                lines.append(f"- {path.name}")
        for name in (path.name for path in sorted((self.root / folder).glob("*.png"))):
            lines.append(f"\n## {titled(name)}\n\n![{name}]({self.turned(name, folder / '_')})\n\n`{name}`")
        return "\n".join(lines) + "\n"

    def table(self, text, file):
        """A page of a file that holds a table alone: as HTML, which takes a tenth of the time of Markdown."""
        from markdown_it import MarkdownIt

        above, bar, rows = text.partition("|")
        about = origin(file) if above or "real" in file.parts else ""  # some rest on no data of a run
        if (self.root / file.with_suffix(".csv")).is_file():
            about += f" The same as a file: [{file.stem}.csv]({self.turned(f'{file.stem}.csv', file)})."
        rendered = MarkdownIt("commonmark").enable("table").render(bar + rows)
        rows = rendered.replace("<table>", '<table class="table">')
        return f'# {titled(file.name)}\n\n{about}\n\n<div class="rows">\n{rows}</div>\n'

    def linked(self, text, page):
        """Markdown with its links turned to where things lie in the website.

        Parameters
        ----------
        text : str
        page : Path
            The file that the text is from.

        Returns
        -------
        str
        """

        def turn(match):
            return (
                match[0] if match["target"] is None else match["before"] + self.turned(match["target"], page)
            )

        return LINK.sub(turn, text)

    def turned(self, target, page):
        """One target of a link, see `linked`; a dead one stays as it is, and building finds it."""
        if ELSEWHERE.match(target):
            return target
        path, mark, anchor = target.partition("#")
        anchor = re.sub(r"[^\w\-]", "", anchor.lower())  # JupyterLab keeps capitals
        if not path:
            return mark + anchor
        file = Path(os.path.relpath((self.root / page.parent / path).resolve(), self.root))
        if file.parts[0] == ".." or not (self.root / file).exists():
            return target
        self.waiting.append(file)
        return Path(os.path.relpath(self.place(file), self.place(page).parent)).as_posix() + mark + anchor


def titled(name):
    """A title from the name of a file."""
    return Path(name).stem.replace("_", " ").capitalize()


def origin(file):
    """Where the results of a file below ``figures/`` are from, as a sentence."""
    real = "real" in file.parts
    return "Real listeners and real music." if real else "Simulated listeners and music."


def shown(text, file):
    """A page that shows a file of code."""
    return f"# {file.as_posix()}\n\n{fenced(text, LANGUAGES.get(file.suffix, 'text'))}\n"


def fenced(text, language):
    """Text as a block of code, whatever it holds."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
