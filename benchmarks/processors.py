"""Do the verdicts survive another type of processor? ``python -m benchmarks.processors [--isa AVX2]``

Runs notebooks 04 to 08 of the demo with the instruction set limited (oneDNN's ``ONEDNN_MAX_CPU_ISA``; NumPy's
dispatch), on the clips and spectrograms that are there, in a data root and a figures root of its own, and
compares what comes out with the committed figures (`lib.cli.reproduction`). The instruction set is by default
the next one below this processor's: AVX2 on one with AVX-512, AVX on one with AVX2. Takes as long as these
notebooks, or up to twice.

Writes ``benchmarks/processors.csv``: ``claim, kind, committed, now`` of every verdict that changed. Prints
one JSON line: processor and instruction set, values compared and outside their interval, verdicts compared
and changed, by kind.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.cli import reproduction
from lib.workflow import artifacts, machine, paths

NUMPY = {"AVX2": "X86_V4 AVX512_ICL AVX512_SPR", "AVX": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"}
FIRST = "04"


def main(arguments=None):
    """Run, compare, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", choices=sorted(NUMPY), help="oneDNN's highest instruction set")
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="these notebooks, of 04 to 08")
    options = parser.parse_args(arguments)
    isa = options.isa or ("AVX2" if has("avx512f") else "AVX")
    with tempfile.TemporaryDirectory(prefix="processors-") as folder:
        data, figures = Path(folder, "data"), Path(folder, "figures")
        shutil.copytree(paths.data("demo"), data / "demo", ignore=shutil.ignore_patterns("checkpoints*"))
        shutil.copytree(paths.figures("demo"), figures)
        made = run(isa, data, figures, options.only)
        comparison = reproduction.compare(made_by_now(folder), made)
        artifacts.write_csv(comparison.changed, paths.measured("processors"))
        artifacts.write_csv(comparison.outside, paths.measured("processors_values"))
    kinds = comparison.verdicts["kind"] == "primary"
    print(
        json.dumps(
            {
                "cpu": machine.made_with()["cpu"],
                "isa": isa,
                "committed_on": comparison.made_with["cpu"],
                "values": comparison.n_values,
                "outside": len(comparison.outside),
                "primary": [int(kinds.sum()), int((comparison.changed["kind"] == "primary").sum())],
                "secondary": [int((~kinds).sum()), int((comparison.changed["kind"] != "primary").sum())],
                "holds": bool(comparison.holds),
            }
        )
    )


def run(isa, data, figures, only=()):
    """Run the notebooks from `FIRST` on, or only some, with the instruction set limited; the folder of the
    figures."""
    available = " ".join(name for name in NUMPY[isa].split() if name in dispatched())
    settings = {
        "ONEDNN_MAX_CPU_ISA": isa,
        "NPY_DISABLE_CPU_FEATURES": available,
        "MUSIC_SIMILARITY_DATA": str(data),
        "MUSIC_SIMILARITY_FIGURES": str(figures),
    }
    command = [sys.executable, str(paths.root() / "run_all.py"), "--force"]
    command += ["--only", *only] if only else ["--from", FIRST]
    subprocess.run(command, env=os.environ | settings, check=True, stdout=sys.stderr)
    return figures


def made_by_now(folder):
    """The committed figures, or those of the working tree where there is no git."""
    return reproduction.committed_figures(Path(folder, "committed")) or paths.figures("demo")


def has(feature):
    """Whether the processor has a feature, by Linux' name."""
    return feature in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def dispatched():
    """Features that NumPy chooses by processor."""
    from numpy._core import _multiarray_umath as core

    return [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]


if __name__ == "__main__":
    main()
