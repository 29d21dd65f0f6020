"""Step 08: choose an artist, compare rankings, hear the clips. Writes nothing.

- `explorer`: the lists and sentences, without any widget.
- `widget`: the ipywidgets around them.
"""
