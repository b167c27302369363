//! What a shard of the listing holds, in 2 kB: a search passes over the shards that cannot hold what it asks for.
//!
//! A summary is a Bloom filter of the shard's marks: the pieces of its titles, its owners, its ids. It is derived and says
//! nothing of who may see what: what a search finds is still decided by the entries of the shards that are left.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    bloom::places,
    id::ShortId,
    listing::{Entry, Query, Shard},
    text::fold,
};

/// A shard of 256 titles has some 2,500 marks, which fill less than half of it.
const BYTES: usize = 2048;

/// Bits that are set for each mark: of the marks that are not there, one in thirty seems to be.
const BITS_FOR_EACH: u64 = 4;

/// The longest piece of a title that is marked. Longer words are asked for by their pieces.
const PIECE: usize = 3;

/// Shards whose summaries stand in one document, at most: some 40,000 clips.
pub const GROUP: usize = 256;

/// How marks are made. Another number makes all summaries anew, as after a change of [`fold`].
const FORM: u32 = 1;

/// The mark of a clip that is finished and not HLS.
const NOT_HLS: &str = "not hls";

/// What one shard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary(Vec<u8>);

impl Summary {
    /// Of all entries, whoever may see them.
    pub fn of(shard: &Shard) -> Self {
        let mut summary = Self(vec![0; BYTES]);
        let marks: BTreeSet<String> = shard.entries.iter().flat_map(marks_of).collect();
        for at in marks.iter().flat_map(|mark| bits(mark)) {
            summary.0[at / 8] |= 1 << (at % 8);
        }
        summary
    }

    /// Whether the shard may hold something with all of these marks. If not, it surely holds none.
    pub fn may_hold(&self, wanted: &Wanted) -> bool {
        wanted.0.iter().flat_map(|mark| bits(mark)).all(|at| self.0[at / 8] & (1 << (at % 8)) != 0)
    }
}

/// The marks of what is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Vec<String>);

impl Wanted {
    /// What `query` asks for.
    pub fn by(query: &Query) -> Self {
        let words = query.words.iter().flat_map(|word| {
            let length = word.chars().count().clamp(1, PIECE);
            pieces(word, length).map(|piece| title_mark(&piece)).collect::<Vec<_>>()
        });
        Self(words.chain(query.owner.as_ref().map(|owner| owner_mark(owner.as_str()))).collect())
    }

    /// One clip. Twice, so that hardly any shard seems to hold it that does not.
    pub fn clip(id: &ShortId) -> Self {
        Self(id_marks(id).into())
    }

    /// Clips that are finished and not HLS.
    pub fn not_hls() -> Self {
        Self(vec![NOT_HLS.to_owned()])
    }

    /// All there is.
    pub fn anything() -> Self {
        Self(Vec::new())
    }

    /// Every shard holds it.
    pub fn is_anything(&self) -> bool {
        self.0.is_empty()
    }
}

/// Summaries of shards that follow each other, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summaries {
    form: u32,
    shards: Vec<Summarised>,
}

/// The summary of the shard `name` as it was in the version `etag`. Of another version it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summarised {
    /// Which shard.
    pub name: String,
    /// Which version of it.
    pub etag: String,
    /// What it holds.
    pub summary: Summary,
}

impl Summaries {
    /// Of these shards, made here.
    pub fn new(shards: Vec<Summarised>) -> Self {
        Self { form: FORM, shards }
    }

    /// Those that were made as they are made here.
    pub fn shards(&self) -> &[Summarised] {
        if self.form == FORM { &self.shards } else { &[] }
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Summary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = STANDARD_NO_PAD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        if bytes.len() == BYTES { Ok(Self(bytes)) } else { Err(D::Error::custom("a summary of another size")) }
    }
}

fn bits(mark: &str) -> impl Iterator<Item = usize> + use<> {
    places(b"", mark, BYTES as u64 * 8, BITS_FOR_EACH)
}

