"""Step 03 (paper, section 3): each clip becomes a 256 × 64 log-mel spectrogram.

Reads ``clips.parquet`` and ``clips/``; notebook 03 writes ``spectrograms.npy``, its index and
``failures.tsv``.

- `picture`: samples to picture, the author's way of it too, and back to noise.
- `store`: all clips in parallel; the array on disk and its index. `reserved`: a file for it, with its room.
"""
