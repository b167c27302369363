//! The walk: what a whole sweep finds, found part by part.

use std::time::Duration;

use clipset_core::{
    account::{Role, Viewer},
    id::{EncodeId, ShortId},
    listing::Query,
};
use clipset_events::{Bounds, step_at};

use crate::world::{World, key};

/// So little that a lap over eight clips takes many runs.
const LITTLE: Bounds = Bounds { looks: 100, reads: 3, patience: Duration::from_secs(100) };

/// One run every `every` hours, from hour `from` to hour `to`.
async fn runs(world: &World, bounds: &Bounds, from: i64, to: i64, every: usize) {
    for hour in (from..=to).step_by(every) {
        step_at(&world.service, world.after(hour), bounds).await.unwrap();
    }
}

async fn listed(world: &World) -> Vec<ShortId> {
    let everything = Query::new(Viewer { username: "root".parse().unwrap(), role: Role::Admin }, "", None);
    let page = world.service.videos.page(&everything, None, 100).await.unwrap();
    page.entries.into_iter().map(|entry| entry.short_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_small_parts_orphans_go_after_seven_days_and_nothing_that_is_named_ever_goes() {
    let world = World::new().await;
    let mut videos = Vec::new();
    for _ in 0..8 {
        videos.push(world.published().await);
    }
    let orphans = [EncodeId::random(), EncodeId::random()];
    for orphan in orphans {
        world.put(orphan, None).await;
    }
    // Clips that come while the walk is under way, before and behind its cursor.
    for day in 0..6 {
        runs(&world, &LITTLE, day * 24, day * 24 + 23, 6).await;
        videos.push(world.published().await);
        for orphan in orphans {
            assert!(world.stands(orphan).await, "day {day}");
        }
    }
    runs(&world, &LITTLE, 6 * 24, 17 * 24, 6).await;
    for orphan in orphans {
        assert!(!world.stands(orphan).await);
    }
    for video in &videos {
        assert!(world.is_whole(video).await, "{}", video.short_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_holds_the_orphans_of_every_lap_that_met_it() {
    let world = World::new().await;
    let (video, orphan) = (world.published().await, EncodeId::random());
    world.put(orphan, Some(&ShortId::random())).await;
    let whole = world.service.bucket.read_raw(&key(&video).to_string()).await.unwrap().unwrap();
    world.service.bucket.write_raw(&key(&video).to_string(), whole.slice(..whole.len() / 2)).await.unwrap();
    runs(&world, &Bounds::default(), 0, 9 * 24, 24).await;
    assert!(world.is_whole(&video).await && world.stands(orphan).await);
    assert!(listed(&world).await.contains(&video.short_id), "marked, and listed all the same");
    world.service.bucket.write_raw(&key(&video).to_string(), whole).await.unwrap();
    runs(&world, &Bounds::default(), 10 * 24, 16 * 24, 24).await;
    assert!(world.stands(orphan).await, "the days before counted nothing");
    runs(&world, &Bounds::default(), 17 * 24, 18 * 24, 24).await;
    assert!(!world.stands(orphan).await && world.is_whole(&video).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_set_aside_holds_what_could_be_its_own() {
    let world = World::new().await;
    let (video, silent, of_another) = (world.published().await, EncodeId::random(), EncodeId::random());
    world.put(silent, None).await;
    world.put(of_another, Some(&ShortId::random())).await;
    world.service.bucket.set_aside(&key(&video).to_string(), "a test").await.unwrap();
    runs(&world, &Bounds::default(), 0, 9 * 24, 24).await;
    assert!(world.is_whole(&video).await && world.stands(silent).await && !world.stands(of_another).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_lost_what_it_met_begins_anew_and_takes_nothing_for_an_orphan() {
    let world = World::new().await;
    let mut videos = Vec::new();
    for _ in 0..8 {
        videos.push(world.published().await);
    }
    // In mid-lap each time, one bit of the filter is lost; then all of it.
    for (hour, damage) in [(0, true), (200, false), (400, true), (600, false)] {
        runs(&world, &LITTLE, hour, hour + 2, 1).await;
        let names = world.service.bucket.keys("jobs/walk/names-").await.unwrap();
        assert_eq!(names.len(), 1, "in mid-lap");
        match damage {
            true => {
                let mut body = world.service.bucket.read_raw(&names[0]).await.unwrap().unwrap().to_vec();
                body.iter_mut().skip(8).for_each(|byte| *byte = 0);
                world.service.bucket.write_raw(&names[0], body.into()).await.unwrap();
            }
            false => _ = world.service.bucket.remove_all("jobs/walk/names-").await.unwrap(),
        }
        runs(&world, &LITTLE, hour + 3, hour + 190, 12).await;
        assert_eq!(world.service.bucket.keys("catalog/orphans/").await.unwrap(), [""; 0]);
    }
    for video in &videos {
        assert!(world.is_whole(video).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_clips_worth_at_once_are_left_to_a_person() {
    let world = World::new().await;
    let orphans: Vec<_> = std::iter::repeat_with(EncodeId::random).take(51).collect();
    for id in &orphans {
        world.put(*id, None).await;
    }
    runs(&world, &Bounds::default(), 0, 9 * 24, 24).await;
    assert!(world.stands(orphans[0]).await);
    world.service.bucket.remove_all(&format!("hls/{}/", orphans[0])).await.unwrap();
    runs(&world, &Bounds::default(), 10 * 24, 10 * 24, 24).await;
    assert!(!world.stands(orphans[1]).await, "fifty go");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_years_ahead_removes_no_orphan() {
    let world = World::new().await;
    let orphan = EncodeId::random();
    world.put(orphan, None).await;
    for hours in [0, 20 * 8766, 1, 2, 20 * 8766 + 1, 3] {
        step_at(&world.service, world.after(hours), &Bounds::default()).await.unwrap();
        assert!(world.stands(orphan).await, "after {hours} hours");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_is_mended_on_the_way() {
    let world = World::new().await;
    let (lost, ghost) = (world.published().await, world.published().await);
    world.service.bucket.remove(&key(&ghost)).await.unwrap();
    let shards = world.service.videos.shards(None, 10).await.unwrap();
    let shard = shards[0].1.iter().map(|entry| entry.short_id.clone()).collect::<Vec<_>>();
    assert_eq!(shard.len(), 2);
    // As if it had never been written.
    let document = world.service.bucket.read_raw(&key(&lost).to_string()).await.unwrap().unwrap();
    world.service.videos.remove(&lost).await.unwrap();
    world.service.bucket.write_raw(&key(&lost).to_string(), document).await.unwrap();
    assert_eq!(listed(&world).await, std::slice::from_ref(&ghost.short_id));
    step_at(&world.service, world.after(0), &Bounds::default()).await.unwrap();
    assert_eq!(listed(&world).await, std::slice::from_ref(&lost.short_id));
}
