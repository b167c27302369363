//! What a walk has met, in ten bits for each thing: it may say that it met something it did not, and never the other way
//! round. So what it did not meet is surely named by no document, and the few that it keeps wrongly differ each time.

use clipset_core::{
    bloom::places,
    id::{EncodeId, ShortId},
};
use rand::RngExt as _;

/// Of ten bits for each thing, seven are set: one in a hundred is taken for another.
const BITS_FOR_EACH: usize = 10;
const SET_FOR_EACH: u64 = 7;

/// So many are expected at least.
const FEWEST: usize = 1000;

/// Bytes of the salt that is stored in front.
const SALT: usize = 8;

/// Something that a walk meets.
#[derive(Debug, Clone, Copy)]
pub(super) enum Met<'a> {
    /// An entry of the listing, as of this revision.
    Entry(&'a ShortId, u64),
    /// The document of a video.
    Document(&'a ShortId),
    /// A uuid that a document names.
    Named(EncodeId),
}

/// A Bloom filter with a salt of its own, as the bytes that are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter(Vec<u8>);

impl Filter {
    /// An empty one for about so many things.
    pub(super) fn sized(things: usize) -> Self {
        let mut bytes = vec![0; SALT + things.max(FEWEST) * BITS_FOR_EACH / 8];
        bytes[..SALT].copy_from_slice(&rand::rng().random::<[u8; SALT]>());
        Self(bytes)
    }

    /// What [`Filter::bytes`] gave; `None` if it is none.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() > SALT).then_some(Self(bytes))
    }

    /// To be stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn add(&mut self, met: Met<'_>) {
        for at in self.places(met) {
            self.0[SALT + at / 8] |= 1 << (at % 8);
        }
    }

    /// Whether it was added; now and then also what was not.
    pub(super) fn has(&self, met: Met<'_>) -> bool {
        self.places(met).all(|at| self.0[SALT + at / 8] & (1 << (at % 8)) != 0)
    }

    fn places(&self, met: Met<'_>) -> impl Iterator<Item = usize> + use<> {
        let text = match met {
            Met::Entry(id, revision) => format!("entry {id} {revision}"),
            Met::Document(id) => format!("document {id}"),
            Met::Named(id) => format!("named {id}"),
        };
        places(&self.0[..SALT], &text, (self.0.len() - SALT) as u64 * 8, SET_FOR_EACH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_added_is_found_and_little_else() {
        let ids: Vec<_> = std::iter::repeat_with(EncodeId::random).take(20_000).collect();
        let mut filter = Filter::sized(10_000);
        ids[..10_000].iter().for_each(|id| filter.add(Met::Named(*id)));
        let again = Filter::from_bytes(filter.bytes().to_vec()).expect("a filter");
        assert!(ids[..10_000].iter().all(|id| again.has(Met::Named(*id))));
        let wrong = ids[10_000..].iter().filter(|id| again.has(Met::Named(**id))).count();
        assert!(wrong < 300, "{wrong} of 10,000");
        let clip = ShortId::random();
        filter.add(Met::Entry(&clip, 1));
        assert!(filter.has(Met::Entry(&clip, 1)));
        assert_ne!(Filter::sized(1).bytes()[..SALT], Filter::sized(1).bytes()[..SALT]);
    }

    #[test]
    fn a_place_is_the_same_in_every_version() {
        // As any SHA-256 tells: of the salt and the text, the first eight bytes, and these and the next eight, by 10,000 bits.
        let filter = Filter::from_bytes([vec![7; SALT], vec![0; 1250]].concat()).expect("a filter");
        let id = "00000000-0000-4000-8000-000000000000".parse().expect("a uuid");
        let places: Vec<_> = filter.places(Met::Named(id)).take(2).collect();
        assert_eq!(places, [9896, 6923]);
    }
}
