"""From a file of sound to samples. Reads any music file; writes nothing.

- `kinds`: what kind of sound a file holds, recognised by its content.
- `containers`: how much sound is in it, from its structure instead of what it announces.
- `readers`: libsndfile and FFmpeg behind one interface: the length of a sound, and any stretch of it.
- `selection`: which of these readers a sound gets.
- `decode`: samples and sample rate of a file, its middle or several excerpts, or why it is none.
- `sandbox`: the same in a child process with limits on time and memory, for files from outside.
"""
