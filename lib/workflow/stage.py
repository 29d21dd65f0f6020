"""One notebook at work: what came before it, what it writes, and the manifest at its end.

    run = stage.start("05_ranking_evaluation", globals())
    run.table(frame, "table1_ranking")
    run.figure(figure, "forest")
    run.finish()

**Conventions.** Tables, pictures and pages go to ``figures/``, everything else to ``data/``; each name is
given once, and `Run.finish` lists what was written.
"""

import os
from pathlib import Path

from lib.workflow import artifacts, figures, kept, machine, paths, stages

SIMULATED = "simulated data"  # on pictures and above tables
LISTENING = "01_listening_data"  # its parameters say whether the data are simulated


def start(name, namespace):
    """Begin a stage: check that the stages before it are there, and set the style of pictures.

    Parameters
    ----------
    name : str
        Of the notebook.
    namespace : dict
        ``globals()`` of the notebook, for the values of its parameters.

    Returns
    -------
    Run

    Raises
    ------
    MissingArtifact
        If a stage that this one needs has not been run, or what it wrote was changed since; the message names
        the command.

    Examples
    --------
    >>> run = start("01_listening_data", {"profile": "demo"})
    >>> paths.shown(run.data), paths.shown(run.figures)
    ('data/demo', 'figures')
    """
    figures.use_style()
    return Run(name, namespace)


class Run:
    """What a notebook reads and writes.

    Attributes
    ----------
    data, figures : Path
        Folders of the profile.
    kept : lib.workflow.kept.Kept
        Expensive results of the profile.
    simulated : bool or None
        Whether the data are the demo's; None in notebook 00. Pictures and tables of simulated data say so.
    """

    def __init__(self, name, namespace):
        self.name, self.namespace, self.profile = name, namespace, namespace["profile"]
        self.data, self.figures = paths.data(self.profile), paths.figures(self.profile)
        self.kept = kept.of(self.profile)
        self._parameters = {before: self._verified(before).parameters for before in stages.NEEDS[name]}
        self._outputs, self._records = [], []

    def _verified(self, before):
        drafted = os.environ.get(artifacts.DRAFTS)  # by `run_all.py`, which has compared the checksums
        return (artifacts.manifest if drafted else artifacts.verified)(self.profile, before)

    @property
    def simulated(self):
        given = self._parameters.get(LISTENING)
        if given is None and any(LISTENING in stages.NEEDS[before] for before in self._parameters):
            given = artifacts.manifest(self.profile, LISTENING).parameters
        return (given or self.namespace).get("simulate")

    def parameters(self, stage):
        """Parameters that an earlier stage ran with, by name; `stage` is its number."""
        return self._parameters[stages.find(stage, self._parameters)]

    def has(self, stage):
        """Whether a stage that this one can do without has been run; `stage` is its number."""
        name = stages.find(stage, stages.ALSO_READS[self.name])
        return paths.manifest(self.profile, name).exists()

    def outputs(self, stage):
        """Names of the files that an earlier stage wrote."""
        name = stages.find(stage, self._parameters)
        return set(artifacts.manifest(self.profile, name).outputs)

    def figure(self, figure, name, *, reduced=False, of_data=True):
        """Write a figure as ``figures/NAME.png``, show it and close it.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
        name : str
        reduced : bool
            Show a copy of half the size, for notebooks with many pictures.
        of_data : bool
            False for a picture that shows nothing of the data, such as the layers of a network.
        """
        if self.simulated and of_data:
            figures.mark(figure, SIMULATED)
        figures.show(figure, self._output(self.figures / f"{name}.png"), reduced=reduced)

    def table(self, frame, name, *, markdown=True, of_data=True):
        """Write a table as ``figures/NAME.csv`` and, for reading, ``NAME.md``; return it.

        Parameters
        ----------
        frame : pd.DataFrame
            One observation a row; the index is not written.
        name : str
        markdown : bool
            False for tables too long to read.
        of_data : bool
            False for a table that rests on nothing of the data, such as one of what the paper published.
        """
        path = self._output(self.figures / f"{name}.csv")
        if markdown:
            self._output(path.with_suffix(".md"))
            above = f"*{SIMULATED.capitalize()}.*\n\n" if self.simulated and of_data else ""
            artifacts.write_table(frame, path, above=above)
        else:
            artifacts.write_csv(frame, path)
        return frame

    def page(self, name):
        """Take note of a page, ``figures/NAME.html``; return its path, for what writes it.

        Parameters
        ----------
        name : str

        Returns
        -------
        Path
        """
        return self._output(self.figures / f"{name}.html")

    def save(self, value, name, *, record=False):
        """Write a value into the profile's data; return the path.

        Parameters
        ----------
        value : object
            By the end of the name: a frame (``.parquet``, ``.tsv``), a JSON value (``.json``), or anything
            with ``save(path)`` (``.npz``).
        name : str
        record : bool
            Whether it is no input of later stages, such as times.
        """
        path = self.data / name
        if record:
            self._records.append(path)
        else:
            self._output(path)
        write = {
            ".parquet": artifacts.write_parquet,
            ".tsv": artifacts.write_csv,
            ".json": artifacts.write_json,
            ".npz": lambda value, path: value.save(path),
        }
        write[path.suffix](value, path)
        return path

    def made_with(self, name, parameters):
        """Write how the figures were made as ``figures/NAME.json``: versions, processor, parameters."""
        path = self._output(self.figures / f"{name}.json")
        artifacts.write_json(machine.made_with() | {"parameters": parameters}, path)

    def wrote(self, *names):
        """Take note of files or folders of the profile's data that something else has written."""
        for name in names:
            self._output(self.data / name)

    def record(self, *names):
        """The same for files that are no input of later stages, such as times of retrieval."""
        self._records += [self.data / name for name in names]

    def finish(self):
        """Write the manifest; return the names of all outputs, the same on every machine."""
        return artifacts.finish(self.name, self.profile, self.namespace, self._outputs, self._records)

    def _output(self, path):
        if path in self._outputs:
            raise ValueError(
                f"{paths.shown(path)} is written twice: give each table and picture its own name"
            )
        self._outputs.append(Path(path))
        return path
