//! What follows a publication: the poster, the MP4 and the storyboard.

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
    arguments::{self, Encoder, HLS_FOLDER, PosterFrom},
    failure::Failure,
    ffmpeg::{Allowance, Tools},
    make::MP4,
    plan::Picture,
    source::{INPUT, Source},
    storyboard::{INDEX, Layout},
};

const POSTER: &str = "poster.jpg";
/// As FFmpeg numbers them.
const SPRITES: &str = "sprite%d.jpg";

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `images/{uuid}.jpg`.
    Poster,
    /// `progressive/{uuid}.mp4`.
    Mp4,
    /// `images/{uuid}/storyboard.vtt` and the sprites beside it.
    Storyboard,
}

impl Kind {
    /// In a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Poster => "poster",
            Self::Mp4 => "MP4",
            Self::Storyboard => "storyboard",
        }
    }

    /// Where its file `name` is stored.
    pub fn key(self, id: EncodeId, name: String) -> MediaKey {
        match self {
            Self::Poster => MediaKey::Poster(id),
            Self::Mp4 => MediaKey::Progressive(id),
            Self::Storyboard => MediaKey::Storyboard(id, name),
        }
    }

    /// How it is attached to the publication.
    pub fn attached(self, id: EncodeId) -> Extras {
        match self {
            Self::Poster => Extras { poster: Some(id), ..Extras::default() },
            Self::Mp4 => Extras { progressive: Some(id), ..Extras::default() },
            Self::Storyboard => Extras { storyboard: Some(id), ..Extras::default() },
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
    /// Makes its files in the job's folder and answers their paths, in the order in which they are stored.
    ///
    /// # Errors
    /// [`Failure::Permanent`] if it cannot be made of this source.
    pub async fn files(&self, kind: Kind, published: &Publication) -> Result<Vec<PathBuf>, Failure> {
        match kind {
            Kind::Poster => Ok(vec![self.poster().await?]),
            Kind::Mp4 => Ok(vec![self.mp4(published).await?]),
            Kind::Storyboard => self.storyboard(published).await,
        }
    }

    /// A telling picture, neither dark nor uniform if there is one.
    async fn poster(&self) -> Result<PathBuf, Failure> {
        let folder = self.source.folder.path();
        let file = folder.join(POSTER);
        // Past the titles, and not far into a long clip.
        let past = self.source.plan.duration.map_or(0.0, |seconds| (seconds * 0.1).min(120.0));
        for (at, choosy) in [(past, true), (0.0, true), (past, false), (0.0, false)] {
            let args = arguments::poster(&self.source.plan, Path::new(INPUT), PosterFrom { at, choosy }, POSTER);
            self.tools.run(args, self.allowance, folder).await?;
            if tokio::fs::metadata(&file).await.is_ok_and(|found| found.len() > 0) {
                return Ok(file);
            }
        }
        Err(Failure::permanent("no picture came out"))
    }

    /// The sprites, then their index: from our own key frames where the picture was encoded, for
    /// those of the upload may be minutes apart.
    async fn storyboard(&self, published: &Publication) -> Result<Vec<PathBuf>, Failure> {
        let folder = self.source.folder.path();
        let plan = &self.source.plan;
        let playlist = match &published.hls {
            Some(stream) if plan.picture == Picture::Encode => Some(self.best_playlist(stream).await?),
            _ => None,
        };
        let layout = Layout::of(published.duration_seconds, (published.width, published.height));
        let args = arguments::storyboard(plan, Path::new(INPUT), playlist.as_deref(), &layout, SPRITES);
        self.tools.run(args, self.allowance, folder).await?;
        let mut files: Vec<PathBuf> = (0..layout.sprites).map(|n| folder.join(Layout::sprite(n))).collect();
        for file in &files {
            if !tokio::fs::try_exists(file).await.unwrap_or(false) {
                return Err(Failure::permanent("no picture came out"));
            }
        }
        let index = folder.join(INDEX);
        tokio::fs::write(&index, layout.index()).await.map_err(|error| Failure::scratch(&error))?;
        files.push(index);
        Ok(files)
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
