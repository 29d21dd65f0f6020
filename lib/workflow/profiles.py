"""What is asked for: the parameters of every notebook, under one profile.

**Conventions.** The tagged parameter cells of the notebooks are the one source of truth, at demo scale. A
profile is a YAML file ``{stage: {parameter: value}}`` that holds only what differs; ``demo`` has none. A
parameter whose name ends in ``_file`` or ``_folder`` is a path: given relative, it counts from the folder of
the profile file or, on the command line, from where the command was typed; an empty one stays empty. A
parameter named in `SHARED` is one parameter of several notebooks: given to one of them, it is given to all.
"""

import ast
import contextlib
import math
from pathlib import Path
from typing import NamedTuple

import yaml

from lib.workflow import paths, stages

PATHS = ("_file", "_folder")
# Where the music is: notebook 02 fetches it, notebook 01 chooses the artists among those who have some.
SHARED = dict.fromkeys(
    ("sources", "music_folder", "table_file", "artist_column", "path_template", "merge_file", "zenodo"),
    ("01_listening_data", "02_preview_clips"),
)
CHOICES = {"01_listening_data.download": ("", "lastfm-2k", "lastfm-360k")}  # the only values that can be


class ProfileError(ValueError):
    """A profile, a parameter or its value that cannot be."""


class Parameter(NamedTuple):
    """One line of a parameter cell."""

    name: str
    annotation: str
    default: object


def parameters_of(stage):
    """Parameters of a notebook, from its own tagged cell.

    Parameters
    ----------
    stage : str
        Name of the notebook, such as ``"04_siamese_training"``.

    Returns
    -------
    dict of str to Parameter

    Raises
    ------
    ProfileError
        If there is no such cell, or a line in it is not ``name: type = literal``.
    """
    tagged = [source for source, tags in stages.cells(stage) if "parameters" in tags]
    if len(tagged) != 1:
        raise ProfileError(f"{stage} must have one cell tagged 'parameters', but has {len(tagged)}.")
    parameters = {}
    for node in ast.parse(tagged[0]).body:
        try:
            line = Parameter(node.target.id, ast.unparse(node.annotation), ast.literal_eval(node.value))
        except (AttributeError, TypeError, ValueError):
            raise ProfileError(
                f"{stage}: a parameter is written `name: type = literal`, but came `{ast.unparse(node)}`."
            ) from None
        parameters[line.name] = line._replace(
            default=conform(f"{stage}.{line.name}", line.annotation, line.default)
        )
    return parameters


def resolve(profile="demo", overrides=()):
    """Name of a profile and the parameters of every stage under it.

    Parameters
    ----------
    profile : str
        A name below ``profiles/``, ``demo``, or the path of a ``.yml`` file (its stem is the name).
    overrides : sequence of str
        ``STAGE.parameter=VALUE`` each; a stage may be any unique beginning of its name, the value is YAML.

    Returns
    -------
    name : str
    parameters : dict of str to dict
        For each stage its parameters by name, defaults included.

    Raises
    ------
    ProfileError
        If something is unknown (the message lists what is known), a value is not of the annotated type, or a
        shared parameter is given two values.
    """
    path = _file(profile)
    name = path.stem if path else "demo"
    declared = {stage: parameters_of(stage) for stage in stages.names()}
    values = {
        stage: {line.name: line.default for line in lines.values()} for stage, lines in declared.items()
    }
    from_file, typed = {}, {}
    for stage, changes in (_read(path) if path else {}).items():
        for parameter, value in changes.items():
            _set(from_file, declared, _stage(stage), parameter, value, path.resolve().parent)
    for override in overrides:
        target, equals, text = override.partition("=")
        stage, dot, parameter = target.partition(".")
        if not (equals and dot):
            raise ProfileError(f"An override is written STAGE.parameter=VALUE, but came {override!r}.")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
        _set(typed, declared, _stage(stage), parameter.strip(), value, Path.cwd(), text)
    for given in (from_file, typed):
        for (stage, parameter), value in _shared(given).items():
            values[stage][parameter] = value
    for stage in values:
        if "profile" in values[stage]:
            values[stage]["profile"] = name
    return name, values


def conform(name, annotation, value):
    """`value` as the annotated type, in the form in which it is written down.

    Parameters
    ----------
    name : str
        ``STAGE.parameter``, for the message and for `CHOICES`.
    annotation : str
        ``str``, ``int``, ``float``, ``bool``, ``list``, ``dict``, ``None``, ``list[int]``, ``dict[str,
        float]``, or several of them joined by ``|``.
    value : object

    Returns
    -------
    object
        The value; a whole number becomes a float where a float is asked for, a tuple becomes a list.

    Raises
    ------
    ProfileError
        If the value is of another type, not finite, or none of its `CHOICES`.
    """
    choices = CHOICES.get(name)
    try:
        value = _conform(ast.parse(annotation, mode="eval").body, value)
        if choices and value not in choices:
            raise _OtherType
        return value
    except _OtherType:
        kind = f"one of {', '.join(map(repr, choices))}" if choices else annotation
        raise ProfileError(f"{name} is {kind}, but came {value!r} ({type(value).__name__}).") from None


