"""How a notebook is executed, and the form in which it is kept.

**Conventions.** Notebooks run in ``notebooks/``, through papermill, with the parameters of the profile put
behind their own parameter cell. A stage has run well when the manifest that its last cell drafts is the one
that was asked for; what papermill says is not enough, because a kernel that is killed, or that calls
``sys.exit(0)``, can pass for a success. The executed notebook is stored before the manifest, the last file of
all, so that no manifest says that a stage is done whose run has failed. What a kernel and its libraries write
past the notebook goes to a file without a name, and is shown only where the kernel died.
"""

import os
import re
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from lib.cli import copies, kernels
from lib.workflow import artifacts, disk, paths, profiles, sizes

THREADS = "MUSIC_SIMILARITY_THREADS"
CELL_METADATA = ("tags", "reason", "jupyter")
LEFT_OUT = "left-out"  # tag of the line that stands for cells that did not run
WIDGET = "application/vnd.jupyter.widget-view+json"


class StageFailed(RuntimeError):
    """A stage did not come to its end."""


def environment(*, bars=True):
    """Environment variables of every kernel: the one place that fixes what results may depend on.

    Results are the same bytes for the same lock, processor type and number of threads. That number is
    ``MUSIC_SIMILARITY_THREADS``, two by default whatever the machine has.

    Parameters
    ----------
    bars : bool
        Whether tqdm shows its bars: good to look at, but no part of what a notebook is compared with.

    Returns
    -------
    dict of str to str
    """
    threads = os.environ.get(THREADS) or "2"
    if not threads.isdigit() or int(threads) < 1:
        raise StageFailed(f"{THREADS} must be a whole number of threads from 1 on, but is {threads!r}.")
    pools = ["OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR", "NUMBA"]
    return {
        **os.environ,
        **{f"{pool}_NUM_THREADS": threads for pool in pools},
        "POLARS_MAX_THREADS": threads,
        # For two trainings side by side, each on half of the threads (lib.training.trainings): a layer on all
        # threads waits for the slowest of them. Trained networks have the same bits with either setting.
        "TF_NUM_INTRAOP_THREADS": str(max(1, int(threads) // 2)),
        "TF_NUM_INTEROP_THREADS": str(min(2, int(threads))),
        "TF_ENABLE_ONEDNN_OPTS": "1",  # TensorFlow leaves it off on processors without AVX-512
        "PYTHONHASHSEED": "0",
        **{
            name: str(Path(os.environ[name]).resolve())  # a kernel starts in another folder
            for name in paths.MOVABLE.values()
            if os.environ.get(name)
        },
        "PYTHONPATH": os.pathsep.join(filter(None, [str(paths.root()), os.environ.get("PYTHONPATH")])),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TQDM_DISABLE": "" if bars else "1",
        "TQDM_MININTERVAL": "2",  # seconds
    }


def execute(stage, profile, parameters, say=print, note=print, left_out=""):
    """Run one stage and keep the executed notebook.

    Parameters
    ----------
    stage, profile : str
    parameters : dict
        Every parameter of the stage.
    say : callable
        Called with which cell runs, and how far its progress bar is, as text.
    note : callable
        Called with a line that is to stay, as text.
    left_out : str
        Why the cells on rankings (tagged `lib.workflow.sizes.RANKING`) are left out; empty: they run.

    Returns
    -------
    NotebookNode
        The executed notebook, as it also lies in ``data/PROFILE/notebooks/``.

    Raises
    ------
    StageFailed
        Naming the notebook, the cell and the cause.
    """
    for place in (paths.manifest, paths.draft):
        place(profile, stage).unlink(missing_ok=True)
    inputs = artifacts.inputs(stage, profile, parameters)
    seen, bar = [], kernels.Bar(say)

    def watch(manager):
        seen.append(manager.nb)
        starts = manager.cell_start

        def cell_start(cell, cell_index=None, **options):
            if cell in _own_code(manager.nb):
                bar.begin("cell {}/{}".format(*_position(manager.nb, cell)))
            return starts(cell, cell_index, **options)

        manager.cell_start = cell_start

    problem, costs, messages = None, kernels.Costs(), kernels.Messages()
    os.environ[artifacts.DRAFTS] = "1"
    try:
        papermill.execute_notebook(
            _shortened(nbformat.read(paths.notebook(stage), as_version=4), left_out),
            None,
            parameters=_changed(stage, parameters),
            engine_name=kernels.Watched.__name__,
            kernel_name="python3",
            language="python",
            cwd=paths.notebook(stage).parent,
            progress_bar=False,
            stderr_file=bar,
            watch=watch,
            messages=messages,
        )
    except PapermillExecutionError:
        problem = _cause(seen[0], profile)
    except DeadKernelError:
        problem = f"stopped: its kernel died in {_where(seen[0], _last(seen[0]))}\nMost often memory ran out."
        problem += messages.last()
    except RuntimeError as error:
        if not seen or _started(seen[0]):
            raise
        problem = f"could not begin: {error}.{messages.last()}"
    except OSError as error:
        if not disk.is_full(error):
            raise
        problem = f"could not go on. {disk.room(paths.data(profile), error)}"
    finally:
        del os.environ[artifacts.DRAFTS]
        messages.close()
    problem = problem or _unfinished(stage, profile, parameters, inputs)
    executed = paths.executed(profile, stage)
    try:
        if seen and (aside := copies.write(seen[0], executed)):
            note(f"{stage} · {aside}")
        if not problem:
            artifacts.seal(profile, stage, shortened=bool(left_out), took=costs.so_far())
    except OSError as error:
        paths.manifest(profile, stage).unlink(missing_ok=True)
        raise StageFailed(f"{stage} {problem or 'was executed, but'}\n{error}") from error
    finally:
        paths.draft(profile, stage).unlink(missing_ok=True)
    if problem:
        raise StageFailed(f"{stage} {problem}\nIts whole output: {paths.place(executed)}")
    return seen[0]


def prepare(stage, profile, parameters, left_out="", fresh=False):
    """Put a notebook with the parameters of a profile where a person can step through it.

    Parameters
    ----------
    stage, profile : str
    parameters : dict
        Every parameter of the stage.
    left_out : str
        As `execute`.
    fresh : bool
        Whether the results of the stage are those of today: a copy that was made of the same cells stays.

    Returns
    -------
    str
        What became of a copy that a person has changed; empty if there was none.
    """
    notebook = _shortened(nbformat.read(paths.notebook(stage), as_version=4), left_out)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook = papermill.execute_notebook(
        notebook,
        None,
        parameters=_changed(stage, parameters),
        kernel_name="python3",
        language="python",
        prepare_only=True,
    )
    path = paths.executed(profile, stage)
    return "" if fresh and copies.made_of(notebook, path) else copies.write(notebook, path)


def store(executed, stage):
    """Replace a committed notebook by its executed self, in canonical form."""
    artifacts.write_text(canonical(executed), paths.notebook(stage))


def refresh_lesson(stage):
    """Execute the lesson of a stage on the demo's results, and store it in canonical form.

    A lesson is no stage: it has no parameters and writes no files, so it leaves no manifest.

    Parameters
    ----------
    stage : str

    Raises
    ------
    StageFailed
        Naming the lesson, the cell and the cause.
    """
    path, messages = paths.lesson(stage), kernels.Messages()
    try:
        executed = papermill.execute_notebook(
            path,
            None,
            engine_name=kernels.Watched.__name__,
            kernel_name="python3",
            language="python",
            cwd=path.parent,
            progress_bar=False,
            stderr_file=None,
            watch=lambda _: None,
            messages=messages,
        )
    except (PapermillExecutionError, DeadKernelError) as problem:
        raise StageFailed(f"{paths.shown(path)} stopped. {problem}{messages.last()}") from problem
    finally:
        messages.close()
    artifacts.write_text(canonical(executed), path)


def canonical(notebook):
    """The text of a notebook, free of everything that differs between two equal executions.

    Standard error, timings, the metadata of papermill and of widgets are dropped; ids and execution counts
    run from the top.

    Parameters
    ----------
    notebook : NotebookNode

    Returns
    -------
    str
    """
    notebook = nbformat.from_dict(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    count = 0
    for position, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{position:02d}"
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)}
        )
        if cell.cell_type == "code":
            count += 1
            cell.execution_count, cell.outputs = count, _outputs(cell.outputs, count)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _shortened(notebook, why):
    """The notebook without its cells on rankings; a line in the place of each group of them says why."""
    if not why:
        return notebook
    kept = []
    for cell in notebook.cells:
        if sizes.RANKING not in cell.metadata.get("tags", []):
            kept.append(cell)
        elif kept[-1].metadata.get("tags") != [LEFT_OUT]:
            metadata = {"tags": [LEFT_OUT]}
            kept.append(
                nbformat.v4.new_markdown_cell(f"*Cells are left out here: {why}.*", metadata=metadata)
            )
    notebook.cells = kept
    return notebook


