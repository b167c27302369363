//! A deleted clip stops at once, and its objects go.

use std::time::Duration;

use clipset_tests::{client::uris, media::COPYABLE, stack::Stack, wait};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_clip_stops_within_ten_seconds_and_a_sweep_leaves_nothing_of_it() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = COPYABLE.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "To be forgotten").await;
    let kept = client.upload(&clip, "To be kept").await;
    client.ready(&short_id).await;
    client.ready(&kept).await;
    let segments = uris(&client.manifest(&short_id).await.unwrap());
    for url in &segments {
        assert_eq!(client.status(url).await, 200, "in the cache now");
    }
    client.delete(&short_id).await;
    wait::until("the signed URLs to stop", Duration::from_secs(10), async || {
        for url in &segments {
            if !matches!(client.status(url).await, 404 | 410) {
                return None;
            }
        }
        Some(())
    })
    .await;
    assert!(client.manifest(&short_id).await.is_none());
    let titles = client.get("/api/videos").await;
    assert!(!titles.to_string().contains("To be forgotten"), "{titles}");

    stack.maintenance(&["sweep"]);
    let left = stack.maintenance(&["sweep", "--json"]);
    assert!(!String::from_utf8_lossy(&left.stdout).contains(&short_id));
    for url in &segments {
        assert!(matches!(client.status(url).await, 404 | 410));
    }
    client.ready(&kept).await;
    assert_eq!(client.status(&uris(&client.manifest(&kept).await.unwrap())[0]).await, 200);
}