class _OtherType(Exception):
    pass


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader; refuses two equal keys, and references, which make a few bytes endless."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"it refers to another part of itself (*{self.peek_event().anchor})")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key!r} stands there twice")
        return super().construct_mapping(node, deep)


def _conform(kind, value):
    if isinstance(kind, ast.BinOp):
        try:
            return _conform(kind.left, value)
        except _OtherType:
            return _conform(kind.right, value)
    if isinstance(kind, ast.Subscript):
        whole = _conform(kind.value, value)
        inner = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
        if isinstance(whole, dict):
            return {_conform(inner[0], key): _conform(inner[1], item) for key, item in whole.items()}
        return [_conform(inner[0], item) for item in whole]
    wanted = ast.unparse(kind)
    if wanted == "float" and not isinstance(value, bool):
        try:  # YAML reads 1e-3 as text
            number = float(value)
        except (TypeError, ValueError):
            raise _OtherType from None
        if not math.isfinite(number):
            raise _OtherType
        return number
    if wanted in ("list", "tuple") and isinstance(value, list | tuple):
        return list(value)
    if wanted == "None" and value is None:
        return value
    simple = {"str": str, "int": int, "bool": bool, "dict": dict}
    if wanted in simple and type(value) is simple[wanted]:
        return value
    raise _OtherType


def _set(given, declared, stage, parameter, value, folder, text=None):
    """Note one value that was given, or say what is known instead."""
    if parameter == "profile":
        raise ProfileError("The profile is chosen with --profile, not as a parameter.")
    if parameter not in declared[stage]:
        raise ProfileError(f"{stage} has no parameter {parameter!r}. Known: {', '.join(declared[stage])}.")
    annotation, name = declared[stage][parameter].annotation, f"{stage}.{parameter}"
    try:
        value = conform(name, annotation, value)
    except ProfileError:  # `2024` and `no` are text where text is asked for
        as_typed = None
        if text is not None:
            with contextlib.suppress(ProfileError):
                as_typed = conform(name, annotation, text)
        if as_typed is None:
            raise
        value = as_typed
    if parameter.endswith(PATHS) and value:
        value = str(folder / Path(value).expanduser())
    given[stage, parameter] = value


def _shared(given):
    """What was given, and what that makes of the shared parameters of other stages."""
    spread = {}
    for (stage, parameter), value in given.items():
        sharers = SHARED.get(parameter, ())
        for other in sharers if stage in sharers else [stage]:
            if given.get((other, parameter), value) != value:
                raise ProfileError(
                    f"{stage}.{parameter} is {value!r} and {other}.{parameter} is"
                    f" {given[other, parameter]!r}, but these two are one parameter: give it once."
                )
            spread[other, parameter] = value
    return spread


def _file(profile):
    """Path of the profile's file, None for ``demo``."""
    if profile == "demo":
        return None
    folder = paths.root() / "profiles"
    path = Path(profile) if str(profile).endswith((".yml", ".yaml")) else folder / f"{profile}.yml"
    if path.stem == "demo":
        raise ProfileError(
            "demo is what the notebooks' own parameters say; give a file with other values another name."
        )
    if not path.is_file():
        names = ["demo", *sorted(file.stem for file in folder.glob("*.yml"))]
        raise ProfileError(
            f"There is no profile {str(profile)!r}. Known: {', '.join(names)}, or the path of a .yml file."
        )
    try:
        paths.checked(path.stem)
    except ValueError as problem:
        raise ProfileError(str(problem)) from None
    return path


def _stage(prefix):
    try:
        return stages.find(str(prefix))
    except stages.UnknownStage as problem:
        raise ProfileError(str(problem)) from None


def _read(path):
    """``{stage: {parameter: value}}`` of a profile file; a stage without parameters counts for nothing."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        why = " ".join(str(problem).split())
        raise ProfileError(f"{paths.shown(path)} cannot be read as YAML: {why}") from None
    if not isinstance(content, dict) or not all(isinstance(part, dict | None) for part in content.values()):
        raise ProfileError(f"{paths.shown(path)} must read {{stage: {{parameter: value}}}}.")
    return {stage: part or {} for stage, part in content.items()}
