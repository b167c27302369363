//! What follows a publication: the poster and the MP4.

use std::path::{Path, PathBuf};

use clipset_bucket::Bucket;
use clipset_core::{
    id::EncodeId,
    key::MediaKey,
    playlist::MediaPlaylist,
    settings::Settings,
    video::{Extras, HlsStream, Publication},
};

use crate::{
    arguments::{self, Encoder, HLS_FOLDER},
    failure::Failure,
    ffmpeg::{Allowance, Tools},
    plan::Picture,
    source::{INPUT, Source},
    work::MP4,
};

const POSTER: &str = "poster.jpg";

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `images/{uuid}.jpg`.
    Poster,
    /// `progressive/{uuid}.mp4`.
    Mp4,
}

impl Kind {
    /// In a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Poster => "poster",
            Self::Mp4 => "MP4",
        }
    }

    /// Where it is stored.
    pub fn key(self, id: EncodeId) -> MediaKey {
        match self {
            Self::Poster => MediaKey::Poster(id),
            Self::Mp4 => MediaKey::Progressive(id),
        }
    }

    /// How it is attached to the publication.
    pub fn attached(self, id: EncodeId) -> Extras {
        match self {
            Self::Poster => Extras { poster: Some(id), ..Extras::default() },
            Self::Mp4 => Extras { progressive: Some(id), ..Extras::default() },
        }
    }
}

/// What they are made with.
#[derive(Debug)]
pub struct Making<'a> {
    /// The programs.
    pub tools: &'a Tools,
    /// For a rendition that an earlier attempt published.
    pub bucket: &'a Bucket,
    /// The upload.
    pub source: &'a Source,
    /// What was chosen.
    pub settings: &'a Settings,
    /// What one run of FFmpeg may use.
    pub allowance: Allowance,
}

impl Making<'_> {
    /// Makes the file in the job's folder and answers its path.
    ///
    /// # Errors
    /// [`Failure::Permanent`] if it cannot be made of this source.
    pub async fn file(&self, kind: Kind, published: &Publication) -> Result<PathBuf, Failure> {
        match kind {
            Kind::Poster => make_poster(self.tools, self.source, self.allowance).await,
            Kind::Mp4 => self.mp4(published).await,
        }
    }

    /// A copy of the best rendition: from the upload, where that was copied, else from our segments.
    async fn mp4(&self, published: &Publication) -> Result<PathBuf, Failure> {
        let folder = self.source.folder.path();
        let plan = &self.source.plan;
        let args = match &published.hls {
            Some(stream) if plan.picture == Picture::Encode => {
                arguments::mp4_of_playlist(&self.best_playlist(stream).await?, MP4)
            }
            _ => arguments::mp4(plan, self.settings, Encoder::X264, Path::new(INPUT), MP4),
        };
        self.tools.run(args, self.allowance, folder).await?;
        Ok(folder.join(MP4))
    }

    /// The local playlist of the best rendition, relative to the folder. An earlier attempt's
    /// segments are no longer here, so they are downloaded.
    async fn best_playlist(&self, stream: &HlsStream) -> Result<String, Failure> {
        let Some(best) = self.source.plan.rungs.first() else {
            return Err(Failure::permanent("there is no rendition"));
        };
        let relative = format!("{HLS_FOLDER}/{}", best.name);
        let folder = self.source.folder.path().join(&relative);
        if tokio::fs::try_exists(folder.join("segment000.ts")).await.unwrap_or(false) {
            return Ok(format!("{relative}/playlist.m3u8"));
        }
        tokio::fs::create_dir_all(&folder).await.map_err(|error| Failure::scratch(&error))?;
        let rendition = stream.renditions.first().cloned();
        let key = match &rendition {
            None => MediaKey::Master(stream.encode),
            Some(name) => MediaKey::RenditionPlaylist(stream.encode, name.clone()),
        };
        let gone = || Failure::permanent("its playlist is no longer there");
        let text = self.bucket.read_text(&key).await?.ok_or_else(gone)?;
        let playlist = MediaPlaylist::parse(&text).map_err(|_| gone())?;
        for segment in &playlist.segments {
            let key = MediaKey::Segment(stream.encode, rendition.clone(), segment.uri.clone());
            self.bucket.download(&key, &folder.join(&segment.uri)).await?;
        }
        tokio::fs::write(folder.join("playlist.m3u8"), text).await.map_err(|error| Failure::scratch(&error))?;
        Ok(format!("{relative}/playlist.m3u8"))
    }
}

/// A telling picture that is not black, if there is one, as a JPEG in the job's folder.
///
/// # Errors
/// [`Failure::Permanent`] if no picture comes out.
pub async fn make_poster(tools: &Tools, source: &Source, allowance: Allowance) -> Result<PathBuf, Failure> {
    let folder = source.folder.path();
    let file = folder.join(POSTER);
    // Past the titles, and not far into a long clip.
    let at = source.plan.duration.map_or(0.0, |seconds| (seconds * 0.1).min(120.0));
    for skip_dark in [true, false] {
        let args = arguments::poster(&source.plan, Path::new(INPUT), at, skip_dark, POSTER);
        tools.run(args, allowance, folder).await?;
        if tokio::fs::metadata(&file).await.is_ok_and(|found| found.len() > 0) {
            return Ok(file);
        }
    }
    Err(Failure::permanent("no picture came out"))
}
