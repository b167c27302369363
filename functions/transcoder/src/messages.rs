//! What FFmpeg says on its standard error: its last lines, fit to be shown.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader},
    process::ChildStderr,
};

const KEPT_LINES: usize = 20;
const LONGEST_LINE: usize = 400;

/// Whether `warnings` say that FFmpeg left something out or made it up.
pub(crate) fn speak_of_damage(warnings: &[String]) -> bool {
    const WORDS: [&str; 7] = [
        "partial file",
        "corrupt",
        "error while decoding",
        "Invalid data",
        "Invalid NAL",
        "concealing",
        "ended prematurely",
    ];
    warnings.iter().any(|line| WORDS.iter().any(|words| line.contains(words)))
}

/// What FFmpeg said of a GPU that did not encode, where it said anything.
pub(crate) fn said_of_gpu(log: &[String]) -> Option<&str> {
    const WORDS: [&str; 4] = ["nvenc", "NVENC", "cuda", "CUDA"];
    log.iter().find(|line| WORDS.iter().any(|words| line.contains(words))).map(String::as_str)
}

/// Keeps the last lines of `stderr`, cleaned of the path `scratch`, until its end.
pub(crate) async fn read_messages(stderr: ChildStderr, kept: Arc<Mutex<VecDeque<String>>>, scratch: String) {
    let mut reader = BufReader::new(stderr);
    while let Some(line) = short_line(&mut reader).await {
        let line = clean(&line, &scratch);
        if line.is_empty() {
            continue;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

/// The next line, of which no more than [`LONGEST_LINE`] bytes are kept: a hostile file's metadata
/// may make a line of any length.
async fn short_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let read = (&mut *reader).take(LONGEST_LINE as u64).read_until(b'\n', &mut line).await.ok()?;
    if read == 0 {
        return None;
    }
    while line.last() != Some(&b'\n') {
        let rest = reader.fill_buf().await.ok()?;
        if rest.is_empty() {
            break;
        }
        let end = rest.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(rest.len(), |at| at + 1);
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// A message of FFmpeg without paths of the runner, addresses in memory and control characters.
pub(crate) fn clean(line: &str, scratch: &str) -> String {
    let line: String = line.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = line.replace(scratch, "");
    let mut cleaned = Vec::new();
    for word in words.split(' ') {
        // `[h264 @ 0x5581]`: the address says nothing.
        if word.starts_with("0x") && word.ends_with(']') {
            cleaned.push("]".to_owned());
        } else if word == "@" {
            continue;
        } else if let Some(at) = word.find('/').filter(|at| word.len() > at + 1 && looks_like_a_path(word, *at)) {
            let name = word.trim_end_matches([':', '\'', '"', ',', '.']);
            let tail = &word[name.len()..];
            let file = name.rsplit('/').next().unwrap_or_default();
            cleaned.push(format!("{}{file}{tail}", &word[..at]));
        } else {
            cleaned.push(word.to_owned());
        }
    }
    cleaned.join(" ").replace(" ]", "]")
}

fn looks_like_a_path(word: &str, at: usize) -> bool {
    let before = &word[..at];
    // A fraction such as 30000/1001 or `kb/s` is not a path; `/tmp/x` and `'/tmp/x'` are.
    before.is_empty() || before.ends_with(['\'', '"', ':', '(', '='])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_paths_and_addresses_and_keep_their_sense() {
        for (said, kept) in [
            ("[mov,mp4 @ 0x55d0c4] moov atom not found", "[mov,mp4] moov atom not found"),
            ("/scratch/run-1/input: Invalid data found", "input: Invalid data found"),
            ("Error opening '/var/lib/secret/x.ts': No such file", "Error opening 'x.ts': No such file"),
            ("[hls @ 0x1f] Opening '/scratch/run-1/720p/segment000.ts.tmp'", "[hls] Opening 'segment000.ts.tmp'"),
            ("frame rate 30000/1001 at 12 kb/s", "frame rate 30000/1001 at 12 kb/s"),
            ("a\u{1b}[31mred\u{7}", "a [31mred "),
        ] {
            assert_eq!(clean(said, "/scratch/run-1"), kept);
        }
    }

    #[tokio::test]
    async fn a_line_without_end_does_not_fill_the_memory() {
        let text = format!("{}\nnext\n", "x".repeat(100_000));
        let mut reader = BufReader::new(text.as_bytes());
        assert_eq!(short_line(&mut reader).await.map(|line| line.len()), Some(LONGEST_LINE));
        assert_eq!(short_line(&mut reader).await.as_deref(), Some("next\n"));
        assert_eq!(short_line(&mut reader).await, None);
    }
}
