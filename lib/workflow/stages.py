"""The stages: which notebook needs which, and what code each of them is made of.

**Conventions.** A stage is named like its notebook; stages run in the order of `NEEDS`. Code is compared by
its syntax tree, so that a comment or a docstring does not make a trained network stale; the cell with the
parameters is left out, because their values are compared on their own.
"""

import ast
import functools
import hashlib
import json
import re

from lib.workflow import paths

DATA = ["01_listening_data", "02_preview_clips", "03_spectrograms"]
TRAINED = [*DATA, "04_siamese_training"]
NEEDS = {
    "00_start_here": [],
    "01_listening_data": [],
    "02_preview_clips": ["01_listening_data"],
    "03_spectrograms": ["02_preview_clips"],
    "04_siamese_training": ["01_listening_data", "03_spectrograms"],
    "04b_tiles": ["01_listening_data", "03_spectrograms", "04_siamese_training"],
    "05_ranking_evaluation": TRAINED,
    "05b_other_explanations": [*TRAINED, "05_ranking_evaluation"],
    "06_first_layer_filters": TRAINED,
    "06b_more_on_filters": [*TRAINED, "06_first_layer_filters"],
    "07_beyond_the_paper": [*TRAINED, "05_ranking_evaluation"],
    "07b_hubs_and_ablation": [
        *TRAINED,
        "05_ranking_evaluation",
        "05b_other_explanations",
        "07_beyond_the_paper",
    ],
    "08_artist_explorer": TRAINED,
}
# What a stage shows if it is there, and does without if not.
ALSO_READS = {"08_artist_explorer": ["05_ranking_evaluation", "07_beyond_the_paper"]}
IN_PAPER = {  # the parts of the paper that a stage reproduces
    "01_listening_data": "§3",
    "02_preview_clips": "§3",
    "03_spectrograms": "§3",
    "04_siamese_training": "§4, Figures 1 and 2",
    "05_ranking_evaluation": "§5, Tables 1 and 2",
    "05b_other_explanations": "§5, §6",
    "06_first_layer_filters": "§5, Figures 3 and 4",
}

CODE = ("lib", "demo")  # folders of code that notebooks import
PLACE = re.compile(r"(lib|demo)(\.\w+)+:\w+")  # of code that is imported by its name, as `lib.registry` does


class UnknownStage(ValueError):
    """There is no such stage, or more than one."""


def number(stage):
    """What the name of a stage begins with, as it is given to ``--only``.

    Examples
    --------
    >>> number("05_ranking_evaluation"), number("05b_other_explanations")
    ('05', '05b')
    """
    return stage.partition("_")[0]


def names():
    """The stages whose notebook is there, in the order of the pipeline.

    Examples
    --------
    >>> names()[:3]
    ['00_start_here', '01_listening_data', '02_preview_clips']
    """
    return [stage for stage in NEEDS if paths.notebook(stage).exists()]


def reads(stage):
    """All stages whose results a stage depends on: those it needs, and those it can do without."""
    return [*NEEDS[stage], *ALSO_READS.get(stage, [])]


def question(stage):
    """The title of a stage's notebook, which is its question.

    Examples
    --------
    >>> question("00_start_here")
    'Can a network predict from sound which artists share listeners?'
    """
    first = "".join(_stored(stage)[0]["source"]).splitlines()[0]
    return first.partition(" · ")[2]


def contents(folder=""):
    """The notebooks as a Markdown table: the question of each, where the paper treats it, what it reads.

    Parameters
    ----------
    folder : str
        Of the notebooks, for the links; ends with ``/`` if it is not empty.

    Returns
    -------
    str

    Examples
    --------
    >>> print(contents().splitlines()[0])
    | notebook | question | paper | reads the results of |
    """
    lines = ["| notebook | question | paper | reads the results of |", "|---|---|---|---|"]
    for stage in names():
        always, perhaps = (", ".join(map(number, some.get(stage, []))) for some in (NEEDS, ALSO_READS))
        read = "; ".join(filter(None, [always, perhaps and f"if they have run: {perhaps}"]))
        link = f"[{stage.replace('_', ' ')}]({folder}{stage}.ipynb)"
        lines.append(f"| {link} | {question(stage)} | {IN_PAPER.get(stage, '')} | {read} |")
    return "\n".join(lines)


def find(prefix, among=None):
    """The one stage whose number is `prefix`, or whose name begins with it.

    Parameters
    ----------
    prefix : str
    among : sequence of str, optional
        The stages to look among; all if not given.

    Raises
    ------
    UnknownStage
        If none does, or several; the message lists the known ones.

    Examples
    --------
    >>> find("05"), find("05b"), find("06_f")
    ('05_ranking_evaluation', '05b_other_explanations', '06_first_layer_filters')
    """
    among = names() if among is None else among
    matches = [stage for stage in among if number(stage) == prefix]
    matches = matches or [stage for stage in among if stage.startswith(prefix) and prefix]
    if len(matches) == 1:
        return matches[0]
    problem = "No stage begins with" if not matches else "More than one stage begins with"
    raise UnknownStage(f"{problem} {prefix!r}. Known: {', '.join(among)}.")


def cells(stage):
    """Code cells of a committed notebook, as (source, tags), in order."""
    return [
        ("".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in _stored(stage)
        if cell["cell_type"] == "code"
    ]


def code(stage):
    """Source of all code cells but the parameters."""
    return "\n".join(source for source, tags in cells(stage) if "parameters" not in tags)


def modules(source, package="lib"):
    """Files of this project that a piece of code imports, directly or through one another.

    Parameters
    ----------
    source : str
        Python code.
    package : str
        Package the code belongs to, for relative imports.

    Returns
    -------
    list of Path, sorted
    """
    files, waiting = set(), [(source, package)]
    while waiting:
        for path in _imports(*waiting.pop()) - files:
            files.add(path)
            waiting.append(
                (path.read_text(encoding="utf-8"), ".".join(path.relative_to(paths.root()).parts[:-1]))
            )
    return sorted(files)


def _stored(stage):
    """All cells of a committed notebook."""
    path = paths.notebook(stage)
    if not path.exists():
        raise UnknownStage(f"There is no notebook {paths.shown(path)}. Known: {', '.join(names())}.")
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@functools.cache  # a plan needs each of a hundred modules for several notebooks
def digest(source):
    """SHA-256 of what the code says, comments and docstrings aside."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                del body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _imports(source, package):
    """Files that imports and places (``lib.study:Study``) in `source` name, with each ``__init__.py``."""
    files = set()
    for parts in _names(source, package):
        for end in range(1, len(parts) + 1):
            base = paths.root().joinpath(*parts[:end])
            files |= {path for path in (base / "__init__.py", base.with_suffix(".py")) if path.exists()}
    return files


@functools.cache
def _names(source, package):
    """The parts of the dotted names of this project that `_imports` looks for."""
    wanted = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            wanted += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: -(node.level - 1) or None] if node.level else []
            module = parents + (node.module.split(".") if node.module else [])
            wanted += [[*module, alias.name] for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PLACE.fullmatch(node.value):
            wanted.append(node.value.partition(":")[0].split("."))
    return {tuple(parts) for parts in wanted if parts[0] in CODE}
