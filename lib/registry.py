"""The methods of the comparison, one entry each: what pictures call them, and where their class is.

A new method is one class and one entry:

- the class has a `lib.methods.Method`'s ``name``, ``fit`` and ``score``, and ``made`` where it needs more
  than nothing to be made of;
- the entry names it, colours it, and says of which kind it is: notebook 05 compares all of kind *baseline*,
  notebook 07 all of kind *audio* (and *tags*, where there are tags, and *pre-trained*, where their encoders
  are given).

What notebook 07 chooses on the dev artists it also writes as a model for any recording. For that the class
needs ``vectors``, ``hear``, ``arrays`` and ``restore``, as `lib.beyond.factor_models.FactorMethod` has them.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

OTHER = "#444444"  # colour of what has no entry
ELSEWHERE = "(pre-trained elsewhere)"  # at the end of the labels of what is


@dataclass(frozen=True)
class Entry:
    """What there is to say of one method.

    Attributes
    ----------
    label : str
        In pictures and sentences.
    colour : str
    kind : str
        *baseline*, *network*, *audio* or *tags* (methods of notebook 07), *pre-trained* (with a part trained
        elsewhere, never chosen among the others), *reference* (knows more than any method of audio can),
        *variant* (of a longer run), *choice* (one of the others in each fold), *nuisance*.
    place : str
        Of the class, ``module:Class``; empty for what has none of its own.
    parts : tuple of str
        Methods whose mean it is, for sums.
    encoders : tuple of str
        Of `lib.beyond.encoders`, which it needs.
    """

    label: str
    colour: str = OTHER
    kind: str = "variant"
    place: str = ""
    parts: tuple = ()
    encoders: tuple = ()


METHODS = {
    "chance": Entry("chance", "#999999", "baseline", "lib.ranking.baselines:Chance"),
    "popularity": Entry("popularity alone", "#E69F00", "baseline", "lib.ranking.baselines:Popularity"),
    "l2": Entry("L2 of spectrograms", "#56B4E9", "baseline", "lib.ranking.baselines:L2"),
    "spectrum": Entry("mean spectrum and spread", "#0072B2", "baseline", "lib.ranking.baselines:Spectrum"),
    "mfcc_gaussian": Entry("MFCC Gaussians", "#CC79A7", "baseline", "lib.ranking.baselines:MfccGaussian"),
    "untrained": Entry("untrained network", "#F0E442", "network", "lib.training.siamese:Untrained"),
    "siamese": Entry("siamese network", "#D55E00", "network", "lib.training.siamese:Siamese"),
    "split_half": Entry("reference: other half of listeners", "#000000", "reference"),
    "world": Entry("reference: perfect hearing", "#009E73", "reference"),
    "truth": Entry("the truth itself", "#000000", "reference"),
    "source": Entry("clips from the same catalogue", "#777777", "nuisance"),
    "loudness": Entry("clips of similar loudness", "#777777", "nuisance"),
    "factor_ridge": Entry("factors by ridge", "#117733", "audio", "lib.beyond.factor_models:FactorRidge"),
    "factor_kernel": Entry(
        "factors by RBF kernel", "#44AA99", "audio", "lib.beyond.factor_models:FactorKernel"
    ),
    "factor_sum": Entry(
        "factors: ridge and kernel", "#332288", "audio", parts=("factor_ridge", "factor_kernel")
    ),
    "segment_ridge": Entry("segments by ridge", "#DDCC77", "audio", "lib.beyond.factor_models:SegmentRidge"),
    "segment_kernel": Entry(
        "segments by RBF kernel", "#CC6677", "audio", "lib.beyond.factor_models:SegmentKernel"
    ),
    "segment_sum": Entry(
        "segments: ridge and kernel", "#88CCEE", "audio", parts=("segment_ridge", "segment_kernel")
    ),
    "audio_sum": Entry(
        "factors and segments",
        "#6A3D9A",
        "audio",
        parts=("factor_ridge", "factor_kernel", "segment_ridge", "segment_kernel"),
    ),
    "factor_cnn": Entry("factors by network", "#AA4499", "audio", "lib.beyond.factor_cnn:FactorCnn"),
    "factor_all": Entry(
        "factors: all three", "#882255", "audio", parts=("factor_ridge", "factor_kernel", "factor_cnn")
    ),
    "tag_ridge": Entry("tags by ridge", "#999933", "tags", "lib.beyond.factor_models:TagRidge"),
    "factor_tags": Entry(
        "factors and tags", "#661100", "tags", parts=("factor_ridge", "factor_kernel", "tag_ridge")
    ),
    "segment_tags": Entry("segments to tags", "#AA7744", "tags", "lib.beyond.factor_models:SegmentTags"),
    "audio_tags": Entry(
        "factors, segments and tags",
        "#B15928",
        "tags",
        parts=(
            *("factor_ridge", "factor_kernel", "segment_ridge", "segment_kernel"),
            *("tag_ridge", "segment_tags"),
        ),
    ),
    "musicnn_mtt": Entry(
        f"musicnn MTT, cosine {ELSEWHERE}",
        "#6699CC",
        "pre-trained",
        "lib.beyond.encoder_methods:MttCosine",
        encoders=("musicnn_mtt",),
    ),
    "musicnn_mtt_kernel": Entry(
        f"musicnn MTT, factors {ELSEWHERE}",
        "#004488",
        "pre-trained",
        "lib.beyond.encoder_methods:MttKernel",
        encoders=("musicnn_mtt",),
    ),
    "musicnn_mtt_sum": Entry(
        f"musicnn MTT, both {ELSEWHERE}",
        "#4477AA",
        "pre-trained",
        encoders=("musicnn_mtt",),
        parts=("musicnn_mtt", "musicnn_mtt_kernel"),
    ),
    "musicnn_msd": Entry(
        f"musicnn MSD, cosine {ELSEWHERE}",
        "#EECC66",
        "pre-trained",
        "lib.beyond.encoder_methods:MsdCosine",
        encoders=("musicnn_msd",),
    ),
    "musicnn_msd_kernel": Entry(
        f"musicnn MSD, factors {ELSEWHERE}",
        "#997700",
        "pre-trained",
        "lib.beyond.encoder_methods:MsdKernel",
        encoders=("musicnn_msd",),
    ),
    "musicnn_msd_sum": Entry(
        f"musicnn MSD, both {ELSEWHERE}",
        "#CCBB44",
        "pre-trained",
        encoders=("musicnn_msd",),
        parts=("musicnn_msd", "musicnn_msd_kernel"),
    ),
    "chosen": Entry("best on each fold's dev artists", "#000000", "choice"),
    "chosen_elsewhere": Entry(f"best on each fold's dev artists {ELSEWHERE}", "#666666", "choice"),
    "all_factors": Entry("reference: everybody's factors", "#000000", "reference"),
    "siamese_longer": Entry("siamese, twice the epochs"),
    "siamese_best_epoch": Entry("siamese, best dev epoch"),
    "siamese_five": Entry("siamese, five convolutions"),
    "siamese_denoised": Entry("siamese, denoised target"),
    "siamese_jittered": Entry("siamese, crops and gain"),
    "siamese_best_chance": Entry("siamese, all three"),
    "encoder_factors": Entry("factors by the paper's encoder"),
    "feature_siamese": Entry("pairs by the paper's head on features"),
    "pair_ridge": Entry("pairs by ridge"),
}


def label(method):
    """What pictures call a method: its entry's label, or its own name."""
    return METHODS[method].label if method in METHODS else method


def colour(method):
    """The colour of a method in all pictures."""
    return METHODS[method].colour if method in METHODS else OTHER


def of_kind(*kinds):
    """Names of the methods of some kinds, in the order of the entries.

    Examples
    --------
    >>> of_kind("network")
    ['untrained', 'siamese']
    """
    return [name for name, entry in METHODS.items() if entry.kind in kinds]


def pre_trained(encoders):
    """Names of the methods that need no other encoders than some.

    Examples
    --------
    >>> pre_trained([])
    []
    >>> pre_trained(["musicnn_mtt"])
    ['musicnn_mtt', 'musicnn_mtt_kernel', 'musicnn_mtt_sum']
    """
    return [name for name in of_kind("pre-trained") if set(METHODS[name].encoders) <= set(encoders)]


def method(name):
    """The class of a method.

    Raises
    ------
    ValueError
        If there is no such method, or it has no class of its own.
    """
    if name not in METHODS or not METHODS[name].place:
        having = ", ".join(key for key, entry in METHODS.items() if entry.place)
        raise ValueError(f"there is no class of a method {name!r}; choose among {having}")
    module, _, kind = METHODS[name].place.partition(":")
    return getattr(importlib.import_module(module), kind)
