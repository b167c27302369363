//! Is a published stream right? A folder laid out as in the bucket is read from its bytes alone and
//! held against the rules that RFC 8216 and Apple's authoring specification mark MUST, as far as a
//! stream of this kind (finished, H.264 and AAC in MPEG-TS) can meet or break them.
//!
//! ```no_run
//! let report = clipset_check::check(std::path::Path::new("hls/2b5f…"));
//! if !report.is_clean() {
//!     eprintln!("{report}");
//! }
//! ```
//!
//! Nothing of the transcoder is used here: a check that reads segments with the maker's own code
//! would share the maker's mistakes.
//!
//! | Module | What it does |
//! |---|---|
//! | [`playlist`] | reads a playlist, also a broken one |
//! | [`mpegts`] | reads a segment |
//! | [`stream`] | reads the folder |
//! | [`rules`] | what must hold |
//! | [`report`] | what came out |

pub mod mpegts;
pub mod playlist;
pub mod report;
pub mod rules;
pub mod stream;

use std::path::Path;

pub use report::{Finding, Report, Verdict};

/// Checks the stream in `folder`: `master.m3u8` with segments beside it, or with renditions at
/// `{rendition}/playlist.m3u8`. What cannot be read breaks a rule; there is no other error.
///
/// Reads one segment at a time, and nothing outside the folder whatever a playlist names.
pub fn check(folder: &Path) -> Report {
    judged(&stream::Stream::read(folder))
}

/// Checks a stream whose files `read` gives by their names below its folder; `None` for one that is not there. As [`check`],
/// it asks for nothing outside the folder, and holds one segment at a time.
pub fn check_by(read: impl Fn(&str) -> Option<Vec<u8>>) -> Report {
    judged(&stream::Stream::read_by(&read))
}

fn judged(stream: &stream::Stream) -> Report {
    Report { findings: rules::ALL.iter().map(|rule| rule.apply(stream)).collect() }
}
