-- Views of each clip, day by day: how often somebody asked for its beginning, and how much of it was sent. Paths of media hold
-- uuids; the clips' documents say whose they are. A clip that is gone has no title any more.
WITH media AS (
  SELECT
    "date" AS day,
    regexp_extract("cs-uri-stem", '^/(hls|progressive)/([0-9a-f-]{36})', 2) AS uuid,
    regexp_like("cs-uri-stem", '/segment0+\.ts$|\.mp4$') AND coalesce(try_cast("sc-range-start" AS bigint), 0) = 0 AS begins,
    try_cast("sc-bytes" AS bigint) AS bytes
  FROM requests
  WHERE "cs-method" = 'GET' AND "sc-status" IN ('200', '206') AND regexp_like("cs-uri-stem", '^/(hls|progressive)/')
),
clips AS (
  SELECT DISTINCT
    json_extract_scalar(document, '$.short_id') AS short_id,
    json_extract_scalar(document, '$.title') AS title,
    found.uuid
  FROM documents
  CROSS JOIN UNNEST(regexp_extract_all(document, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')) AS found (uuid)
)
SELECT
  media.day,
  clips.short_id,
  clips.title,
  count_if(media.begins) AS views,
  round(sum(media.bytes) / 1e6, 1) AS megabytes
FROM media
LEFT JOIN clips ON clips.uuid = media.uuid
GROUP BY media.day, clips.short_id, clips.title
ORDER BY media.day DESC, views DESC
