//! Inputs that nobody would write: mutations of good ones.

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::Config};

/// How many cases each target is given in the suite; `CLIPSET_FUZZ_CASES` gives more.
const CASES: u32 = 1500;

/// The number of cases as `CLIPSET_FUZZ_CASES` says, in proportion: `share` of 100.
pub fn cases(share: u32) -> Config {
    let cases = std::env::var("CLIPSET_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    Config { cases: (cases / 100 * share).max(10), max_shrink_iters: 2000, ..Config::default() }
}

/// Numbers at which readers break: lengths, counts and durations are written over with them.
const NUMBERS: [&[u8]; 8] =
    [b"0", b"-1", b"4294967296", b"18446744073709551616", b"1e400", b"NaN", b"0.0000001", b"99999999999999999999"];

/// One change of an input.
#[derive(Debug, Clone)]
enum Edit {
    /// A byte becomes another.
    Set(Index, u8),
    /// The end is gone.
    Cut(Index),
    /// Some bytes are gone.
    Remove(Index, usize),
    /// Some bytes come twice.
    Repeat(Index, usize),
    /// Bytes come in between.
    Insert(Index, Vec<u8>),
    /// The digits that begin here or later are another number.
    Number(Index, &'static [u8]),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Set(at, byte) => bytes[at.index(length)] = *byte,
            Self::Cut(at) => bytes.truncate(at.index(length)),
            Self::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Self::Repeat(at, count) => {
                let at = at.index(length);
                let again = bytes[at..(at + count).min(length)].to_vec();
                bytes.splice(at..at, again);
            }
            Self::Insert(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Number(at, number) => {
                let Some(begin) = (at.index(length)..length).find(|at| bytes[*at].is_ascii_digit()) else { return };
                let end = (begin..length).find(|at| !bytes[*at].is_ascii_digit()).unwrap_or(length);
                bytes.splice(begin..end, number.iter().copied());
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        1 => at().prop_map(Edit::Cut),
        2 => (at(), 1..200_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        2 => (at(), 1..400_usize).prop_map(|(at, count)| Edit::Repeat(at, count)),
        2 => (at(), vec(any::<u8>(), 1..20)).prop_map(|(at, more)| Edit::Insert(at, more)),
        3 => (at(), proptest::sample::select(&NUMBERS[..])).prop_map(|(at, number)| Edit::Number(at, number)),
    ]
}

/// Seldom noise, mostly one of `seeds` with a few changes.
pub fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed = (proptest::sample::select(seeds), vec(edit(), 0..8)).prop_map(|(mut bytes, edits)| {
        edits.iter().for_each(|edit| edit.apply(&mut bytes));
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..2000), 15 => changed]
}

/// The same as text: what is no UTF-8 is replaced, as readers of strings see it.
pub fn mutated_text(seeds: &[&str]) -> impl Strategy<Value = String> {
    mutated(seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect())
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
