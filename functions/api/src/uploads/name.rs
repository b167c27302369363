//! The name of an uploaded file, and the title that it gives.

use clipset_core::text::one_line;
use clipset_service::Problem;

use crate::library::clean_title;

const LONGEST_NAME: usize = 200;
const LONGEST_TITLE: usize = 200;

/// The last part of a path of any system, without control characters and those that turn its direction, cut where it is
/// too long.
pub(crate) fn file_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = one_line(&last.replace(char::is_control, ""));
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let name = name.trim().trim_matches('.');
    if name.is_empty() { "video".to_owned() } else { name.to_owned() }
}

/// The title that was given, else the file's name without its extension.
///
/// # Errors
/// [`Problem`] 422 for a title that does not do.
pub(crate) fn title(given: Option<&str>, file_name: &str) -> Result<String, Problem> {
    match given.filter(|title| !title.trim().is_empty()) {
        Some(title) => clean_title(title),
        None => {
            let stem = match file_name.rsplit_once('.') {
                Some((stem, extension)) if !stem.trim().is_empty() && is_extension(extension) => stem,
                _ => file_name,
            };
            Ok(stem.trim().chars().take(LONGEST_TITLE).collect())
        }
    }
}

fn is_extension(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_control_characters_are_cut_away() {
        for (given, name) in [
            ("clip.mp4", "clip.mp4"),
            ("/home/ada/clip.mp4", "clip.mp4"),
            ("C:\\clips\\a\r\nb.mp4", "ab.mp4"),
            ("holiday\u{202e}4pm.exe", "holiday4pm.exe"),
            ("../..", "video"),
            ("", "video"),
            ("  ", "video"),
        ] {
            assert_eq!(file_name(given), name, "{given:?}");
        }
        assert_eq!(file_name(&"x".repeat(999)).len(), LONGEST_NAME);
    }

    #[test]
    fn the_title_is_the_given_one_or_the_name() {
        let title = |given, name| title(given, name).ok();
        assert_eq!(title(Some("The lake"), "x.mp4").as_deref(), Some("The lake"));
        assert_eq!(title(Some(" "), "The sea.2.mkv").as_deref(), Some("The sea.2"));
        assert_eq!(title(None, "Dr. No is here").as_deref(), Some("Dr. No is here"));
        assert_eq!(title(None, ".mp4").as_deref(), Some(".mp4"));
        assert_eq!(title(Some(&"x".repeat(201)), "x.mp4"), None);
    }
}
