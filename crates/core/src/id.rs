//! Names that enter from outside, checked once: a value of these types is well-formed.

mod job;

use std::{fmt, str::FromStr};

use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use job::{JobId, JobKind};

/// A name that does not have its form; the message says which form it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(&'static str);

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident, $check:expr, $message:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(IdError($message)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

string_id!(
    /// The public name of a video: 10 characters of `[0-9A-Za-z]`.
    ShortId,
    |text| text.len() == 10 && text.bytes().all(|b| b.is_ascii_alphanumeric()),
    "a video id has 10 letters and digits"
);

string_id!(
    /// A share of one video: the video's short id, then 22 random characters of `[0-9A-Za-z]`.
    ShareId,
    |text| text.len() == 32 && text.bytes().all(|b| b.is_ascii_alphanumeric()),
    "a share id has 32 letters and digits"
);

string_id!(
    /// The name of one rendition of a ladder, such as `720p`: 1 to 16 of `[0-9a-z_-]`.
    RenditionName,
    |text| (1..=16).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'_' || b == b'-'),
    "a rendition name has 1 to 16 of the characters 0-9, a-z, _ and -"
);

#[cfg(feature = "openapi")]
crate::text_schema!(ShortId, "^[0-9A-Za-z]{10}$");
#[cfg(feature = "openapi")]
crate::text_schema!(ShareId, "^[0-9A-Za-z]{32}$");
#[cfg(feature = "openapi")]
crate::text_schema!(Username, "^[a-z0-9][a-z0-9._-]{1,31}$");

impl ShortId {
    /// A new random id (59 bits); the creating write finds out whether it is taken.
    pub fn random() -> Self {
        Self(Alphanumeric.sample_string(&mut rand::rng(), 10))
    }

    /// The id here of a video that a predecessor called `name`: the same if it has our form, else always the same ten
    /// characters made from it, so that its old links lead to it without a table. `None` for what is no name:
    /// names have 1 to 64 of `[0-9A-Za-z_-]`.
    pub fn of_predecessor(name: &str) -> Option<Self> {
        if let Ok(own) = name.parse() {
            return Some(own);
        }
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        is_name.then(|| {
            let hash = Sha256::digest(name.as_bytes());
            Self(hash.iter().take(10).map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect())
        })
    }
}

impl ShareId {
    /// A new share of `video` with 130 random bits: it cannot be guessed from the video's id.
    pub fn random(video: &ShortId) -> Self {
        Self(format!("{video}{}", Alphanumeric.sample_string(&mut rand::rng(), 22)))
    }

    /// The video that is shared.
    pub fn video(&self) -> ShortId {
        ShortId(self.0[..10].to_owned())
    }
}

/// The uuid below which one published encode, picture or original stands in the bucket.
///
/// Lower-case, hyphenated. A new one for everything published, so that nothing under it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EncodeId(Uuid);

impl EncodeId {
    /// A new random uuid (version 4).
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Its first byte; as good as evenly spread.
    pub fn first_byte(self) -> u8 {
        self.0.as_bytes()[0]
    }
}

impl FromStr for EncodeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError("an encode id is a lower-case hyphenated uuid");
        let uuid = Uuid::try_parse(text).map_err(|_| error.clone())?;
        if uuid.as_hyphenated().to_string() == text { Ok(Self(uuid)) } else { Err(error) }
    }
}

impl TryFrom<String> for EncodeId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<EncodeId> for String {
    fn from(id: EncodeId) -> String {
        id.to_string()
    }
}

impl fmt::Display for EncodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// Who someone is: 2 to 32 characters of `[a-z0-9._-]`, the first a letter or digit.
///
/// Upper case is folded when parsed, so that `Ada` and `ada` are one person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

impl Username {
    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let folded = text.to_ascii_lowercase();
        let first = folded.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let rest = folded.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if first && rest && (2..=32).contains(&folded.len()) {
            Ok(Self(folded))
        } else {
            Err(IdError(
                "a username has 2 to 32 of the characters a-z, 0-9, dot, _ and -, and begins with a letter or digit",
            ))
        }
    }
}

impl TryFrom<String> for Username {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Username> for String {
    fn from(name: Username) -> String {
        name.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_have_ten_letters_and_digits() {
        assert!("aB3dE6gH9j".parse::<ShortId>().is_ok());
        for bad in ["", "short", "aB3dE6gH9", "aB3dE6gH9jk", "aB3dE6gH9/", "aB3dE6gH9é"] {
            assert!(bad.parse::<ShortId>().is_err(), "{bad}");
        }
        assert!(ShortId::random().as_str().parse::<ShortId>().is_ok());
    }

    #[test]
    fn a_predecessors_id_of_another_form_always_leads_to_the_same_video() {
        let ours: ShortId = "aB3dE6gH9j".parse().expect("an id");
        assert_eq!(ShortId::of_predecessor("aB3dE6gH9j"), Some(ours));
        let other = ShortId::of_predecessor("x_7-Qp").expect("a name");
        assert_eq!(ShortId::of_predecessor("x_7-Qp"), Some(other.clone()));
        assert!(other.as_str().parse::<ShortId>().is_ok());
        assert_ne!(ShortId::of_predecessor("x_7-QP"), Some(other));
        for bad in ["", "a/b", "..", "a b", &"x".repeat(65)] {
            assert_eq!(ShortId::of_predecessor(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_share_names_its_video_and_cannot_be_guessed_from_it() {
        let video = ShortId::random();
        let share = ShareId::random(&video);
        assert_eq!(share.video(), video);
        assert_ne!(share, ShareId::random(&video));
        assert!(share.as_str().parse::<ShareId>().is_ok());
    }

    #[test]
    fn encode_ids_have_one_spelling() {
        let id = EncodeId::random().to_string();
        assert!(id.parse::<EncodeId>().is_ok());
        assert!(id.to_uppercase().parse::<EncodeId>().is_err() || id == id.to_uppercase());
        for bad in [id.replace('-', ""), format!("{{{id}}}"), format!("../{id}")] {
            assert!(bad.parse::<EncodeId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn usernames_are_folded_and_never_a_path() {
        assert_eq!("Ada.L".parse::<Username>().map(|n| n.to_string()), Ok("ada.l".to_owned()));
        for bad in ["a", "", "../x", ".hidden", "a/b", "a b", &"x".repeat(33)] {
            assert!(bad.parse::<Username>().is_err(), "{bad}");
        }
    }
}
