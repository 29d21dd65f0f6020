"""Step 02 (paper, section 3): for each artist, a few clips of half a minute.

Reads ``artists.parquet``; notebook 02 writes ``clips.parquet``, the files in ``clips/`` and ``missing.tsv``.

- `available`: which artists of the plays have music, and which of the music are in the plays.
- `tags`: what sound files say of themselves. `music_files`: the files of a music folder, and whose they are.
- `copies`: recordings that are the same although their files differ.
- `gate`: whether a file is a clip that can be used.
- `sources`: where clips come from, one module a source.
- `collect`: asks the sources in order, until each artist has its clips.
"""
