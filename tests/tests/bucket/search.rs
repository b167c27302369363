//! Search: which shards of the listing it passes over, and that it finds what there is.

use clipset_bucket::{Page, Videos};
use clipset_core::{
    account::{Role, Viewer},
    key::DocumentKey,
    listing::{Entry, FIRST_SHARD, Query, Shard},
    video::{Video, Visibility},
};
use clipset_tests::stores::Store;

use crate::listing::{everything, titles, video};

super::on_every_store!(a_search_passes_over_the_shards_that_cannot_hold_it);

fn search(viewer: &str, role: Role, text: &str) -> Query {
    Query::new(Viewer { username: viewer.parse().unwrap(), role }, text, None)
}

async fn a_search_passes_over_the_shards_that_cannot_hold_it(store: Store) {
    let videos = Videos::new(store.bucket.clone());
    let mut clip = video(1);
    clip.title = "Am Läke".into();
    videos.create(&clip).await.unwrap();
    let found = async |text: &str| {
        let page = videos.page(&search("root", Role::Admin, text), None, 10).await.unwrap();
        page.entries.into_iter().map(|entry| entry.title).collect::<Vec<_>>()
    };
    assert_eq!(found("lake").await, ["Am Läke"], "no summary is there yet");
    assert_eq!(videos.summarise(10).await.unwrap(), 1);
    assert_eq!(videos.summarise(10).await.unwrap(), 0, "what a listing tells of versions is what a read does");
    assert_eq!(found("lake").await, ["Am Läke"]);
    // A summary that says that nothing is there: it is believed, for this version of the shard alone.
    let key = DocumentKey::Summaries(FIRST_SHARD.into());
    let mut summaries: serde_json::Value = store.bucket.read(&key).await.unwrap().unwrap().value;
    summaries["shards"][0]["summary"] = "A".repeat(2731).into();
    store.bucket.put(&key, &summaries).await.unwrap();
    assert_eq!(found("lake").await, [""; 0]);
    assert_eq!(found("").await, ["Am Läke"]);
    videos.create(&video(2)).await.unwrap();
    assert_eq!(found("lake").await, ["Am Läke"], "the shard has changed");
    store.bucket.put(&key, &"damaged").await.unwrap();
    assert_eq!(found("lake").await, ["Am Läke"]);
    assert_eq!(videos.summarise(10).await.unwrap(), 1);
    assert_eq!(found("lake").await, ["Am Läke"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_listing_of_hundreds_of_shards_every_clip_is_found_by_its_words_its_owner_and_a_cursor() {
    let store = clipset_tests::stores::embedded().await;
    let library: Vec<Video> = (0..600)
        .map(|number| {
            let mut video = video(number * 3600);
            video.title = format!("Ride w{number}x");
            if number % 100 == 0 {
                video.visibility = Visibility::Private;
                video.owner = "bob".parse().unwrap();
            }
            video
        })
        .collect();
    // Two in each shard, as if it were a hundred times as large.
    let mut entries: Vec<Entry> = library.iter().map(Entry::from).collect();
    entries.sort_by_cached_key(Entry::key);
    for (n, entries) in entries.chunks(2).enumerate() {
        let name = if n == 0 { FIRST_SHARD.to_owned() } else { entries[0].key() };
        store.bucket.put(&DocumentKey::Shard(name), &Shard { entries: entries.to_vec() }).await.unwrap();
    }
    let videos = Videos::new(store.bucket.clone());
    assert_eq!(videos.summarise(200).await.unwrap(), 200, "a part at a time");
    assert_eq!(videos.summarise(1000).await.unwrap(), 100);
    assert_eq!(videos.summarise(1000).await.unwrap(), 0);
    let documents = store.bucket.children(DocumentKey::SUMMARIES).await.unwrap();
    assert_eq!(documents.len(), 3, "too many for one document");
    for number in [0, 1, 299, 300, 598, 599] {
        let page = videos.page(&search("root", Role::Admin, &format!("w{number}x ride")), None, 10).await.unwrap();
        let titles: Vec<_> = page.entries.iter().map(|entry| entry.title.clone()).collect();
        assert_eq!((titles, page.next_cursor), (vec![format!("Ride w{number}x")], None), "in one request");
    }
    for text in ["w100x", "w1 00x", "nowhere"] {
        let page = videos.page(&search("ada", Role::User, text), None, 10).await.unwrap();
        assert_eq!(page, Page { entries: Vec::new(), next_cursor: None }, "a private clip is not told of");
    }
    let of_bob = Query { owner: Some("bob".parse().unwrap()), ..everything() };
    assert_eq!(videos.page(&of_bob, None, 10).await.unwrap().entries.len(), 6);
    let expected: Vec<String> = (0..600).rev().map(|number| format!("Ride w{number}x")).collect();
    assert_eq!(titles(&store.bucket, 90).await, expected);
    // An old clip's entry is found among all the others.
    for number in [3, 320, 597] {
        let changed = Video { title: "changed".into(), revision: 9, ..library[number].clone() };
        videos.relist(std::slice::from_ref(&changed)).await.unwrap();
        let page = videos.page(&search("root", Role::Admin, "changed"), None, 10).await.unwrap();
        assert_eq!(page.entries.len(), 1);
        assert_eq!(page.entries[0].short_id, changed.short_id);
        videos.relist(&[Video { revision: 10, ..library[number].clone() }]).await.unwrap();
    }
    assert_eq!(titles(&store.bucket, 100).await, expected, "each in its place, and once");
}
