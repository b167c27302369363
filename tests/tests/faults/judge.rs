//! The end of a run: what was promised is held against what is there.

use std::{collections::BTreeSet, time::Duration};

use clipset_bucket::{Bucket, BucketError};
use clipset_core::{id::ShortId, key::DocumentKey, video::Video};
use clipset_tests::{
    client::{Client, uris},
    media::decodes_without_a_warning,
    stack::Stack,
    wait,
};
use reqwest::Method;

use crate::{
    fault::{Fault, with_clock},
    ledger::{Kept, Ledger},
};

/// Leases run out, failures that pass are tried again, and two processors work off what waits.
const TO_RECOVER: Duration = Duration::from_secs(240);

/// Every clip that was acknowledged plays or says that it was hit, no other object is lost, and the log names each fault.
pub(crate) async fn judge(stack: &Stack, ledger: &Ledger, faults: &[Fault]) {
    wait::until("the system to answer", TO_RECOVER, async || {
        let answer = reqwest::get(format!("{}/healthz", stack.url)).await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    let client = stack.admin().await;
    let bucket = stack.bucket().await;
    let kept = ledger.kept();
    let clips: Vec<_> = kept.acknowledged.difference(&kept.deleted).collect();
    println!("{} uploads acknowledged, {} deleted, hit: {:?}", kept.acknowledged.len(), kept.deleted.len(), kept.hits);
    assert!(!clips.is_empty(), "nothing was uploaded, so nothing was tried");
    for clip in clips {
        if kept.was_hit(clip) {
            says_so_if_it_cannot_play(&client, &bucket, clip).await
        } else {
            plays(&client, clip).await
        }
    }
    nothing_else_is_lost(&bucket, &kept).await;
    // Also after a sweep by a machine whose clock is a day ahead.
    let swept = with_clock(&mut stack.clipset(&["sweep"]), stack, 86_400).output().unwrap();
    stack.note(&String::from_utf8_lossy(&swept.stderr));
    nothing_else_is_lost(&bucket, &kept).await;
    for key in kept.hits.keys() {
        // Read once more, so that damage that nobody met is told too.
        let _ = bucket.read_raw(key).await;
    }
    is_in_the_log(stack, faults).await;
}

async fn plays(client: &Client, clip: &ShortId) {
    client.stream_info_within(clip.as_str(), TO_RECOVER.as_secs(), |info| info["ready"] == true).await;
    let playlist = client.manifest(clip.as_str()).await.unwrap_or_else(|| panic!("{clip} has no manifest"));
    assert!(!uris(&playlist).is_empty(), "{clip}: {playlist}");
    decodes_without_a_warning(&format!("{}/api/videos/{clip}/hls/master.m3u8?token={}", client.url, client.token));
}

/// It plays, has failed with a sentence, or its record or its segments are told to be damaged.
async fn says_so_if_it_cannot_play(client: &Client, bucket: &Bucket, clip: &ShortId) {
    let path = format!("/api/videos/{clip}");
    let (status, text) = wait::until(&format!("{clip} to have come to an end"), TO_RECOVER, async || {
        let answer = client.request(Method::GET, &path).send().await.ok()?;
        let (status, text) = (answer.status(), answer.text().await.ok()?);
        let at_work = ["pending", "processing"].iter().any(|name| text.contains(&format!("\"{name}\"")));
        (!at_work || text.contains("damaged")).then_some((status, text))
    })
    .await;
    let record = bucket.read::<Video>(&DocumentKey::Video(clip.clone())).await;
    if record.is_err_and(|error| error.is_unreadable()) {
        assert!(text.contains("damaged"), "{clip}: {status} {text}");
    } else if status == 200 && text.contains("\"failed\"") {
        assert!(!text.contains("\"error\":null"), "{clip}: {text}");
    } else {
        assert_eq!(status, 200, "{clip}: {text}");
    }
}

/// No media object of a clip that nobody deleted is gone, but for what was harmed itself.
async fn nothing_else_is_lost(bucket: &Bucket, kept: &Kept) {
    let there: BTreeSet<String> = bucket.keys("").await.expect("a listing").into_iter().collect();
    for (clip, objects) in kept.objects.iter().filter(|(clip, _)| !kept.deleted.contains(*clip)) {
        let lost: Vec<_> =
            objects.iter().filter(|key| !there.contains(*key) && !kept.hits.contains_key(*key)).collect();
        assert!(lost.is_empty(), "{clip} lost {lost:?}");
    }
    for key in kept.hits.keys().filter(|key| there.contains(*key)) {
        match bucket.read_raw(key).await {
            Ok(_) | Err(BucketError::Damaged { .. } | BucketError::Store { .. }) => {}
            Err(other) => panic!("{key} was harmed and is said to be something else: {other}"),
        }
    }
}

async fn is_in_the_log(stack: &Stack, faults: &[Fault]) {
    for fault in faults {
        let words = match fault {
            Fault::Kill(child) => format!("{child} ended ("),
            Fault::Freeze(child, _) => format!("{child} is stopped by a signal"),
            Fault::FullDisk(_) => "disk is full".to_owned(),
            Fault::Damage(_, key) => key.get().unwrap().clone(),
            Fault::Clock(..) => "this machine's clock is ahead".to_owned(),
        };
        wait::until(&format!("the log to name it: {fault}"), Duration::from_secs(5), async || {
            std::fs::read_to_string(stack.log()).unwrap_or_default().contains(&words).then_some(())
        })
        .await;
    }
}
