"""Speed of the spectrograms against the decoder's: ``python -m benchmarks.spectrograms [--clips N]``.

Prints one JSON line:

- ``clips_per_second_1``, ``clips_per_second_2``: half minutes of stereo at 44.1 kHz, every other one mp3
  and m4a, from file to store with one and with two workers, which are running before the clock does,
- ``decode_limit_fraction``: rate of one worker over that of the same decoder alone in this process,
- ``ratio_to_librosa``: over ``librosa.load`` and ``librosa.feature.melspectrogram`` of mp3 (it reads no m4a
  without a program beside it), with the windows of this project,
- ``ratio_to_published``: over the author's way, a Matplotlib picture of librosa's default spectrogram, saved
  and read back,
- ``peak_gb``: highest memory of a process that adds the last clips to a store of 10,000 and reads it through.

Rates are medians over rounds in which the ways take turns, since other programs may be running.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import librosa
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import threadpoolctl

from demo.synthesiser import encode
from lib.audio import decode
from lib.spectrograms import picture
from lib.spectrograms import store as spectrograms_store
from lib.workflow import artifacts, paths

RATE, SECONDS, CLIPS, ROUNDS, STORED = 44_100, 30, 48, 5, 10_000


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=CLIPS)
    n_clips = parser.parse_args().clips
    matplotlib.use("Agg")
    with tempfile.TemporaryDirectory() as scratch, threadpoolctl.threadpool_limits(1):
        folder = Path(scratch)
        clips = music(folder, n_clips)
        files = [folder / file for file in clips["file"]]
        mp3 = [file for file in files if file.suffix == ".mp3"][:8]
        ways = {
            "one": lambda: ours(clips, folder, n_jobs=1),
            "two": lambda: ours(clips, folder, n_jobs=2),
            "decoder": lambda: [decode.decode(file, middle=SECONDS) for file in files],
            "ours, mp3": lambda: [picture.from_file(file) for file in mp3],
            "librosa, mp3": lambda: [with_librosa(file) for file in mp3],
            "published, mp3": lambda: [published(file) for file in mp3],
        }
        for way in ways.values():
            way()
        took = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                took[name].append(time.perf_counter() - started)
        seconds = {name: statistics.median(values) for name, values in took.items()}
        peak = peak_gb(folder, clips)
    print(
        json.dumps(
            {
                "clips": n_clips,
                "clips_per_second_1": round(n_clips / seconds["one"], 1),
                "clips_per_second_2": round(n_clips / seconds["two"], 1),
                "decode_limit_fraction": round(seconds["decoder"] / seconds["one"], 3),
                "ratio_to_librosa": round(seconds["librosa, mp3"] / seconds["ours, mp3"], 2),
                "ratio_to_published": round(seconds["published, mp3"] / seconds["ours, mp3"], 2),
                "peak_gb": peak,
            }
        )
    )


def music(folder, n_clips):
    """Files that take a decoder as long as music does: tones and noise that come and go."""
    rng = np.random.default_rng(0)
    moments = np.arange(RATE * SECONDS) / RATE
    contents = {}
    for codec in ("mp3", "m4a"):
        tones = sum(np.sin(2 * np.pi * hertz * moments) for hertz in rng.uniform(80, 4000, 8)) / 20
        beat = np.exp(-6 * (moments % 0.5))
        stereo = (tones + 0.2 * beat * rng.standard_normal((2, len(moments)))).astype(np.float32)
        contents[codec] = encode(stereo.T, RATE, codec)
    for number in range(n_clips):
        codec = ("mp3", "m4a")[number % 2]
        (folder / f"{number:05d}.{codec}").write_bytes(contents[codec])
    files = sorted(file.name for file in folder.iterdir())
    return pd.DataFrame(
        {
            "clip_id": files,
            "artist_id": "a",
            "file": files,
            "sha256": [artifacts.sha256(folder / f) for f in files],
        }
    )


def ours(clips, folder, *, n_jobs):
    """From files to a store that was empty."""
    with tempfile.TemporaryDirectory(dir=folder) as store:
        spectrograms_store.compute(clips, folder, store=store, n_jobs=n_jobs)


def with_librosa(file):
    """The same picture with librosa alone."""
    signal, _ = librosa.load(file, sr=picture.SAMPLE_RATE)
    power = librosa.feature.melspectrogram(
        y=signal,
        sr=picture.SAMPLE_RATE,
        n_fft=picture.DEFAULT.n_fft,
        hop_length=picture.HOP_LENGTH,
        n_mels=picture.N_MELS,
    )
    return librosa.power_to_db(power, ref=np.max)


def published(file):
    """The author's way: draw librosa's default spectrogram, save the picture, read it."""
    signal, _ = librosa.load(file)
    decibels = librosa.power_to_db(librosa.feature.melspectrogram(y=signal), ref=np.max)
    figure = plt.figure(figsize=(2.56, 0.64), dpi=100, frameon=False)
    axes = figure.add_axes([0, 0, 1, 1])
    axes.axis("off")
    librosa.display.specshow(decibels, cmap="gray_r", ax=axes)
    with io.BytesIO() as picture:
        figure.savefig(picture, format="png")
        plt.close(figure)
        picture.seek(0)
        return plt.imread(picture)


def peak_gb(folder, clips):
    """Highest memory, in gigabytes, of a process that completes a store of `STORED` clips and reads it."""
    many = pd.concat([clips] * -(-STORED // len(clips)), ignore_index=True).head(STORED)
    many["clip_id"] = [f"{number:05d}" for number in range(STORED)]
    many.to_parquet(folder / "many.parquet")
    store = folder / "store"
    made_by = spectrograms_store._made_by(picture.DEFAULT)
    parts = spectrograms_store._Parts(store, made_by)
    values = picture.from_file(folder / clips["file"][0]).astype(np.float16)
    for start in range(
        0, STORED - len(clips), spectrograms_store.BLOCK
    ):  # as a run that was nearly done left them
        block = many.iloc[start : start + spectrograms_store.BLOCK]
        parts.add(block, dict.fromkeys(block["clip_id"], values))
    code = """
import resource, sys, pandas as pd
from lib.spectrograms import store
folder = sys.argv[1]
store.compute(pd.read_parquet(folder + "/many.parquet"), folder, store=folder + "/store")
assert not store.verify(folder + "/store")
store.contrasting(store.load(folder + "/store")[0])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=paths.root(),
        capture_output=True,
        check=True,
        text=True,
    )
    return round(float(done.stdout), 2)


if __name__ == "__main__":
    main()
