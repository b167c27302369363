//! One run of the hls muxer: segments are checked and uploaded while FFmpeg is still at work.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use clipset_bucket::Bucket;
use clipset_core::{
    id::{EncodeId, RenditionName},
    key::MediaKey,
};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::{MissedTickBehavior, interval},
};

use crate::{
    arguments::{self, HLS_FOLDER, Recipe},
    failure::Failure,
    ffmpeg::{Allowance, Tools},
    ladder::{Measured, Playlists, aligned, playlists, segment_name},
    messages::speak_of_damage,
    mpegts::Contents,
    plan::{BREAKS_OFF, Picture},
};

/// Finished segments are looked for this often; the look is one `stat` per rendition.
const LOOK: Duration = Duration::from_millis(50);

/// Segments read, checked and sent at once.
const PARALLEL: usize = 6;

const NO_PICTURE: &str = "The file could not be decoded: no picture came out of it.";

/// Where media objects go: the bucket, or a folder in tests.
pub trait MediaStore: Clone + Send + Sync + 'static {
    /// Stores the file at `file` as `key`.
    ///
    /// # Errors
    /// [`Failure::Passing`].
    fn put_file(&self, key: MediaKey, file: PathBuf) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Stores `bytes` as `key`.
    ///
    /// # Errors
    /// [`Failure::Passing`].
    fn put_bytes(&self, key: MediaKey, bytes: Bytes) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl MediaStore for Bucket {
    async fn put_file(&self, key: MediaKey, file: PathBuf) -> Result<(), Failure> {
        Ok(Bucket::put_file(self, &key, &file).await?)
    }

    async fn put_bytes(&self, key: MediaKey, bytes: Bytes) -> Result<(), Failure> {
        Ok(Bucket::put_bytes(self, &key, bytes).await?)
    }
}

/// One run: what to make, from what, and what it may use.
#[derive(Debug)]
pub struct Production<'a> {
    /// The programs.
    pub tools: &'a Tools,
    /// What to make.
    pub recipe: Recipe<'a>,
    /// The job's folder, in which FFmpeg works.
    pub folder: &'a Path,
    /// The upload, relative to the folder or absolute.
    pub input: &'a Path,
    /// What FFmpeg may use.
    pub allowance: Allowance,
    /// Bytes of all segments together.
    pub most_bytes: u64,
    /// Below which uuid.
    pub encode: EncodeId,
    /// The best rendition's segments stay in the folder, for the MP4.
    pub keep_best: bool,
}

/// What a run made; all segments are stored, no playlist is yet.
#[derive(Debug)]
pub struct Produced {
    /// Below which uuid.
    pub encode: EncodeId,
    /// Best first.
    pub renditions: Vec<Measured>,
    /// Their playlists.
    pub playlists: Playlists,
    /// FFmpeg's last warnings.
    pub warnings: Vec<String>,
}

struct Stored {
    rendition: usize,
    number: usize,
    contents: Contents,
}

fn arrived(upload: Result<Result<Stored, Failure>, JoinError>) -> Result<Stored, Failure> {
    upload.unwrap_or_else(|_| Err(Failure::passing("A segment's upload broke off.")))
}

