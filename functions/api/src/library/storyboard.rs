//! The storyboard's index: WebVTT whose cues name pieces of sprites (`sprite0.jpg#xywh=…`).

/// The index's name beside its sprites.
pub(crate) const INDEX: &str = "storyboard.vtt";

/// The index with every sprite in it replaced by what `sign` makes of its name.
pub(crate) fn signed(index: &str, sign: impl Fn(&str) -> String) -> String {
    let mut signed = String::with_capacity(index.len() * 2);
    for line in index.lines() {
        let (name, piece) = line.split_once('#').unwrap_or((line, ""));
        if is_sprite(name) {
            signed.push_str(&sign(name));
            if !piece.is_empty() {
                signed.push('#');
                signed.push_str(piece);
            }
        } else {
            signed.push_str(line);
        }
        signed.push('\n');
    }
    signed
}

fn is_sprite(name: &str) -> bool {
    name.strip_suffix(".jpg").is_some_and(|stem| {
        !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sprites_are_signed_and_their_pieces_kept() {
        let index = "WEBVTT\n\n00:00.000 --> 00:05.000\nsprite0.jpg#xywh=0,0,160,90\n\n";
        let signed = signed(index, |name| format!("/images/x/{name}?md5=y"));
        assert_eq!(signed, "WEBVTT\n\n00:00.000 --> 00:05.000\n/images/x/sprite0.jpg?md5=y#xywh=0,0,160,90\n\n");
    }

    #[test]
    fn nothing_else_is_signed() {
        let index = "WEBVTT\n../x.jpg\nhttps://evil.example/x.jpg\n.jpg\n";
        assert_eq!(signed(index, |_| unreachable!("not a sprite")), index);
    }
}
