"""A small zip in the layout of Last.fm-2K (HetRec 2011), in the place of the published one."""

import zipfile

PICTURES = ("http://www.last.fm/music/x", "http://userserve-ak.last.fm/serve/252/1.jpg")


def text(header, rows, encoding="utf-8"):
    """A file of the data set: tab-separated, ends of lines as Windows writes them."""
    return "".join("\t".join(map(str, row)) + "\r\n" for row in [header, *rows]).encode(encoding)


def members(plays, tags):
    """Content of each file.

    Parameters
    ----------
    plays : sequence of (user, artist, count)
        Names; they are numbered as they come.
    tags : sequence of (user, artist, tag)
    """
    users, artists = ({}, {})
    for user, artist, *_ in [*plays, *tags]:
        users.setdefault(user, len(users) + 2)
        artists.setdefault(artist, len(artists) + 1)
    numbers = {tag: number for number, tag in enumerate(dict.fromkeys(tag for *_, tag in tags), start=1)}
    given = [(users[user], artists[artist], numbers[tag], 1, 4, 2009) for user, artist, tag in tags]
    return {
        "artists.dat": text(
            ["id", "name", "url", "pictureURL"],
            [(number, name, *PICTURES) for name, number in artists.items()],
        ),
        "tags.dat": text(["tagID", "tagValue"], [(number, tag) for tag, number in numbers.items()]),
        "user_artists.dat": text(
            ["userID", "artistID", "weight"], [(users[user], artists[artist], n) for user, artist, n in plays]
        ),
        "user_taggedartists.dat": text(["userID", "artistID", "tagID", "day", "month", "year"], given),
        "readme.txt": b"hetrec2011-lastfm-2k, a stand-in",
    }


def write(path, files, folder=""):
    """Write a zip of named contents; return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{folder}{name}", content)
    return path