impl Production<'_> {
    /// Runs FFmpeg and stores every segment. `progress` is told the seconds that are done.
    ///
    /// # Errors
    /// [`Failure::NotCopyable`] if a copied rendition turns out to be unfit, else what FFmpeg or
    /// the store came to.
    pub async fn run<S: MediaStore>(&self, store: &S, progress: impl Fn(f64)) -> Result<Produced, Failure> {
        self.make_folders().await?;
        let args = arguments::hls(&self.recipe, self.input);
        let running = self.tools.start(args, self.allowance, self.folder)?;
        let seconds = running.seconds();
        let mut end = pin!(running.end());
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

        let mut uploads = JoinSet::new();
        let turns = Arc::new(Semaphore::new(PARALLEL));
        let mut next = vec![0; self.recipe.renditions.len()];
        let mut stored: Vec<Vec<Stored>> = next.iter().map(|_| Vec::new()).collect();
        let mut bytes = 0;
        let mut take = |done: Stored| {
            bytes += done.contents.bytes;
            if bytes > self.most_bytes {
                return Err(Failure::permanent("The clip becomes far larger than the file it is made from."));
            }
            stored[done.rendition].push(done);
            Ok(())
        };
        let warnings = loop {
            tokio::select! {
                ended = &mut end => break ended?,
                Some(done) = uploads.join_next() => take(arrived(done)?)?,
                _ = ticks.tick() => {
                    self.upload_finished(store, &mut next, &turns, &mut uploads).await;
                    progress(*seconds.borrow());
                }
            }
        };
        self.upload_finished(store, &mut next, &turns, &mut uploads).await;
        while let Some(done) = uploads.join_next().await {
            take(arrived(done)?)?;
        }
        let produced = self.finished(stored, warnings)?;
        if self.keeps_copy(0) {
            self.check_end(&produced).await?;
        }
        Ok(produced)
    }

    /// Decodes the last segment of the copy: what was torn off there would fail every player.
    async fn check_end(&self, produced: &Produced) -> Result<(), Failure> {
        let Some(last) = produced.renditions.first().and_then(|copy| copy.segments.len().checked_sub(1)) else {
            return Ok(());
        };
        let name = self.recipe.renditions[0].rung.name.as_str();
        let args = arguments::decode(&format!("{HLS_FOLDER}/{name}/{}", segment_name(last)));
        match self.tools.start(args, self.allowance, self.folder)?.end().await {
            Ok(warnings) if !speak_of_damage(&warnings) => Ok(()),
            Ok(_) | Err(Failure::Permanent { .. }) => Err(Failure::NotCopyable(BREAKS_OFF.to_owned())),
            Err(other) => Err(other),
        }
    }

    /// Whether the segments of `rendition` stay until [`Production::check_end`].
    fn keeps_copy(&self, rendition: usize) -> bool {
        let copied = rendition == 0 && self.recipe.renditions.first().is_some_and(|best| best.picture == Picture::Copy);
        copied && self.recipe.plan.end_unsure
    }

    fn finished(&self, stored: Vec<Vec<Stored>>, warnings: Vec<String>) -> Result<Produced, Failure> {
        let rungs = self.recipe.renditions.iter().map(|rendition| rendition.rung.clone());
        let renditions: Vec<Measured> = rungs
            .zip(stored)
            .map(|(rung, mut segments)| {
                segments.sort_by_key(|segment| segment.number);
                Measured { rung, segments: segments.into_iter().map(|segment| segment.contents).collect() }
            })
            .collect();
        let frame_rate = self.recipe.plan.frame_rate;
        if !aligned(&renditions, frame_rate) {
            return Err(self.unfit("the renditions are not cut at the same pictures"));
        }
        let playlists = playlists(&renditions, frame_rate)
            .ok_or_else(|| Failure::Permanent { reason: NO_PICTURE.into(), log: warnings.clone() })?;
        Ok(Produced { encode: self.encode, renditions, playlists, warnings })
    }

    /// Begins to store the segments that FFmpeg has renamed into place since the last look.
    async fn upload_finished<S: MediaStore>(
        &self,
        store: &S,
        next: &mut [usize],
        turns: &Arc<Semaphore>,
        uploads: &mut JoinSet<Result<Stored, Failure>>,
    ) {
        for (rendition, number) in next.iter_mut().enumerate() {
            loop {
                let file = self.folder_of(rendition).join(segment_name(*number));
                if !tokio::fs::try_exists(&file).await.unwrap_or(false) {
                    break;
                }
                let name = self.name_below_encode(rendition);
                let key = MediaKey::Segment(self.encode, name, segment_name(*number));
                let keep = self.keep_best && rendition == 0 || self.keeps_copy(rendition);
                let unfit = self.unfit("a segment does not start with an IDR picture");
                let (store, turns, number_now) = (store.clone(), turns.clone(), *number);
                uploads.spawn(async move {
                    let _turn = turns.acquire_owned().await;
                    let contents = read(&file).await?;
                    if contents.pictures == 0 {
                        return Err(Failure::permanent(NO_PICTURE));
                    }
                    if !contents.starts_with_idr {
                        return Err(unfit);
                    }
                    store.put_file(key, file.clone()).await?;
                    if !keep {
                        tokio::fs::remove_file(&file).await.map_err(|error| Failure::scratch(&error))?;
                    }
                    Ok(Stored { rendition, number: number_now, contents })
                });
                *number += 1;
            }
        }
    }

    /// A copy that is unfit is encoded instead; an encode of ours that is unfit is given up.
    fn unfit(&self, reason: &str) -> Failure {
        if self.recipe.renditions.iter().any(|rendition| rendition.picture == Picture::Copy) {
            Failure::NotCopyable(reason.to_owned())
        } else {
            Failure::permanent(format!("The clip could not be cut into segments: {reason}."))
        }
    }

    async fn make_folders(&self) -> Result<(), Failure> {
        for rendition in 0..self.recipe.renditions.len() {
            let folder = self.folder_of(rendition);
            // Left by a run that was given up: its segments are not this run's.
            let _ = tokio::fs::remove_dir_all(&folder).await;
            tokio::fs::create_dir_all(&folder).await.map_err(|error| Failure::scratch(&error))?;
        }
        Ok(())
    }

    fn folder_of(&self, rendition: usize) -> PathBuf {
        self.folder.join(HLS_FOLDER).join(self.recipe.renditions[rendition].rung.name.as_str())
    }

    /// One rendition stands beside its `master.m3u8`, several in folders of their own.
    fn name_below_encode(&self, rendition: usize) -> Option<RenditionName> {
        let several = self.recipe.renditions.len() > 1;
        several.then(|| self.recipe.renditions[rendition].rung.name.clone())
    }
}

impl Produced {
    /// The renditions' names as the video's document holds them: none, if there is only one.
    pub fn rendition_names(&self) -> Vec<RenditionName> {
        let several = self.renditions.len() > 1;
        self.renditions.iter().filter(|_| several).map(|rendition| rendition.rung.name.clone()).collect()
    }

    /// Stores the playlists, `master.m3u8` last.
    ///
    /// # Errors
    /// [`Failure::Passing`].
    pub async fn store_playlists<S: MediaStore>(&self, store: &S) -> Result<(), Failure> {
        let Playlists { media, multivariant, .. } = &self.playlists;
        let master = match media.as_slice() {
            [(_, only)] => only,
            several => {
                for (name, text) in several {
                    let key = MediaKey::RenditionPlaylist(self.encode, name.clone());
                    store.put_bytes(key, text.clone().into()).await?;
                }
                multivariant
            }
        };
        store.put_bytes(MediaKey::Master(self.encode), master.clone().into()).await
    }
}

async fn read(file: &Path) -> Result<Contents, Failure> {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read(file).map(|bytes| Contents::read(&bytes)));
    let contents = read.await.map_err(|_| Failure::passing("A segment could not be read."))?;
    contents.map_err(|error| Failure::scratch(&error))
}
