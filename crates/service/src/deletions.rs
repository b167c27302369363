//! Deletions that somebody in this process follows, so that space is free again at once.

use std::sync::OnceLock;

use clipset_core::id::ShortId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Who wants to know of deleted videos; nobody where a scheduled sweep removes their objects.
#[derive(Debug, Default)]
pub struct Deletions {
    follower: OnceLock<UnboundedSender<ShortId>>,
}

/// Tells of a deletion when it is dropped: also if the request was given up half-way.
#[derive(Debug)]
pub struct Telling<'a> {
    deletions: &'a Deletions,
    id: ShortId,
}

impl Deletions {
    /// From now on deletions arrive here. For the first who asks; others hear nothing.
    pub fn follow(&self) -> UnboundedReceiver<ShortId> {
        let (follower, deleted) = unbounded_channel();
        let _ = self.follower.set(follower);
        deleted
    }

    /// This video is about to be deleted.
    pub fn begin(&self, id: &ShortId) -> Telling<'_> {
        Telling { deletions: self, id: id.clone() }
    }

    /// This video was deleted, perhaps.
    pub fn tell(&self, id: ShortId) {
        if let Some(follower) = self.follower.get() {
            let _ = follower.send(id);
        }
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.deletions.tell(self.id.clone());
    }
}
