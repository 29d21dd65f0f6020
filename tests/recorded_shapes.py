"""Answers of the real services as they were in 2026, built here after documentation and public recordings."""


def spotify_artist(key, name):
    """Without popularity and followers, which applications in development mode no longer get."""
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/artist/{key}"},
        "genres": [],
        "href": f"https://api.spotify.com/v1/artists/{key}",
        "id": key,
        "images": [{"height": 640, "url": f"https://i.scdn.co/image/{key}", "width": 640}],
        "name": name,
        "type": "artist",
        "uri": f"spotify:artist:{key}",
    }


def spotify_search(artists, offset=0, limit=10):
    """One page of a search."""
    more = offset + limit < len(artists)
    return {
        "artists": {
            "href": "https://api.spotify.com/v1/search?query=x&type=artist",
            "items": artists[offset : offset + limit],
            "limit": limit,
            "next": f"https://api.spotify.com/v1/search?offset={offset + limit}" if more else None,
            "offset": offset,
            "previous": None,
            "total": len(artists),
        }
    }


def spotify_track(key, name, artists, preview=None, album="One"):
    """Without popularity, available_markets and linked_from."""
    return {
        "album": {"album_type": "album", "id": f"al{key}", "name": album, "artists": artists, "images": []},
        "artists": artists,
        "disc_number": 1,
        "duration_ms": 200_000,
        "explicit": False,
        "external_ids": {"isrc": "USXXX0000001"},
        "id": key,
        "is_local": False,
        "name": name,
        "preview_url": preview,
        "track_number": 1,
        "type": "track",
        "uri": f"spotify:track:{key}",
    }


def spotify_error(status, message):
    return {"error": {"status": status, "message": message}}


PREMIUM = (  # the whole body, which is no JSON
    b"Active premium subscription required for the owner of the app. When the subscription status changes, it"
    b" can take a few hours before requests are allowed again."
)


def itunes_song(number, artist_id, artist, title, preview="https://audio-ssl.itunes.apple.com/x.m4a", **more):
    song = {
        "wrapperType": "track",
        "kind": "song",
        "artistId": artist_id,
        "collectionId": 10 * number,
        "trackId": number,
        "artistName": artist,
        "collectionName": "One",
        "trackName": title,
        "trackCensoredName": title,
        "artistViewUrl": f"https://music.apple.com/us/artist/x/{artist_id}?uo=4",
        "previewUrl": preview,
        "trackPrice": 1.29,
        "releaseDate": "2008-09-12T07:00:00Z",
        "trackTimeMillis": 235_280,
        "country": "USA",
        "currency": "USD",
        "primaryGenreName": "Pop",
        "isStreamable": True,
    }
    return {key: value for key, value in (song | more).items() if value is not None}


def itunes_album(artist_id, artist):
    return {
        "wrapperType": "collection",
        "collectionType": "Album",
        "artistId": artist_id,
        "collectionId": 4,
        "artistName": artist,
        "collectionName": "One",
        "trackCount": 12,
    }


def itunes_artist(artist_id, artist):
    return {
        "wrapperType": "artist",
        "artistType": "Artist",
        "artistName": artist,
        "artistLinkUrl": f"https://music.apple.com/us/artist/x/{artist_id}?uo=4",
        "artistId": artist_id,
        "primaryGenreName": "Pop",
    }


def itunes_video(number, artist_id, artist, title):
    preview = "https://video-ssl.itunes.apple.com/x.m4v"
    return itunes_song(number, artist_id, artist, title, preview, kind="music-video", collectionName=None)


def itunes_rows(*rows):
    return {"resultCount": len(rows), "results": list(rows)}


def deezer_artist(number, name):
    return {
        "id": number,
        "name": name,
        "link": f"https://www.deezer.com/artist/{number}",
        "picture": f"https://api.deezer.com/artist/{number}/image",
        "nb_album": 20,
        "nb_fan": 1_000,
        "radio": True,
        "tracklist": f"https://api.deezer.com/artist/{number}/top?limit=50",
        "type": "artist",
    }


def deezer_track(
    number, title, artist, guests=(), preview="https://cdnt-preview.dzcdn.net/x.mp3?hdnea=exp=1"
):
    people = [deezer_artist(*each) | {"role": role} for each, role in [(artist, "Main")]]
    people += [deezer_artist(*each) | {"role": "Featured"} for each in guests]
    return {
        "id": number,
        "readable": True,
        "title": title,
        "title_short": title,
        "duration": 200,
        "rank": 900_000,
        "preview": preview,
        "contributors": people,
        "artist": {"id": artist[0], "name": artist[1], "type": "artist"},
        "album": {"id": 5, "title": "One", "type": "album"},
        "type": "track",
    }


def deezer_rows(*rows):
    return {"data": list(rows), "total": len(rows)}


def deezer_error(kind, message, code):
    return {"error": {"type": kind, "message": message, "code": code}}


DEEZER_NO_DATA = deezer_error("DataException", "no data", 800)
DEEZER_QUOTA = deezer_error("Exception", "Quota limit exceeded", 4)


def musicbrainz_link(page, ended=False, end=None, kind="free streaming"):
    return {
        "attribute-ids": {},
        "attribute-values": {},
        "attributes": [],
        "begin": None,
        "direction": "forward",
        "end": end,
        "ended": ended,
        "source-credit": "",
        "target-credit": "",
        "target-type": "url",
        "type": kind,
        "type-id": "769085a1-c2f7-4c24-a532-2375a77693bd",
        "url": {"id": "6d833c39-9b41-4fa9-a9f6-2ac7f4b971fb", "resource": page},
    }


def musicbrainz_artist(mbid, *links):
    return {
        "id": mbid,
        "name": "x",
        "sort-name": "x",
        "disambiguation": "",
        "type": "Group",
        "relations": list(links),
    }


MUSICBRAINZ_BUSY = {
    "error": "Your requests are exceeding the allowable rate limit. Please see the documentation.",
}
