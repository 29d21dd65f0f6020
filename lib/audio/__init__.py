"""From a file of sound to samples. Reads any music file; writes nothing.

- `decode`: samples and sample rate of a file, or why it is none.
- `sandbox`: the same in a child process with limits on time and memory, for files from outside.
"""
