//! One video: noted, written, read back, published. Each step may be done twice, so a killed import is run again.

use anyhow::{Context as _, Result, bail, ensure};
use clipset_bucket::{Bucket, BucketError, UpdateError};
use clipset_core::{
    Timestamp,
    id::{ShortId, Username},
    job::{Job, JobKind},
    key::{DocumentKey, MediaKey},
    settings::Settings,
    text,
    video::{HlsStream, Phase, Publication, Upload, Video, VideoError, Visibility},
};
use clipset_service::Service;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    database::Row,
    files::{Found, Item, Uploads},
    record::{Finished, Ids, Object, Record, Shape},
};
use crate::checksum;

/// Objects of one video on their way at once.
const PARALLEL: usize = 4;

/// The contract's limits, in characters.
const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 5000;

/// What became of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It came, in this shape.
    Imported(String),
    /// It would come, in this shape.
    Would(String),
    /// It had come before; it may have been deleted since.
    Already(&'static str),
}

/// What every video is brought with.
pub struct Import<'a> {
    /// The bucket and what is in it.
    pub service: &'a Service,
    /// As they are now.
    pub settings: Settings,
    /// The files there.
    pub uploads: Uploads,
    /// Look, and write nothing.
    pub dry_run: bool,
    /// Read again what came before, and compare it with what was noted.
    pub verify: bool,
}

