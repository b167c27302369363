//! Libraries of many progressive videos, written as documents, as fast as the bucket takes them.

use clipset_bucket::Bucket;
use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId},
    key::{DocumentKey, MediaKey},
    listing::{Entry, FIRST_SHARD, SHARD_LIMIT, Shard},
    video::{Publication, Upload, Video},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;

use crate::memory::Memory;

/// Documents written at once.
const PARALLEL: usize = 32;

/// A finished video of the administrator's that is one MP4, begun `age` minutes ago; nothing is stored.
///
/// # Panics
/// Never: all names are well-formed.
pub fn progressive(title: String, age: usize) -> Video {
    let short_id = ShortId::random();
    let upload = Upload { original: None, upload_id: "none".into(), file_name: "clip.mp4".into() };
    let begun = Timestamp::now() - SignedDuration::from_mins(i64::try_from(age).expect("minutes"));
    let mut video = Video::begin(short_id, "admin".parse().expect("a name"), title, upload, begun);
    let job: JobId = format!("{}-first-1", video.short_id).parse().expect("a job id");
    video.complete_upload(1000, job.clone()).expect("uploading");
    let publication = Publication {
        job,
        at: begun,
        duration_seconds: 2.0,
        width: 160,
        height: 90,
        hls: None,
        progressive: Some(EncodeId::random()),
        poster: None,
        storyboard: None,
        checked: None,
    };
    video.publish(publication, begun).expect("pending");
    video
}

/// Writes the documents of `videos` and the listing of them all.
///
/// # Panics
/// If the bucket fails.
pub async fn store(bucket: &Bucket, videos: &[Video]) {
    let writes = videos
        .iter()
        .cloned()
        .map(|video| async move { bucket.create(&DocumentKey::Video(video.short_id.clone()), &video).await });
    stream::iter(writes).buffer_unordered(PARALLEL).try_for_each(async |_| Ok(())).await.expect("stored");
    let mut entries: Vec<_> = videos.iter().map(Entry::from).collect();
    entries.sort_by_cached_key(Entry::key);
    for (n, entries) in entries.chunks(IN_A_SHARD).enumerate() {
        let (key, shard) = shard(n, entries.to_vec());
        bucket.put(&key, &shard).await.expect("listed");
    }
}

/// The same of `clips` videos into memory, made as they are stored, from the newest; gives the first `kept` of them.
///
/// # Panics
/// Never: documents have string keys.
pub fn store_in_memory(objects: &Memory, clips: usize, kept: usize, video: impl Fn(usize) -> Video) -> Vec<Video> {
    let mut first = Vec::new();
    for n in 0..clips.div_ceil(IN_A_SHARD) {
        let videos: Vec<Video> = (n * IN_A_SHARD..clips.min((n + 1) * IN_A_SHARD)).map(&video).collect();
        for video in &videos {
            objects
                .put(DocumentKey::Video(video.short_id.clone()).to_string(), serde_json::to_vec(video).expect("JSON"));
        }
        let mut entries: Vec<_> = videos.iter().map(Entry::from).collect();
        entries.sort_by_cached_key(Entry::key);
        let (key, shard) = shard(n, entries);
        objects.put(key.to_string(), serde_json::to_vec(&shard).expect("JSON"));
        let missing = kept - first.len();
        first.extend(videos.into_iter().take(missing));
    }
    first
}

/// A shard as splits leave them: two thirds full.
const IN_A_SHARD: usize = SHARD_LIMIT * 2 / 3;

fn shard(n: usize, entries: Vec<Entry>) -> (DocumentKey, Shard) {
    let name = if n == 0 { FIRST_SHARD.to_owned() } else { entries[0].key() };
    (DocumentKey::Shard(name), Shard { entries })
}

/// Stores `content` as the MP4 of each video.
///
/// # Panics
/// If the bucket fails.
pub async fn store_mp4s(bucket: &Bucket, videos: &[Video], content: &[u8]) {
    let ids: Vec<EncodeId> =
        videos.iter().filter_map(|video| video.publication.as_ref().and_then(|it| it.progressive)).collect();
    let writes = ids.into_iter().map(|id| {
        let content = content.to_vec();
        async move { bucket.put_bytes(&MediaKey::Progressive(id), content).await }
    });
    stream::iter(writes).buffer_unordered(PARALLEL).try_for_each(async |()| Ok(())).await.expect("stored");
}
