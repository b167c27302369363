//! A share: a link with which anybody who has it watches one video.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ShareId, ShortId, Username};

/// `shares/{share_id}.json`. Deleting the document revokes the share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// In the link.
    pub share_id: ShareId,
    /// The one video that it opens.
    pub video: ShortId,
    /// Who made it.
    pub created_by: Username,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; never, if none.
    pub expires_at: Option<Timestamp>,
    /// PHC string of argon2id, if it asks for a password.
    pub password_hash: Option<String>,
}

impl Share {
    /// Opens at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
