"""World and answers by the contract, straight from the files of `explorer_harness.write`: until the real ones exist."""

import io

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image

from lib.explorer import explorer
from tests import explorer_harness as harness


def stand_in(folder):
    study = harness.study_of(folder)
    scores, best = explorer.fitted(folder)
    names = [name for name in explorer.sources_of(scores) if name not in ("truth", "chance")]
    ids, described = study.ids, explorer.described(study, scores)
    place = pd.Index(ids)
    styles = pd.read_parquet(folder / "styles.parquet").set_index("artist_id")["style"].reindex(ids)
    style_names = sorted(styles.unique())
    where = pd.read_parquet(folder / "artist_map.parquet").set_index("artist_id").reindex(ids)
    blend = pd.read_parquet(folder / "blend.parquet")
    axes = [sorted(blend[name].unique().tolist()) for name in ("listeners", "popularity")]

    def grid(method, column):
        return (
            blend[blend["method"] == method]
            .pivot(index="listeners", columns="popularity", values=column)
            .to_numpy()
            .tolist()
        )

    rng = np.random.default_rng(5)
    features = rng.normal(size=(len(ids), 4))
    features = (features - features.mean(0)) / features.std(0)
    clips = study.clips
    loudness = rng.normal(-14, 4, len(clips)).round(1)
    world = {
        "format": 1, "profile": "demo", "simulated": True,
        "split_means": {"train": "a training artist: the network has learnt from its clips, so its ranking here is no test",
                        "dev": "a dev artist: never trained on, but settings were compared on it",
                        "test": "a test artist: the network was never trained on it"},
        "n_listeners": study.chosen_listening.plays.shape[0],
        "artists": {"id": ids, "name": described["label"].tolist(), "listeners": described["listeners"].tolist(),
                    "split": described["split"].tolist(), "plays": None},
        "clips": {"artist": place.get_indexer(clips["artist_id"]).tolist(), "title": clips["title"].tolist(),
                  "source": clips["source"].tolist(), "loudness": loudness.tolist()},
        "methods": [{"name": name, "label": explorer.name(name)} for name in ["truth", *names]],
        "best": best, "shown": ["truth", best, "siamese", "l2"], "list_length": 8, "start": 0,
        "map": {"x": where["x"].tolist(), "y": where["y"].tolist(), "of": where["of"].iloc[0]},
        "groups": {"label": "style (simulated)", "names": style_names, "of": [style_names.index(one) for one in styles]},
        "blend": {"measure": "nDCG@10", "n_queries": 49, "chance": 0.16, "listeners": axes[0], "popularity": axes[1],
                  "methods": {name: {"value": grid(name, "value"), "low": grid(name, "ci_low"), "high": grid(name, "ci_high")}
                              for name in blend["method"].unique()}},
        "features": {"low": ["darker", "quieter", "steadier", "slower"], "high": ["brighter", "louder", "more varied", "faster"],
                     "values": features.round(3).tolist()},
        "moments": {"of": "siamese network, before its maximum over time", "n": 32, "dims": 24, "seconds": 0.9375},
        "excerpt": None, "can": {"upload": True, "sound": True},
    }  # fmt: skip
    shared = study.chosen_listening.co_listeners.astype(np.uint32)
    frames = np.load(folder / "moments.npz")["frames"]
    magma = (matplotlib.colormaps["magma"](np.arange(256))[:, :3] * 255).astype(np.uint8)

    def answer(kind, message, buffers):
        if kind == "scores":
            query = ids[message["artist"]]
            rows = [study.target.loc[query].where(shared[message["artist"]] > 0)]
            rows += [scores.row(name, query).reindex(ids) for name in names]
            values = np.stack(rows).astype(np.float32)
            values[:, message["artist"]] = np.nan
            return {"methods": ["truth", *names]}, [values.tobytes(), shared[message["artist"]].tobytes()]
        if kind == "picture":
            levels = (255 * np.asarray(study.spectrograms[message["clip"]], dtype=np.float32).T[::-1]).astype(
                np.uint8
            )
            picture = Image.fromarray(levels, mode="P")
            picture.putpalette(magma.tobytes())
            file = io.BytesIO()
            picture.save(file, "PNG")
            return {"type": "image/png", "seconds": 30.0}, [
                file.getvalue(),
                frames[message["clip"]].tobytes(),
            ]
        if kind == "sound":
            try:
                content = (folder / clips["file"][message["clip"]]).read_bytes()
            except OSError as error:
                return {"error": f"{clips['file'][message['clip']]} cannot be read: {error.strerror}"}, []
            return {"type": "audio/mpeg", "start": 0.0, "seconds": 30.0}, [content]
        if kind == "upload":
            if not message["name"].endswith(".mp3"):
                return {"error": f"{message['name']} is no sound: give wav, mp3, m4a, flac or ogg"}, []
            values = rng.normal(size=len(ids)).astype(np.float32)
            content = answer("picture", {"clip": 0}, [])[1][0]
            return {
                "title": message["name"],
                "method": "segments by RBF kernel",
                "map": [0.1, 0.2],
                "start": 0.0,
                "type": "image/png",
                "seconds": 30.0,
            }, [values.tobytes(), content]
        return {"error": f"no answer to {kind!r}"}, []

    return world, answer
