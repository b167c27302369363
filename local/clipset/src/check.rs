//! `clipset check`: a published stream held against the rules of HLS.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, Result, bail, ensure};
use clipset_core::{
    id::{EncodeId, RenditionName, ShortId},
    key::MediaKey,
};
use clipset_service::Service;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use crate::{args::CheckArgs, manage::enter_local_system, output};

/// Objects read from the bucket at once.
const PARALLEL: usize = 8;

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A folder laid out as in the bucket.
    Directory(PathBuf),
    /// A clip of the bucket.
    Clip(ShortId),
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let folder = Path::new(text);
        if folder.is_dir() {
            return Ok(Self::Directory(folder.to_owned()));
        }
        text.parse().map(Self::Clip).map_err(|_| "neither a folder that is there nor the id of a clip")
    }
}

/// Prints the table, or JSON.
///
/// # Errors
/// A sentence: a rule is broken, or there is no such stream, or the bucket cannot be reached.
pub async fn check(args: &CheckArgs) -> Result<()> {
    let report = match &args.target {
        Target::Directory(folder) => clipset_check::check(folder),
        Target::Clip(short_id) => {
            enter_local_system()?;
            let folder = tempfile::tempdir().context("there is no room for a temporary folder")?;
            download(short_id, folder.path()).await?;
            clipset_check::check(folder.path())
        }
    };
    match args.json {
        true => output::json(&json!({"clean": report.is_clean(), "findings": report.findings})),
        false => output::line(report.to_string()),
    }
    let broken: Vec<&str> = report.broken().map(|finding| finding.rule).collect();
    ensure!(broken.is_empty(), "the stream breaks what must hold: {}", broken.join(", "));
    Ok(())
}

/// The clip's published stream, as files in `folder`.
async fn download(short_id: &ShortId, folder: &Path) -> Result<()> {
    let service = Service::from_env().await?;
    let video = service.videos.get(short_id).await?.map(|found| found.value).filter(|video| !video.is_deleted());
    let Some(video) = video else { bail!("there is no clip {short_id}") };
    let Some(stream) = video.publication.and_then(|published| published.hls) else {
        bail!("the clip has no HLS stream: it is {}", video.phase.name());
    };
    for rendition in &stream.renditions {
        tokio::fs::create_dir(folder.join(rendition.as_str())).await.context("the stream cannot be kept")?;
    }
    let prefix = format!("hls/{}/", stream.encode);
    let keys = service.bucket.keys(&prefix).await?;
    let names = keys.iter().filter_map(|key| key.strip_prefix(&prefix));
    // What no rendition of the document owns is no part of the stream.
    let owned = names.filter_map(|name| Some((name, media_key(stream.encode, name, &stream.renditions)?)));
    let files: Vec<(PathBuf, MediaKey)> = owned.map(|(name, key)| (folder.join(name), key)).collect();
    let bucket = &service.bucket;
    let downloads = files.iter().map(|(file, key)| async move { bucket.download(key, file).await });
    stream::iter(downloads).buffer_unordered(PARALLEL).try_for_each(async |_| Ok(())).await?;
    Ok(())
}

/// The key of a file below an encode; `None` if it is not one that a stream has.
fn media_key(encode: EncodeId, name: &str, renditions: &[RenditionName]) -> Option<MediaKey> {
    let segment =
        |folder, file: &str| (!file.contains('/')).then(|| MediaKey::Segment(encode, folder, file.to_owned()));
    match name.split_once('/') {
        None if name == "master.m3u8" => Some(MediaKey::Master(encode)),
        None => segment(None, name),
        Some((folder, file)) => {
            let rendition = renditions.iter().find(|rendition| rendition.as_str() == folder)?.clone();
            match file {
                "playlist.m3u8" => Some(MediaKey::RenditionPlaylist(encode, rendition)),
                file => segment(Some(rendition), file),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_folder_or_a_short_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().to_str().expect("text");
        assert_eq!(text.parse(), Ok(Target::Directory(folder.path().to_owned())));
        assert!(matches!("NJq9Z7zi68".parse(), Ok(Target::Clip(_))));
        assert!("no/such/folder".parse::<Target>().is_err() && "".parse::<Target>().is_err());
    }

    #[test]
    fn every_file_of_a_stream_has_its_key() {
        let encode = EncodeId::random();
        let renditions: Vec<RenditionName> = vec!["720p".parse().expect("a name")];
        for name in ["master.m3u8", "segment000.ts", "720p/playlist.m3u8", "720p/segment001.ts"] {
            let key = media_key(encode, name, &renditions).map(|key| key.to_string());
            assert_eq!(key, Some(format!("hls/{encode}/{name}")));
        }
        assert_eq!(media_key(encode, "360p/segment000.ts", &renditions), None);
        assert_eq!(media_key(encode, "720p/a/b.ts", &renditions), None);
    }
}
