//! What was promised during the run, for the judge to hold it against what is there at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use clipset_bucket::{Bucket, Videos};
use clipset_core::{id::ShortId, key::MediaKey, video::Video};
use clipset_tests::stack::Stack;

/// Shared by the load, the faults and the judge.
#[derive(Default)]
pub(crate) struct Ledger {
    kept: Mutex<Kept>,
}

#[derive(Default, Clone)]
pub(crate) struct Kept {
    /// Clips whose upload was acknowledged.
    pub(crate) acknowledged: BTreeSet<ShortId>,
    /// Clips that somebody asked to delete, answered or not.
    pub(crate) deleted: BTreeSet<ShortId>,
    /// Media objects seen, by the clip whose record named them.
    pub(crate) objects: BTreeMap<ShortId, BTreeSet<String>>,
    /// What was harmed, with the clips whose own it is.
    pub(crate) hits: BTreeMap<String, BTreeSet<ShortId>>,
}

impl Kept {
    /// Whether an object of the clip's own was harmed.
    pub(crate) fn was_hit(&self, clip: &ShortId) -> bool {
        self.hits.values().any(|clips| clips.contains(clip))
    }
}

impl Ledger {
    /// As it stands now.
    pub(crate) fn kept(&self) -> Kept {
        self.kept.lock().unwrap().clone()
    }

    pub(crate) fn acknowledge(&self, clip: ShortId) {
        self.kept.lock().unwrap().acknowledged.insert(clip);
    }

    pub(crate) fn delete(&self, clip: ShortId) {
        self.kept.lock().unwrap().deleted.insert(clip);
    }

    pub(crate) fn hit(&self, key: &str, clips: BTreeSet<ShortId>) {
        self.kept.lock().unwrap().hits.entry(key.to_owned()).or_default().extend(clips);
    }

    /// Notes which media objects clips have. What cannot be read now is noted another time.
    pub(crate) async fn note_objects(&self, stack: &Stack) {
        let bucket = stack.bucket().await;
        // One listing: one for each clip and kind would take longer with each clip of a long run.
        let keys = bucket.keys("").await.unwrap_or_default();
        let media: Vec<_> = keys.into_iter().filter_map(|key| Some((MediaKey::parse(&key)?.id(), key))).collect();
        for video in records(&bucket).await {
            let ids = video.ids();
            let own = media.iter().filter(|(id, _)| ids.contains(id)).map(|(_, key)| key.clone());
            self.kept.lock().unwrap().objects.entry(video.short_id.clone()).or_default().extend(own);
        }
    }

    /// The clips whose own `key` is: it holds their name, or stands below a uuid that their record or their job names.
    pub(crate) async fn clips_of(&self, stack: &Stack, key: &str) -> BTreeSet<ShortId> {
        let bucket = stack.bucket().await;
        let mut clips = BTreeSet::new();
        let mut known = self.kept().acknowledged;
        for video in records(&bucket).await {
            let mut ids = video.ids();
            if let Some(job) = &video.job
                && let Ok(Some(job)) = clipset_bucket::Jobs::new(bucket.clone()).get(job).await
            {
                ids.extend(job.writing);
            }
            if ids.iter().any(|id| key.contains(&id.to_string())) {
                clips.insert(video.short_id.clone());
            }
            known.insert(video.short_id);
        }
        clips.extend(known.into_iter().filter(|clip| key.contains(clip.as_str())));
        let kept = self.kept();
        clips.extend(kept.objects.into_iter().filter(|(_, keys)| keys.contains(key)).map(|(clip, _)| clip));
        clips
    }
}

/// The videos whose records can be read now.
async fn records(bucket: &Bucket) -> Vec<Video> {
    Videos::new(bucket.clone()).all().await.map(|found| found.videos).unwrap_or_default()
}
