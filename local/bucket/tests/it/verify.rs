//! Damage is found without being read by anybody, and without stopping the bucket.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use clipset_local_bucket::{Error, verify};
use tempfile::TempDir;

use crate::world::{World, noise, object_file};

#[tokio::test]
async fn every_kind_of_damage_is_listed_with_its_key() {
    let world = World::start().await;
    for key in ["whole", "flipped", "cut", "gone"] {
        world.put(key, noise(1, 200_000)).await;
    }
    let report = verify(&world.root, &|_| ()).unwrap();
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!((report.objects, report.bytes, report.unchecked), (4, 800_000, 0));

    let mut bytes = fs::read(object_file(&world.root, "flipped")).unwrap();
    bytes[4096 + 70_000] ^= 1;
    fs::write(object_file(&world.root, "flipped"), &bytes).unwrap();
    fs::write(object_file(&world.root, "cut"), &bytes[..100]).unwrap();
    fs::remove_file(object_file(&world.root, "gone")).unwrap();
    fs::write(world.root.join("objects/00/stranger"), "?").unwrap();
    let report = verify(&world.root, &|_| ()).unwrap();
    assert_eq!(report.objects, 5);
    let mut found: Vec<_> =
        report.damage.iter().map(|found| (found.key.as_deref().unwrap_or_default(), &*found.reason)).collect();
    found.sort_unstable();
    let flipped = "the block at byte 65536 does not match its checksum";
    assert_eq!(found, [("", "too short"), ("cut", "too short"), ("flipped", flipped), ("gone", "its file is missing")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_meanwhile_is_no_damage() {
    let world = World::start().await;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let verifier = scope.spawn(|| {
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                let report = verify(&world.root, &|_| ()).unwrap();
                assert!(report.damage.is_empty(), "{report:?}");
                rounds += 1;
            }
            rounds
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for round in 0..200 {
                    let key = format!("k{}", round % 5);
                    world.put(&key, noise(round, 100_000)).await;
                    if round % 3 == 0 {
                        world.client.delete_object().bucket(crate::world::BUCKET).key(&key).send().await.unwrap();
                    }
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
        assert!(verifier.join().unwrap() > 0);
    });
}

#[test]
fn a_folder_without_a_bucket_is_no_whole_bucket() {
    let folder = TempDir::new().unwrap();
    assert!(matches!(verify(folder.path(), &|_| ()), Err(Error::NoBucket(_))));
}