def _changed(stage, parameters):
    """The parameters that are not what the notebook itself says."""
    return {
        name: parameters[name]
        for name, line in profiles.parameters_of(stage).items()
        if parameters[name] != line.default
    }


def _outputs(outputs, count):
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
        if "data" in output:
            output.data.pop(WIDGET, None)
            if not output.data:
                continue
        if "execution_count" in output:
            output.execution_count = count
        kept.append(output)
    return kept


def _own_code(notebook):
    """Code cells of the notebook as committed, without the one that papermill put in."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]


def _position(notebook, cell):
    """Which of how many code cells this is, counted as in the committed notebook."""
    ids = [one.id for one in _own_code(notebook)]
    return ids.index(cell.id) + 1, len(ids)


def _where(notebook, cell):
    first = next((line for line in cell.source.splitlines() if line.strip() and not line.startswith("#")), "")
    return "code cell {} of {}: {}".format(*_position(notebook, cell), first.strip())


def _started(notebook):
    """The cells that were started."""
    return [cell for cell in _own_code(notebook) if cell.metadata.get("papermill", {}).get("start_time")]


def _last(notebook):
    """The cell that was started last."""
    started = _started(notebook)
    return started[-1] if started else _own_code(notebook)[0]


def _cause(notebook, profile):
    """Cell, exception and the place in ``lib/`` where it was raised; where there was no room, how much is."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))
                raised = re.findall(r"File \S*?[/\\](lib[/\\]\S+?\.py):(\d+)", trace)
                place = "\n  raised in {}, line {}".format(*raised[-1]) if raised else ""
                if output.ename != disk.DiskFull.__name__ and disk.is_full(output.evalue):
                    place += "\n" + disk.room(paths.data(profile), output.evalue)
                return f"stopped in {_where(notebook, cell)}\n{output.ename}: {output.evalue}{place}"
    return "stopped, and said nothing why"


def _unfinished(stage, profile, parameters, inputs):
    """Why the manifest is not the one that was asked for; None if it is."""
    try:
        made = artifacts.draft(profile, stage)
    except artifacts.MissingArtifact:
        return (
            "ended before its last cell had written the manifest: a cell called sys.exit, or the kernel died."
        )
    if made.inputs != inputs:
        names = [name for name, value in parameters.items() if made.parameters.get(name) != value]
        if names:
            return f"ran with another value than was asked for: does a cell assign to {' or '.join(names)}?"
        return "ran while its code, the lock or its inputs were being changed. Run it again."
    return None