fn marks_of(entry: &Entry) -> Vec<String> {
    let title = fold(&entry.title);
    let words = title.split_whitespace().flat_map(|word| (1..=PIECE).flat_map(move |length| pieces(word, length)));
    let mut marks: Vec<String> = words.map(|piece| title_mark(&piece)).collect();
    marks.push(owner_mark(entry.owner.as_str()));
    marks.extend(id_marks(&entry.short_id));
    marks.extend(entry.is_to_move().then(|| NOT_HLS.to_owned()));
    marks
}

/// Every piece of `word` that is so many characters long.
fn pieces(word: &str, length: usize) -> impl Iterator<Item = String> + use<> {
    let word: Vec<char> = word.chars().collect();
    (length..=word.len()).map(move |end| word[end - length..end].iter().collect())
}

fn title_mark(piece: &str) -> String {
    format!("title {piece}")
}

fn owner_mark(owner: &str) -> String {
    format!("owner {owner}")
}

fn id_marks(id: &ShortId) -> [String; 2] {
    [format!("id {id}"), format!("and {id}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Timestamp,
        account::{Role, Viewer},
        id::Username,
        video::{Phase, Visibility},
    };

    fn shard(titles: impl IntoIterator<Item = String>) -> Shard {
        let entry = |title| Entry {
            short_id: ShortId::random(),
            title,
            description: String::new(),
            owner: "ada".parse().expect("a name"),
            visibility: Visibility::Private,
            created_at: Timestamp::UNIX_EPOCH,
            phase: Phase::Completed,
            job: None,
            size_bytes: None,
            published: None,
            revision: 1,
            damaged: false,
        };
        Shard { entries: titles.into_iter().map(entry).collect() }
    }

    fn wanted(text: &str, owner: Option<&str>) -> Wanted {
        let owner: Option<Username> = owner.map(|name| name.parse().expect("a name"));
        let viewer = Viewer { username: "root".parse().expect("a name"), role: Role::Admin };
        Wanted::by(&Query::new(viewer, text, owner))
    }

    #[test]
    fn whatever_a_query_matches_its_shard_may_hold() {
        let shard = shard(["Der Läke, am Abend".to_owned(), "湖の夕方".to_owned(), "x".to_owned()]);
        let summary = Summary::of(&shard);
        for text in ["", "l", "la", "lake", "LÄKE abend", "ake,", "湖", "夕方", "湖の夕", "x"] {
            assert!(summary.may_hold(&wanted(text, Some("ada"))), "{text}");
        }
        assert!(summary.may_hold(&Wanted::clip(&shard.entries[1].short_id)));
    }

    #[test]
    fn a_full_shard_holds_little_that_it_does_not() {
        let title =
            |n: usize| format!("{} {} on {}", ["Dinner", "Match", "Ride"][n % 3], n * 7919, ["lake", "sea"][n % 2]);
        let summary = Summary::of(&shard((0..256).map(title)));
        let wrong = (0..1000).filter(|n| summary.may_hold(&wanted(&format!("w{n}x"), None))).count();
        assert!(wrong < 20, "{wrong} of 1,000 words");
        let wrong = (0..1000).filter(|_| summary.may_hold(&Wanted::clip(&ShortId::random()))).count();
        assert!(wrong < 20, "{wrong} of 1,000 clips");
        assert!(!summary.may_hold(&wanted("dinner", Some("bob"))));
    }

    #[test]
    fn summaries_are_stored_and_those_of_another_form_say_nothing() {
        let summary = Summary::of(&shard(["Lake".to_owned()]));
        let one = Summarised { name: "0".into(), etag: "e".into(), summary };
        let stored = serde_json::to_value(Summaries::new(vec![one.clone()])).expect("JSON");
        let read: Summaries = serde_json::from_value(stored.clone()).expect("summaries");
        assert_eq!(read.shards(), [one]);
        let mut other = stored;
        other["form"] = 2.into();
        let read: Summaries = serde_json::from_value(other).expect("summaries");
        assert_eq!(read.shards(), []);
    }
}
