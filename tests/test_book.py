"""The website of the project: which pages it has, that nothing is executed, that no link is dead.

What needs Sphinx is skipped where the extra ``book`` is not installed.
"""

import io
import json
import subprocess
import sys
import tomllib

import pytest
import yaml
from PIL import Image

from lib.cli import book, book_links, book_sources
from lib.workflow import paths

ROOT = paths.root()
LISTED = [path.as_posix() for files in book_sources.contents(ROOT).values() for path in files]
needs_book = pytest.mark.skipif(
    bool(book.missing()), reason="the extra book is not installed: pip install --editable '.[book]'"
)
PAGE = "# Page\n\n## The artist explorer\n\n"
PLAYER = '<audio controls src="data:audio/mpeg;base64,AAAA"></audio>'


def written(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def picture():
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


def notebook(*cells):
    """A notebook of Markdown cells, and of one code cell that would fail and whose output is stored."""
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": [PLAYER]}}
    code = {"cell_type": "code", "source": "raise SystemExit", "metadata": {}, "id": "c",
            "execution_count": 1, "outputs": [output]}  # fmt: skip
    markdown = [
        {"cell_type": "markdown", "source": text, "metadata": {}, "id": f"m{k}"}
        for k, text in enumerate(cells)
    ]
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": [*markdown, code], "metadata": about, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def checkout(tmp_path):
    """A small project with one page of each kind."""
    return written(tmp_path / "checkout", {
        "README.md": "# A question?\n\n![a](figures/a.png) [![p](figures/a.png)](figures/explorer.html)\n"
        "[one](notebooks/01_one.ipynb) [`lib/`](lib) [table](figures/ledger.md) [licence](LICENSE)\n"
        "`[code](nowhere.md)` <!-- [comment](nowhere.md) -->\n\n```text\n[code](nowhere.md)\n```\n",
        "GLOSSARY.md": "# Glossary\n\n### Mutual proximity\n\nUsed in: [code](lib/deep/code.py).\n",
        "docs/beyond_the_paper.md": f"{PAGE}[back](../README.md) [term](../GLOSSARY.md#mutual-proximity)\n"
        "[part](../notebooks/01_one.ipynb#What-it's-for:-all) [elsewhere](https://example.org)\n",
        "notebooks/01_one.ipynb": notebook(
            "# 01 · One", "## What it's for: all\n\n[page](../docs/beyond_the_paper.md)"
        ),
        "figures/a.png": picture(), "figures/explorer.html": "<html><body>explorer</body></html>",
        "figures/ledger.md": "| claim | value |\n| --- | ---: |\n| a\\_b | 1 |\n",
        "figures/ledger.csv": "a,1\n",
        "lib/__init__.py": '"""The code."""\n', "lib/deep/code.py": '"""Text with ```ticks```."""\n',
        "lib/deep/other.py": "", "LICENSE": "MIT\n",
    })  # fmt: skip


@pytest.mark.parametrize(
    ("above", "place", "origins"),
    [
        ("*Simulated data.*\n\n", "figures/ledger.md", ["Simulated"]),
        ("", "figures/ledger.md", []),
        ("", "figures/real/ledger.md", ["Real"]),
    ],
)
def test_a_table_is_a_page_that_says_where_its_values_are_from(checkout, above, place, origins):
    text = above + (checkout / "figures" / "ledger.md").read_text()
    (checkout / place).parent.mkdir(exist_ok=True)
    (checkout / place).write_text(text)
    page = book_sources.Sources(checkout, checkout / "out").content(book_sources.Path(place))
    assert '<table class="table">' in page
    before = page.partition("<div")[0]
    assert [each for each in ("Simulated", "Real") if each in before] == origins


@pytest.mark.parametrize("pattern", ["notebooks/*.ipynb", "docs/*.md", "lessons/*.ipynb", "lessons/*.md"])
def test_every_notebook_and_every_page_is_in_the_table_of_contents(pattern):
    there = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
    assert [name for name in LISTED if name in there] == there or pattern.startswith("lessons")
    assert set(there) <= set(LISTED)


def test_the_table_of_contents_names_what_there_is_once():
    assert {"GLOSSARY.md", "CHANGELOG.md", "demo/README.md"} <= set(LISTED)
    assert [name for name in LISTED if not (ROOT / name).exists()] == []
    assert len(set(LISTED)) == len(LISTED)


def test_the_versions_of_the_extra_are_exact():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = extra["project"]["optional-dependencies"]["book"]
    assert {package.partition("==")[0].replace("-", "_") for package in packages} == set(book.NEEDED)
    assert all("==" in package for package in packages)


def test_without_the_extra_the_command_ends_in_one_sentence_that_helps(monkeypatch, capsys):
    monkeypatch.setattr(book, "NEEDED", ("sphinx", "no_such_package"))
    monkeypatch.setattr(book, "build", None)
    assert book.main([]) == 1
    output, message = capsys.readouterr()
    assert output == ""
    assert message.splitlines() == [book.MISSING]
    assert "pip install --editable '.[book]'" in message


def test_the_command_imports_nothing_of_the_extra_before_it_builds():
    code = "import sys, lib.cli.book; sys.exit(any(name in sys.modules for name in lib.cli.book.NEEDED))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_links_are_turned_to_the_places_of_the_website(checkout):
    sources = book_sources.Sources(checkout, checkout / "out")
    page = book_sources.Path("docs/beyond_the_paper.md")
    for target, turned in {
        "../README.md": "../index.md",
        "../README.md#a-question": "../index.md#a-question",
        "../notebooks/01_one.ipynb#What-it's-for:-all": "../notebooks/01_one.ipynb#what-its-for-all",
        "../lib/deep/code.py": "../lib/deep/code.py.md",
        "../lib": "../lib/contents.md",
        "../figures/explorer.html": "../explorer.md",
        "../figures/ledger.csv": "../figures/ledger.csv",
        "https://example.org/#A": "https://example.org/#A",
        "../../secret.md": "../../secret.md",
        "gone.md": "gone.md",
        "#Here": "#here",
    }.items():
        assert sources.linked(f"[x]({target})", page) == f"[x]({turned})"
    for kept in ("`[x](../lib)`", "```\n[x](../lib)\n```", "<!-- [x](../lib) -->"):
        assert sources.linked(kept, page) == kept


def test_dead_links_of_a_website_are_seen(tmp_path):
    written(tmp_path, {
        "site/index.html": "<a href='a.html#here'></a><a href='a.html#gone'></a><img src='lost.png'>"
        "<a href='../beside.html'></a><a href='https://example.org'></a><a href='#'></a><a href='sub/'></a>",
        "site/a.html": "<h1 id='here'>A</h1><a href='index.html'></a><audio src='data:audio/mpeg,A'></audio>",
        "site/sub/index.html": "<a href='../a.html?x=1'></a>", "beside.html": "",
    })  # fmt: skip
    assert book_links.dead(tmp_path / "site") == [
        "index.html: a.html#gone", "index.html: lost.png", "index.html: ../beside.html",
    ]  # fmt: skip


@needs_book
def test_a_small_book_has_no_dead_link_executes_nothing_and_changes_no_file(checkout, tmp_path):
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    n_pages, problems = book.build(checkout, tmp_path / "out")
    assert problems == []
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before
    html = tmp_path / "out" / "html"
    pages = {path.relative_to(html).as_posix() for path in html.rglob("*.html")}
    made = {page for page in pages if not page.startswith("_static")}
    assert n_pages == len(made - {"search.html", "genindex.html", "figures/explorer.html"})
    assert {"index.html", "notebooks/01_one.html", "explorer.html", "lib/deep/code.py.html"} <= pages
    first = (html / "notebooks" / "01_one.html").read_text(encoding="utf-8")
    assert PLAYER in first and "raise" in first
    for page in pages:
        text = (html / page).read_text(encoding="utf-8")
        assert not [part for part in ('src="http', 'rel="stylesheet" href="http') if part in text], page


@needs_book
def test_a_dead_link_is_a_problem_of_the_book(checkout, tmp_path):
    written(
        checkout,
        {"docs/beyond_the_paper.md": f"{PAGE}[x](gone.md) [y](../GLOSSARY.md#gone)\n"},
    )
    problems = "\n".join(book.build(checkout, tmp_path / "out")[1])
    assert "gone.md" in problems and "#gone" in problems


def test_binder_installs_what_the_environment_names():
    assert (ROOT / ".binder" / "environment.yml").resolve() == ROOT / "environment.yml"
    script = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements.lock" in script


def test_a_job_builds_the_book_with_the_command_of_the_page():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))
    lines = [step.get("run", "") for step in workflow["jobs"]["build"]["steps"]]
    assert ".venv/bin/python -m lib.cli.book" in lines
    assert any("'.[book]'" in line for line in lines)
