"""A person's own music: the neighbours of each track and artist, a map, playlists; no plays are needed.

``run_all.py --library MUSIC`` (`lib.cli.library`) writes them.

- `features`: what a track sounds like, without training. `describe`: from a file to such numbers, or to those
  of a model (`lib.beyond.similar_artists`).
- `tracks`: the table of all tracks, kept up to date. `neighbours`: the nearest tracks and artists.
- `playlists`: a track or an artist by name, and what goes with it. The map is of `lib.maps`.
"""
