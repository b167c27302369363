//! A whole sweep: what it keeps while a record is damaged, lost or set aside, and when orphans go.

use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    job::{Job, JobKind},
};
use clipset_events::sweep_at;

use crate::world::{World, key};

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_holds_its_media_and_all_orphans() {
    let world = World::new().await;
    let (video, other) = (world.published().await, world.published().await);
    let whole = world.service.bucket.read_raw(&key(&video).to_string()).await.unwrap().unwrap();
    let half = whole.slice(..whole.len() / 2);
    world.service.bucket.write_raw(&key(&video).to_string(), half).await.unwrap();
    let orphan = EncodeId::random();
    world.put(orphan, Some(&ShortId::random())).await;
    world.days(0, 9).await;
    assert!(world.is_whole(&video).await && world.is_whole(&other).await && world.stands(orphan).await);
    let plan = world.planned(10).await;
    assert_eq!(plan.actions, []);
    let held =
        format!("held: catalog/videos/{}.json cannot be read: remove {orphan}: no document names it", video.short_id);
    assert!(plan.held.iter().any(|step| step.to_string() == held), "{:?}", plan.held);
    // Mended: only the orphan goes, after days of its own.
    world.service.bucket.write_raw(&key(&video).to_string(), whole).await.unwrap();
    world.days(10, 16).await;
    assert!(world.stands(orphan).await, "the days before counted nothing");
    world.days(17, 17).await;
    assert!(!world.stands(orphan).await && world.is_whole(&video).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_set_aside_holds_what_could_be_its_own_and_nothing_else() {
    let world = World::new().await;
    let video = world.published().await;
    let (silent, of_another) = (EncodeId::random(), EncodeId::random());
    world.put(silent, None).await;
    world.put(of_another, Some(&ShortId::random())).await;
    world.service.bucket.remove(&key(&video)).await.unwrap();
    let aside = format!("damaged/{}", key(&video));
    world.service.bucket.write_raw(&aside, "{".into()).await.unwrap();
    world.days(0, 9).await;
    assert!(world.is_whole(&video).await && world.stands(silent).await && !world.stands(of_another).await);
    // An administrator deleted it.
    world.service.bucket.remove_all(&aside).await.unwrap();
    world.days(10, 17).await;
    assert!(!world.stands(silent).await && !world.stands(video.ids()[0]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_missing_costs_nothing_for_a_week_and_nothing_if_it_comes_back() {
    let world = World::new().await;
    let video = world.published().await;
    world.service.bucket.remove(&key(&video)).await.unwrap();
    world.days(0, 6).await;
    let plan = world.planned(6).await;
    assert!(plan.held[0].to_string().starts_with("held: an orphan for 6 days (first seen "), "{}", plan.held[0]);
    world.service.videos.create(&video).await.unwrap();
    world.days(7, 9).await;
    assert!(world.is_whole(&video).await);
    assert_eq!(world.service.bucket.keys("catalog/orphans/").await.unwrap(), [""; 0], "the note forgot them");
    world.service.bucket.remove(&key(&video)).await.unwrap();
    world.days(10, 16).await;
    assert!(world.is_whole(&video).await, "its days began anew");
    world.days(17, 17).await;
    assert!(!world.is_whole(&video).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_years_ahead_removes_no_orphan_and_the_right_one_begins_anew() {
    let world = World::new().await;
    let orphan = EncodeId::random();
    world.put(orphan, None).await;
    for hours in [0, 20 * 8766, 1, 2, 20 * 8766 + 1, 3] {
        sweep_at(&world.service, world.after(hours), false).await.unwrap();
        assert!(world.stands(orphan).await, "after {hours} hours");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_clips_worth_at_once_wait_for_force() {
    let world = World::new().await;
    let orphans: Vec<_> = std::iter::repeat_with(EncodeId::random).take(51).collect();
    for id in &orphans {
        world.put(*id, None).await;
    }
    world.days(0, 9).await;
    assert!(world.stands(orphans[0]).await);
    assert_eq!(sweep_at(&world.service, world.after(241), true).await.unwrap().objects, 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_runner_wrote_goes_at_the_next_sweep_and_what_it_published_stays() {
    let world = World::new().await;
    let video = world.published().await;
    let job = Job::new(video.short_id.clone(), JobKind::First, 1, world.start).unwrap();
    world.service.jobs.enqueue(&job).await.unwrap();
    let (_, lease) = world.service.jobs.claim(&job.id, "one").await.unwrap();
    let (lost, published) = (EncodeId::random(), video.stream().unwrap().encode);
    world.put(lost, Some(&video.short_id)).await;
    let noted = world.service.jobs.update(&job.id, |job| {
        job.will_write(&lease, lost)?;
        job.will_write(&lease, published)?;
        job.fail(&lease, "no".into(), Vec::new(), Timestamp::now())
    });
    let failed = noted.await.unwrap();
    world.service.jobs.close(&failed).await.unwrap();
    world.days(0, 0).await;
    assert!(!world.stands(lost).await && world.is_whole(&video).await);
    assert_eq!(world.service.jobs.get(&job.id).await.unwrap().unwrap().abandoned, []);
    assert_eq!(world.service.bucket.keys("jobs/leftovers/").await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_documents_of_every_kind_end_no_sweep_and_hold_orphans() {
    let world = World::new().await;
    let orphan = EncodeId::random();
    world.put(orphan, None).await;
    world.days(0, 7).await;
    assert!(!world.stands(orphan).await, "it would go");
    let entry = Job::new(ShortId::random(), JobKind::First, 1, world.start).unwrap();
    world.service.jobs.enqueue(&entry).await.unwrap();
    for key in [
        format!("jobs/documents/{}.json", entry.id),
        format!("shares/{}.json", "a".repeat(32)),
        "accounts/quotas/ada.json".to_owned(),
        "accounts/sessions/x.json".to_owned(),
        "jobs/migration.json".to_owned(),
        "catalog/orphans/00.json".to_owned(),
    ] {
        let orphan = EncodeId::random();
        world.put(orphan, None).await;
        world.service.bucket.write_raw("jobs/migrations/a-0.json", "[]".into()).await.unwrap();
        world.days(10, 16).await;
        let before = world.service.bucket.read_raw(&key).await.unwrap();
        world.service.bucket.write_raw(&key, "{".into()).await.unwrap();
        world.days(17, 17).await;
        assert!(world.stands(orphan).await, "{key}");
        match before {
            Some(body) => world.service.bucket.write_raw(&key, body).await.unwrap(),
            None => _ = world.service.bucket.remove_all(&key).await.unwrap(),
        }
        world.service.bucket.remove_all("catalog/orphans/").await.unwrap();
    }
}
