"""The saved query of views, read as Athena's language and run by DuckDB over lines as CloudFront would log them."""
from pathlib import Path

import duckdb
import sqlglot

QUERY = (Path(__file__).resolve().parents[2] / "infra/views.sql").read_text()
LAKE, HILLS, GONE = (f"{n}1111111-2222-4333-8444-55555555555{n}" for n in "abc")


def views(requests, documents):
    store = duckdb.connect()
    store.execute('CREATE TABLE requests ("date" VARCHAR, "cs-method" VARCHAR, "cs-uri-stem" VARCHAR, "sc-status" VARCHAR, "sc-bytes" VARCHAR, "sc-range-start" VARCHAR)')
    store.execute("CREATE TABLE documents (document VARCHAR)")
    store.executemany("INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?)", requests)
    store.executemany("INSERT INTO documents VALUES (?)", [[document] for document in documents])
    [statement] = sqlglot.transpile(QUERY, read="athena", write="duckdb")
    return store.execute(statement).fetchall()


def asked(path, status="200", method="GET", start="-", day="2026-11-27"):
    return (day, method, path, status, "2000000", start)


def test_views_are_counted_by_clip_and_day_from_what_was_served_of_media():
    found = views([
        asked(f"/hls/{LAKE}/segment000.ts"),
        asked(f"/hls/{LAKE}/segment001.ts"),
        asked(f"/hls/{HILLS}/720p/segment000.ts", status="206", start="0"),
        asked(f"/hls/{HILLS}/720p/segment000.ts", status="206", start="900000"),
        asked(f"/progressive/{LAKE}.mp4", status="206", start="0", day="2026-11-26"),
        asked(f"/progressive/{LAKE}.mp4", status="206", start="5000000", day="2026-11-26"),
        asked(f"/hls/{GONE}/segment000.ts", day="2026-11-25"),
        # Neither refusals nor questions, pictures, pages and calls.
        asked(f"/hls/{LAKE}/segment000.ts", status="403"),
        asked(f"/hls/{LAKE}/segment000.ts", status="410"),
        asked(f"/hls/{LAKE}/segment000.ts", method="OPTIONS"),
        asked(f"/images/{LAKE}.jpg"),
        asked("/s/aB3dE6gH9jaB3dE6gH9j"),
        asked("/api/videos/aB3dE6gH9j/stream-info"),
    ], [
        '{"short_id":"aB3dE6gH9j","title":"The \\"lake\\"","publication":{"stream":{"encode":"%s"}},"upload":{"original":"%s"}}' % (LAKE, LAKE),
        '{"short_id":"zY8xW7vU6t","title":"Hills","publication":{"stream":{"encode":"%s"}}}' % HILLS,
    ])
    assert found[:2] in ([first, second] for first, second in [(LAKE_TODAY, HILLS_TODAY), (HILLS_TODAY, LAKE_TODAY)])
    assert found[2:] == [("2026-11-26", "aB3dE6gH9j", 'The "lake"', 1, 4.0), ("2026-11-25", None, None, 1, 2.0)]


LAKE_TODAY = ("2026-11-27", "aB3dE6gH9j", 'The "lake"', 1, 4.0)
HILLS_TODAY = ("2026-11-27", "zY8xW7vU6t", "Hills", 1, 4.0)
