"""Step 08: choose an artist, compare rankings, hear the clips. Writes ``explorer.html``.

- `explorer`: lists and sentences, without any widget.
- `stored`: what earlier notebooks stored for it.
- `world`: what is shown before a choice. `answers`: what a choice shows. `media`, `upload`: pictures and
  sounds as bytes, and neighbours of a person's own file.
- `widget`: the explorer in a notebook. `page`: the same as one file. Both are drawn by ``widget.js``.
"""
