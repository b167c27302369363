//! Text that people typed, without characters that change how the text around it is shown.

use icu_normalizer::DecomposingNormalizerBorrowed;
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

/// As search compares it: without case and accents ("Läke" is "lake"), and letters that only look otherwise as plain ones
/// (NFKD). Letters that no decomposition takes apart go by their usual spelling; marks of other scripts stay, for there they
/// are letters.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // In lower case first: an "İ" decomposes to a letter that has yet to be.
    for c in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(text.chars().flat_map(char::to_lowercase)) {
        match c {
            '\u{300}'..='\u{36f}' => {}
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            // Full-width capitals and the like are plain ones only now.
            c => folded.extend(c.to_lowercase()),
        }
    }
    folded
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
    fn search_knows_no_case_and_no_accents() {
        for (typed, folded) in [
            ("Läke", "lake"),
            ("La\u{308}ke", "lake"),
            ("LÄKE ÉTÉ Łódź", "lake ete lodz"),
            ("Straße STRAẞE", "strasse strasse"),
            ("smørrebrød Ærø", "smorrebrod aero"),
            ("İstanbul ısı", "istanbul isi"),
            ("Ｌａｋｅ ﬁn", "lake fin"),
            ("озеро Ёлка", "озеро елка"),
            ("がくせい", "か\u{3099}くせい"),
            ("", ""),
        ] {
            assert_eq!(fold(typed), folded, "{typed}");
            assert_eq!(fold(folded), folded, "{typed} again");
        }
    }

    #[test]
    fn a_description_keeps_its_lines() {
        assert_eq!(lines("one\r\ntwo\u{202e}\n\tthree\u{0}\u{85}four\n"), "one\ntwo\n\tthree\nfour");
    }
}
