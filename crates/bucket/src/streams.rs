//! Published streams as files, to be checked.

use std::path::{Path, PathBuf};

use clipset_core::{
    id::{EncodeId, RenditionName},
    key::MediaKey,
    video::HlsStream,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Bucket, BucketError};

/// Objects read at once.
const PARALLEL: usize = 8;

impl Bucket {
    /// Reads the file that is called `name` below a stream; `None` if it is not there, or no part of the stream.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn file_of(&self, stream: &HlsStream, name: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let Some(key) = media_key(stream.encode, name, &stream.renditions) else { return Ok(None) };
        let mut bytes = Vec::new();
        match self.read_into(&key, &mut bytes).await {
            Ok(_) => Ok(Some(bytes)),
            Err(BucketError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a stream into `folder`, laid out as in the bucket. What no rendition of it owns is no part of it.
    ///
    /// # Errors
    /// [`BucketError::Missing`], [`BucketError::Store`], [`BucketError::Local`].
    pub async fn download_stream(&self, stream: &HlsStream, folder: &Path) -> Result<(), BucketError> {
        for rendition in &stream.renditions {
            let made = tokio::fs::create_dir_all(folder.join(rendition.as_str())).await;
            made.map_err(|reason| BucketError::Local { operation: "download", reason })?;
        }
        let prefix = format!("hls/{}/", stream.encode);
        let keys = self.keys(&prefix).await?;
        let names = keys.iter().filter_map(|key| key.strip_prefix(&prefix));
        let owned = names.filter_map(|name| Some((name, media_key(stream.encode, name, &stream.renditions)?)));
        let files: Vec<(PathBuf, MediaKey)> = owned.map(|(name, key)| (folder.join(name), key)).collect();
        let downloads = files.iter().map(|(file, key)| async move { self.download(key, file).await });
        stream::iter(downloads).buffer_unordered(PARALLEL).try_for_each(async |_| Ok(())).await
    }
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
