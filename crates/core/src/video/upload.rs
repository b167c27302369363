//! An upload while it is open: how long it may be silent.

use jiff::{SignedDuration, Timestamp};

use super::{Phase, Video, VideoError};
use crate::parts::PartPlan;

/// So many uploads of one member may be open.
pub const MOST_OPEN_UPLOADS: usize = 20;

/// An upload that was silent for so long ends where a member at the limit begins another one.
pub const SILENT_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// An upload that was silent for so long ends.
pub const ABANDONED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// One that was begun before parts were bound notes no signature: it ends so long after its beginning.
const UNBOUND_ENDS_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A signature is noted only where the last note is so old, for a part is signed every few seconds.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(5);

impl Video {
    /// The same, with its file cut as `plan` says.
    pub fn cut(self, plan: PartPlan) -> Self {
        Self { parts: Some(plan), ..self }
    }

    /// A part is signed at `now`, or the upload completed. Most often there is nothing to note.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] unless it is uploading.
    pub fn note_part(&mut self, now: Timestamp) -> Result<(), VideoError> {
        self.require(self.phase == Phase::Uploading, "given parts")?;
        if self.wants_note(now) {
            self.part_at = Some(now);
        }
        Ok(())
    }

    /// Whether [`Video::note_part`] would change something.
    pub fn wants_note(&self, now: Timestamp) -> bool {
        self.parts.is_some() && self.part_at.is_none_or(|noted| noted + NOTED_EVERY <= now)
    }

    /// No part was signed after this. One that was signed before may still be on its way to the store.
    pub fn silent_since(&self) -> Timestamp {
        self.part_at.map_or(self.created_at, |noted| noted + NOTED_EVERY)
    }

    /// When it ends by itself, unless a part is signed or stored.
    pub fn abandoned_at(&self) -> Timestamp {
        match self.parts {
            Some(_) => self.silent_since() + ABANDONED_AFTER,
            None => self.created_at + UNBOUND_ENDS_AFTER,
        }
    }
}
