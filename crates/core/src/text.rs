//! Text that people typed, without characters that change how the text around it is shown.

use serde::{Deserialize, Deserializer};

/// Characters that turn the direction of what stands beside them (Unicode UAX #9 §2), and those that were used so once.
/// The letters of a language that is written from right to left turn by themselves: they need none of these.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

fn breaks_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// On one line and trimmed: line breaks and tabs are spaces, other control characters are gone.
pub fn one_line(text: &str) -> String {
    let line: String = text
        .replace("\r\n", "\n")
        .chars()
        .map(|c| if breaks_line(c) { ' ' } else { c })
        .filter(|c| !c.is_control() && !turns_direction(*c))
        .collect();
    line.trim().to_owned()
}

/// Trimmed, lines and tabs as they are; other control characters are gone.
pub fn lines(text: &str) -> String {
    let text: String = text
        .replace("\r\n", "\n")
        .chars()
        .map(|c| if c != '\t' && breaks_line(c) { '\n' } else { c })
        .filter(|c| (!c.is_control() || matches!(c, '\n' | '\t')) && !turns_direction(*c))
        .collect();
    text.trim().to_owned()
}

/// For serde: what was stored before it was cleaned at its way in, as [`one_line`].
///
/// # Errors
/// Those of a string.
pub fn read_one_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| one_line(&text))
}

/// For serde, as [`lines`].
///
/// # Errors
/// Those of a string.
pub fn read_lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| lines(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_title_turns_the_text_beside_it_or_leaves_its_line() {
        for (given, cleaned) in [
            (" The lake ", "The lake"),
            ("holiday\u{202e}4pm.exe", "holiday4pm.exe"),
            ("\u{2066}a\u{2069}\u{200f}b\u{061c}", "ab"),
            ("one\r\ntwo\u{2028}three\tfour", "one two three four"),
            ("a\u{0}b\u{7}\u{1b}[31mc\u{9b}d\u{7f}", "ab[31mcd"),
            ("שלום עולם 👩‍👧", "שלום עולם 👩‍👧"),
            ("\u{202e}\n", ""),
        ] {
            assert_eq!(one_line(given), cleaned, "{given:?}");
        }
    }

    #[test]
    fn a_description_keeps_its_lines() {
        assert_eq!(lines("one\r\ntwo\u{202e}\n\tthree\u{0}\u{85}four\n"), "one\ntwo\n\tthree\nfour");
    }
}
