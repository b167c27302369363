//! Progress bars: one per file, on a terminal only.

use std::{path::Path, time::Duration};

use clipset_core::text::one_line;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of one command.
#[derive(Debug, Clone, Default)]
pub struct Bars {
    all: MultiProgress,
}

impl Bars {
    /// A bar for the bytes of a file.
    pub fn file(&self, path: &Path) -> ProgressBar {
        let name = one_line(&path.file_name().unwrap_or_default().to_string_lossy());
        let template = "{prefix:24!} {wide_bar} {decimal_bytes:>10} of {decimal_total_bytes:<10} {decimal_bytes_per_sec:>12} {eta:>4} left";
        self.bar(name, template)
    }

    /// A bar for a share of the whole, in thousandths.
    pub fn processing(&self, title: &str) -> ProgressBar {
        let bar = self.bar(title.to_owned(), "{prefix:24!} {wide_bar} {percent:>3} %  {msg}");
        bar.set_length(1000);
        bar
    }

    fn bar(&self, name: String, template: &str) -> ProgressBar {
        let bar = self.all.add(ProgressBar::new(1));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(name);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Prints a line above the bars.
    pub fn above(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }
}