impl Import<'_> {
    /// Brings the video of `row`, which `owner` gets.
    ///
    /// # Errors
    /// Why it did not come: a sentence.
    pub async fn bring(&self, row: &Row, owner: Option<&Username>) -> Result<Outcome> {
        let id = ShortId::of_predecessor(&row.short_id)
            .with_context(|| format!("{:?} cannot be part of an address", row.short_id))?;
        let key = DocumentKey::Import(id.clone());
        let record = self.service.bucket.read::<Record>(&key).await?.map(|found| found.value);
        let video = self.service.videos.get(&id).await?.map(|found| found.value);
        if let Some(record) = &record {
            ensure!(record.source == row.short_id, "{id} belongs to {:?} of an earlier import", record.source);
            match (&record.finished, &video) {
                (_, Some(video)) if video.is_deleted() => return Ok(Outcome::Already("deleted here since")),
                (Some(_), None) => return Ok(Outcome::Already("deleted here since")),
                (Some(finished), Some(_)) => {
                    self.verify_again(finished).await?;
                    return Ok(Outcome::Already("here already"));
                }
                (None, _) => {}
            }
        } else if video.is_some() {
            bail!("{id} belongs to another clip here");
        }
        let owner = owner.context("it has no owner: name one with --owner")?;
        let found = self.uploads.find(row).await?;
        let shape = Shape::of(&found, row.completed, self.settings.keep_originals, self.settings.progressive_fallback);
        let faults = found.faults.iter().map(|fault| format!("; left there: {fault}")).collect::<String>();
        let described = format!("{}{faults}", shape.describe(&found));
        if self.dry_run {
            return Ok(Outcome::Would(described));
        }
        let record = match record {
            Some(record) => record,
            None => begin(&self.service.bucket, &key, row).await?,
        };
        self.note_video(&id, row, owner, &found, record.ids).await?;
        let objects = self.write_all(&id, record.ids.objects(&found, shape)).await?;
        self.publish(&id, &found, shape, record.ids).await?;
        let finished = Finished { at: Timestamp::now(), objects };
        let ended = self.service.bucket.update(&key, |record: &mut Record| {
            record.finished.get_or_insert_with(|| finished.clone());
            Ok::<_, std::convert::Infallible>(())
        });
        ended.await?;
        Ok(Outcome::Imported(described))
    }

    /// The video's document, before its first object: so a sweep knows what is being written, and the id is taken.
    async fn note_video(&self, id: &ShortId, row: &Row, owner: &Username, found: &Found, ids: Ids) -> Result<()> {
        let title = [row.title.as_str(), row.file_name.as_deref().unwrap_or_default(), id.as_str()];
        let title =
            title.map(|text| shortened(&text::one_line(text), LONGEST_TITLE)).into_iter().find(|text| !text.is_empty());
        let name = found.movie.as_ref().map(|movie| movie.file.name.clone());
        let upload = Upload {
            original: None,
            upload_id: "import".to_owned(),
            file_name: text::one_line(&row.file_name.clone().or(name).unwrap_or_else(|| format!("{id}.mp4"))),
        };
        let created_at = row.created_at.or(found.modified).unwrap_or_else(Timestamp::now);
        let video = Video::begin(id.clone(), owner.clone(), title.unwrap_or_default(), upload, created_at);
        let mut video = video.arriving(ids.all());
        video.description = shortened(&text::lines(&row.description), LONGEST_DESCRIPTION);
        video.visibility = if row.private { Visibility::Private } else { Visibility::Circle };
        match self.service.videos.create(&video).await {
            Ok(()) => Ok(()),
            // An earlier try, or another import beside this one, which has the same record.
            Err(BucketError::Conflict { .. }) => {
                let held = self.service.videos.get(id).await?.map(|held| held.value);
                let ours = held.is_some_and(|held| held.writing.is_empty() || held.writing == ids.all());
                ensure!(ours, "{id} belongs to another clip here");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what is not there yet, the last one (a playlist) when all others are; reads every object back.
    async fn write_all(&self, id: &ShortId, mut objects: Vec<(MediaKey, Item)>) -> Result<Vec<Object>> {
        let last = objects.pop();
        let writes = stream::iter(objects).map(|(key, item)| self.write(id, key, item));
        let mut written: Vec<_> = writes.buffered(PARALLEL).try_collect().await?;
        if let Some((key, item)) = last {
            written.push(self.write(id, key, item).await?);
        }
        Ok(written)
    }

    async fn write(&self, id: &ShortId, key: MediaKey, item: Item) -> Result<Object> {
        let bucket = &self.service.bucket;
        let is_there = bucket.size(&key).await? == Some(item.checksum.size)
            && checksum::of_object(bucket, &key).await?.as_ref() == Some(&item.checksum);
        if !is_there {
            bucket.for_clip(id).put_file(&key, &item.path).await?;
            let stored = checksum::of_object(bucket, &key).await?;
            ensure!(stored.as_ref() == Some(&item.checksum), "{} changed on its way, or while it was read", item.name);
        }
        Ok(Object { key: key.to_string(), checksum: item.checksum })
    }

    /// Players get it, or a job is made for it.
    async fn publish(&self, id: &ShortId, found: &Found, shape: Shape, ids: Ids) -> Result<()> {
        let now = Timestamp::now();
        let job = Job::new(id.clone(), JobKind::First, 1, now)?;
        let publication = Publication {
            job: format!("{id}-import-1").parse()?,
            at: now,
            duration_seconds: found.duration,
            width: found.width,
            height: found.height,
            hls: shape.hls.then(|| HlsStream { encode: ids.hls, renditions: Vec::new() }),
            progressive: shape.progressive.then_some(ids.progressive),
            poster: found.picture.as_ref().map(|_| ids.image),
            storyboard: None,
            checked: None,
        };
        let files = found.movie.as_ref().map(|movie| movie.file.checksum.size);
        let size = files.unwrap_or_else(|| found.stream.iter().map(|item| item.checksum.size).sum());
        let updated = self.service.videos.update(id, |video| {
            if video.writing.is_empty() && !video.is_deleted() {
                // Done by the try before.
                return Ok(());
            }
            let waits_for = shape.job.then(|| job.id.clone());
            video.arrive(size, shape.original.then_some(ids.original), waits_for)?;
            match shape.job {
                true => Ok(()),
                false => video.publish(publication.clone(), now),
            }
        });
        let video = match updated.await {
            Ok(video) => video,
            Err(UpdateError::Missing | UpdateError::Refused(VideoError::WrongPhase { .. })) => {
                bail!("it was deleted here while it came")
            }
            Err(error) => return Err(error.into()),
        };
        if video.phase == Phase::Pending && video.job.as_ref() == Some(&job.id) {
            self.service.jobs.enqueue(&job).await?;
        }
        Ok(())
    }

    async fn verify_again(&self, finished: &Finished) -> Result<()> {
        if !self.verify {
            return Ok(());
        }
        let keys = finished.objects.iter().map(|object| async move {
            let key = MediaKey::parse(&object.key).with_context(|| format!("{} is no key of ours", object.key))?;
            match checksum::of_object(&self.service.bucket, &key).await? {
                Some(stored) if stored != object.checksum => bail!("{} is not what was imported", object.key),
                // Superseded since, or removed by the settings.
                _ => Ok(()),
            }
        });
        stream::iter(keys).buffer_unordered(PARALLEL).try_collect().await
    }
}

/// The record of a first try; that of another import that is just as new, if it was faster.
async fn begin(bucket: &Bucket, key: &DocumentKey, row: &Row) -> Result<Record> {
    let record =
        Record { source: row.short_id.clone(), ids: Ids::random(), began_at: Timestamp::now(), finished: None };
    match bucket.create(key, &record).await {
        Ok(_) => Ok(record),
        Err(BucketError::Conflict { .. }) => {
            let held = bucket.read::<Record>(key).await?.context("another import began and ended")?;
            Ok(held.value)
        }
        Err(error) => Err(error.into()),
    }
}

/// At most `most` characters.
fn shortened(text: &str, most: usize) -> String {
    let kept: String = text.chars().take(most).collect();
    kept.trim_end().to_owned()
}
