"""README, docs and glossary: links lead somewhere, commands exist, the README is short."""

import json
import re
from pathlib import Path

import pytest

from lib.workflow import paths

ROOT = paths.root()
PAGES = [
    *("README.md", "GLOSSARY.md", "SECURITY.md", "CHANGELOG.md", "demo/README.md", "figures/real/README.md"),
    *sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("lessons/*.md")]),
]
NOTEBOOKS = sorted(
    str(path.relative_to(ROOT)) for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("lessons/*.ipynb")]
)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|\b(?:href|src)=[\"']([^\"']+)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")  # another site, a mail address, an attachment
LONGEST_README = 120  # lines
TERMS = """
MBID, co-listeners, target, min-conditional similarity, PPMI, popularity, log-mel spectrogram, L2 baseline,
siamese network, encoder, embedding, batch normalisation, epoch, dev artists, fold, tile, overlap,
SequenceMatcher ratio, Levenshtein distance, nDCG, concordance, chance, confidence interval, p-value,
Holm correction, permutation test, primary comparison, ledger, as published, corrected, hub, mutual proximity,
listening factors, ridge regression, kernel ridge regression, tag, reference, simulated world, gate, nbval,
papermill, truth, query, control, twin, loss, seed, Spearman's rho, MFCC Gaussians, average precision,
bootstrap, cepstrum, linear discriminant analysis, receptive field, detectable difference, stage, profile,
perfect hearing, predictor without noise
"""


def markdown(text, *, notebook=False):
    """The text of a page, or of a notebook's Markdown cells, without code."""
    if notebook:
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


def links(text):
    """Targets of the links and pictures that stay in the project."""
    text = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "code", text)
    found = [one or other for one, other in LINK.findall(text)]
    return [target for target in found if not ELSEWHERE.match(target)]


def anchors(text, *, notebook=False):
    """What ``#`` may name on a page: the slugs of its headings, of a notebook as JupyterLab makes them."""
    seen, names = {}, set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        if notebook:
            names.add(plain.replace(" ", "-"))
            continue
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        names.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return names


def read(path):
    return markdown(path.read_text(encoding="utf-8"), notebook=path.suffix == ".ipynb")


def dead(name, root=ROOT):
    """Links of a page that lead nowhere."""
    page = root / name
    lost = []
    for target in links(read(page)):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        inside = file.is_relative_to(root.resolve())
        if not (inside and file.exists()) or (
            anchor and anchor not in anchors(read(file), notebook=file.suffix == ".ipynb")
        ):
            lost.append(target)
    return lost


@pytest.mark.parametrize("name", [*PAGES, *NOTEBOOKS])
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(name):
    assert dead(name) == []


def test_lost_links_are_seen(tmp_path):
    (tmp_path / "a.md").write_text(
        "# One: *two* `three`\n## Again\n## Again\n"
        "[x](b.ipynb#Tracks:-all) [x](#one-two-three) [x](#again-1) [x](https://example.org/#no)\n"
        "`[x](code.md)`\n```\n[x](fence.md)\n```\n"
        "[![p](gone.png)](a.md#gone) [x](#again-2) [x](b.ipynb#tracks:-all) [x](/etc/hosts)\n"
        "<img src='lost.png'>\n"
    )
    cell = {"cell_type": "markdown", "source": ["## Tracks: all\n", "[x](c.md)"]}
    (tmp_path / "b.ipynb").write_text(
        json.dumps({"cells": [cell, {"cell_type": "code", "source": ["[x](d)"]}]})
    )
    lost = ["gone.png", "a.md#gone", "#again-2", "b.ipynb#tracks:-all", "/etc/hosts", "lost.png"]
    assert dead("a.md", tmp_path) == lost
    assert dead("b.ipynb", tmp_path) == ["c.md"]


def test_the_readme_is_short_and_begins_with_a_question_a_picture_and_two_commands():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST_README
    assert lines[0].startswith("# ") and lines[0].endswith("?")
    places = [next(k for k, line in enumerate(lines) if part in line) for part in (
        "figures/overview.png", "<!-- answer: begin", "python3 run_all.py", "run_all.py --test",
        "Disk:", "figures/screenshots/explorer.png", "<!-- table 1: begin", "<!-- table 2: begin",
    )]  # fmt: skip
    assert places == sorted(places)
    assert places[4] < 25, "question, picture, answer, commands and what they take are the first screen"


def test_every_page_of_docs_is_linked_in_the_readme():
    linked = {target.partition("#")[0] for target in links(read(ROOT / "README.md"))}
    assert [name for name in PAGES if name.startswith("docs/") and name not in linked] == []


def test_the_glossary_has_every_term_in_alphabetical_order_and_says_where_it_is_used():
    text = read(ROOT / "GLOSSARY.md")
    terms = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert terms == sorted(terms, key=str.casefold)
    wanted = {term.strip().lower() for term in TERMS.replace("\n", " ").split(",")}
    assert wanted - {term.lower() for term in terms} == set()
    for entry in text.split("### ")[1:]:
        definition, _, used = entry.partition("Used in: ")
        assert links(used), entry
        sentences = re.findall(r"[.!?](?=\s|$)", definition)
        assert 1 <= len(sentences) <= 3, entry


def options():
    """Long options of ``run_all.py``."""
    source = (ROOT / "run_all.py").read_text(encoding="utf-8")
    return set(re.findall(r'\badd(?:_argument)?\(\s*(?:"-\w", )?"(--[a-z-]+)"', source))


def test_commands_name_programs_and_options_that_there_are():
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in PAGES)
    for module in set(re.findall(r"python3? -m ((?:benchmarks|demo|lib|examples)[\w.]*)", text)):
        place = ROOT / Path(*module.rstrip(".").split("."))
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module
    commands = re.findall(r"run_all\.py[^`\n#]*", text)
    named = {option for command in commands for option in re.findall(r" (--[a-z-]+)", command)}
    assert {"--library", "--test"} <= named <= options() | {"--help"}


def test_the_page_of_commands_has_every_option_and_every_benchmark():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert len(options()) > 15
    assert [option for option in sorted(options()) if option not in text] == []
    programs = [
        f"benchmarks.{path.stem}"
        for path in sorted(ROOT.glob("benchmarks/*.py"))
        if "__main__" in path.read_text(encoding="utf-8")
    ]
    assert [name for name in programs if f"python3 -m {name}" not in text] == []
