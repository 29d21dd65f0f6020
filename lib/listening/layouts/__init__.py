"""The layouts in which files of plays come, a reader each; read in blocks of whole lines.

- `recognition`: which layout a file is in, by its content; `lib.listening.plays` goes through it.
- `files`: opening plain and packed files, archives and folders.
- `common`: what the readers share.
- `lastfm_360k`: Last.fm-360K, and its profile.
- `lastfm_1k`: Last.fm-1K.
- `by_id`: Last.fm-2K, Music4All-Onion and LFM-2b, which name artists or tracks by a number.
- `headed`: CSV and TSV with a header.
- `parquet`: Parquet.
- `listenbrainz`: a ListenBrainz dump.
"""
