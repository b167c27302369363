//! Which paths the edge serves.

/// The prefixes that the edge serves, each with its slash.
pub const EDGE_PREFIXES: [&str; 3] = ["hls/", "progressive/", "images/"];

/// Whether the edge would look at `path` at all:
/// `^/(hls|progressive|images)(/[0-9A-Za-z_-]+)+\.[0-9a-z]+$`.
pub fn is_edge_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/').filter(|p| EDGE_PREFIXES.iter().any(|prefix| p.starts_with(prefix))) else {
        return false;
    };
    let Some((stem, extension)) = rest.split_once('.') else { return false };
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    stem.split('/').count() >= 2
        && stem.split('/').all(word)
        && !extension.is_empty()
        && extension.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_paths_have_one_spelling() {
        for good in ["/hls/a/b.ts", "/hls/a/720p/segment000.ts", "/images/x.jpg", "/progressive/x.mp4"] {
            assert!(is_edge_path(good), "{good}");
        }
        for bad in [
            "hls/a/b.ts",
            "/hls/b",
            "/hls/.ts",
            "/hls//b.ts",
            "/hls/a/../b.ts",
            "/hls/a/b.TS",
            "/hls/a.b/c.ts",
            "/HLS/a/b.ts",
            "/originals/a.mp4",
            "/hls/a%2fb.ts",
            "/hls/a/b.",
            "/hls/a/b.ts/",
        ] {
            assert!(!is_edge_path(bad), "{bad}");
        }
    }
}
