//! What the children say, line by line, each with its speaker in front.

use std::{
    collections::VecDeque,
    io::IsTerminal as _,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use crate::output;

/// Colours of the speakers, by their order of appearance in [`NAMES`].
const COLOURS: [u8; 5] = [1, 36, 35, 33, 32];
const NAMES: [&str; 5] = ["clipset", "bucket", "api", "runner", "nginx"];

/// How many of a child's last lines are kept for the reason of its end.
const KEPT: usize = 5;

/// The terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Console {
    colours: bool,
}

impl Console {
    pub(super) fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours }
    }

    /// A line of the supervisor itself.
    pub(super) fn say(self, text: impl AsRef<str>) {
        self.line("clipset", text.as_ref());
    }

    fn line(self, name: &str, text: &str) {
        output::line(prefixed(name, text, self.colours));
    }

    /// Passes on every line of a pipe until it is closed; the last ones go to `last` too.
    pub(super) async fn follow(self, name: &'static str, pipe: impl AsyncRead + Unpin, last: LastLines) {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if !text.is_empty() {
                self.line(name, text);
                last.push(text);
            }
            line.clear();
        }
    }
}

fn prefixed(name: &str, text: &str, colours: bool) -> String {
    let place = NAMES.iter().position(|known| *known == name).unwrap_or_default();
    if colours { format!("\x1b[{}m{name:7}\x1b[0m │ {text}", COLOURS[place]) } else { format!("{name:7} │ {text}") }
}

/// The last lines that a child wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// Newest last.
    pub(super) fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_names_its_speaker() {
        assert_eq!(prefixed("api", "ready", false), "api     │ ready");
        assert_eq!(prefixed("nginx", "ready", true), "\x1b[32mnginx  \x1b[0m │ ready");
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept() {
        let last = LastLines::default();
        let text = (14..20).map(|number| format!("line {number}\n\n")).collect::<String>();
        Console { colours: false }.follow("api", text.as_bytes(), last.clone()).await;
        assert_eq!(last.take(), ["line 15", "line 16", "line 17", "line 18", "line 19"]);
    }
}
