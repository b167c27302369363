//! A server killed at any instant.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tokio::sync::Barrier;

use crate::world::{BUCKET, Process, get, keys, noise};

const WRITERS: usize = 4;
const ROUNDS: u64 = 20;

/// What may be at a key: the last acknowledged state, or the one whose answer never came. `None` is no object.
#[derive(Clone, Debug, Default)]
struct Known {
    acknowledged: Option<u64>,
    unanswered: Option<Option<u64>>,
}

/// The length follows from the seed, so a seed is the whole content.
fn content(seed: u64) -> Vec<u8> {
    let length = match seed % 4 {
        0 => 60,
        1 => 30_000,
        2 => 1_500_000,
        _ => 0,
    };
    noise(seed, length + seed as usize % 17)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_is_there_after_a_kill_and_nothing_else_is() {
    let root = TempDir::new().unwrap();
    let seed = rand::random::<u64>();
    let seed = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut states: Vec<BTreeMap<String, Known>> = vec![BTreeMap::new(); WRITERS];
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        acknowledged += round_of_writes(root.path(), &mut states, &mut random).await;
        let whole = clipset_local_bucket::verify(root.path(), &|_| ()).unwrap();
        assert!(whole.damage.is_empty(), "KILL_SEED={seed}, round {round}: {whole:?}");
        let bucket = Process::start(root.path());
        let left = std::fs::read_dir(root.path().join("tmp")).unwrap().count();
        assert_eq!(left, 0, "seed {seed}, round {round}");
        let mut expected = Vec::new();
        for (key, known) in states.iter_mut().flatten() {
            let found = get(&bucket.client, key).await;
            let candidates = [Some(known.acknowledged), known.unanswered.take()];
            let matching = candidates.into_iter().flatten().find(|state| found == state.map(content));
            let Some(state) = matching else {
                panic!(
                    "KILL_SEED={seed}, round {round}: {key} has {:?} bytes, expected {known:?}",
                    found.map(|b| b.len())
                );
            };
            known.acknowledged = state;
            expected.extend(state.is_some().then(|| key.clone()));
        }
        expected.sort_unstable();
        assert_eq!(keys(&bucket.client).await, expected, "KILL_SEED={seed}, round {round}");
    }
    assert!(acknowledged > ROUNDS as usize, "the server was killed before it wrote: {acknowledged}");
}

/// Writers work until the server is killed under them. Returns how many operations were acknowledged.
async fn round_of_writes(root: &Path, states: &mut Vec<BTreeMap<String, Known>>, random: &mut StdRng) -> usize {
    let mut bucket = Process::start(root);
    let begun = Arc::new(Barrier::new(WRITERS + 1));
    let writers: Vec<_> = std::mem::take(states)
        .into_iter()
        .enumerate()
        .map(|(writer, state)| {
            let (client, begun) = (bucket.client.clone(), begun.clone());
            tokio::spawn(write_until_killed(client, writer, state, StdRng::seed_from_u64(random.random()), begun))
        })
        .collect();
    begun.wait().await;
    // The instant of the kill is what is being varied; nothing is waited for here.
    tokio::time::sleep(Duration::from_micros(random.random_range(0..250_000))).await;
    bucket.kill();
    let mut acknowledged = 0;
    for writer in writers {
        let (state, count) = writer.await.unwrap();
        states.push(state);
        acknowledged += count;
    }
    acknowledged
}

async fn write_until_killed(
    client: Client,
    writer: usize,
    mut state: BTreeMap<String, Known>,
    mut random: StdRng,
    begun: Arc<Barrier>,
) -> (BTreeMap<String, Known>, usize) {
    begun.wait().await;
    let mut acknowledged = 0;
    loop {
        let key = format!("hls/{writer}/{}", random.random_range(0..8));
        let target = (random.random_range(0..6) > 0).then(|| random.random::<u64>() >> 1);
        let known = state.entry(key.clone()).or_default();
        known.unanswered = Some(target);
        let done = match target {
            None => client.delete_object().bucket(BUCKET).key(&key).send().await.is_ok(),
            Some(seed) if seed % 5 == 0 => multipart(&client, &key, content(seed)).await.is_some(),
            Some(seed) => client.put_object().bucket(BUCKET).key(&key).body(content(seed).into()).send().await.is_ok(),
        };
        if !done {
            return (state, acknowledged);
        }
        *known = Known { acknowledged: target, unanswered: None };
        acknowledged += 1;
    }
}

pub(crate) async fn multipart(client: &Client, key: &str, content: Vec<u8>) -> Option<()> {
    let create = client.create_multipart_upload().bucket(BUCKET).key(key).send().await.ok()?;
    let id = create.upload_id()?;
    let part = client.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(1).body(content.into());
    let tag = part.send().await.ok()?.e_tag?;
    let parts = CompletedMultipartUpload::builder().parts(CompletedPart::builder().part_number(1).e_tag(tag).build());
    let complete = client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
    complete.multipart_upload(parts.build()).send().await.ok().map(|_| ())
}
