"""Step 04 (paper, sections 3 to 5, Figures 1 and 2): the siamese network.

Reads spectrograms, target and splits; notebook 04 writes the networks, their losses and ``splits.parquet``.

- `network`: the layers. A change of the network goes here. `encoding`: how a training step runs them.
  `drawing`: what Figure 1 says of them.
- `pairs`: all pairs of clips, as tiles.
- `losses`: the loss of a network and of one constant, over pairs of clips.
- `checkpoints`: half-finished trainings on disk.
- `siamese`: the training, and the network as one method among others. `frames`: what it makes of each moment.
- `devices`: the same on several devices.
- `trainings`: trained networks, each trained once and kept.
- `search`: batch sizes, learning rates and depths, compared on the dev artists.
"""
