"""Where clips come from: one module a source, all behind the interface of `source`.

- `http`: one client for all services: repeats, and what to do when a service fails.
- `limits`: calls per host, and time for an exchange. `faults`: how a request ends without an answer.
- `sentences`: text from outside, checked and bounded.
- `source`: what a source is asked and what it answers.
- `musicbrainz`: which artist of a service an MBID is linked to.
- `spotify`, `itunes`, `deezer`: services. `merge`: a data set. `folder`: music on this machine.
- `registry`: their names, addresses and terms. A new source is one module, named in one line there.
"""
