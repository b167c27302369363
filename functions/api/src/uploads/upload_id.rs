//! The `uploadId` that clients get: opaque to them, `{short_id}.{bucket's id}` in base64url to us.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clipset_core::id::ShortId;
use clipset_service::PathName;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadId {
    pub(crate) video: ShortId,
    /// The bucket's.
    pub(crate) upload: String,
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}.{}", self.video, self.upload)))
    }
}

impl PathName for UploadId {}

impl FromStr for UploadId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(drop)?;
        let text = String::from_utf8(bytes).map_err(drop)?;
        let (video, upload) = text.split_once('.').ok_or(())?;
        Ok(Self { video: video.parse().map_err(drop)?, upload: upload.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_is_safe_in_a_path() {
        let id = UploadId { video: ShortId::random(), upload: "a/b+c==.d".into() };
        let text = id.to_string();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
        assert_eq!(text.parse(), Ok(id));
        for bad in ["", "x", "!!", "YWJj"] {
            assert!(bad.parse::<UploadId>().is_err(), "{bad}");
        }
    }
}
