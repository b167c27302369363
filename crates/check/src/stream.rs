//! A published stream, read file by file.

use std::{fs, path::Path};

use crate::{
    mpegts::{CLOCK, Contents, Pictures, ticks_between},
    playlist::{Inf, Playlist, Variant},
};

/// The name of the playlist that a player begins with.
pub const MASTER: &str = "master.m3u8";

/// A rule of its own speaks of it.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A playlist and where it stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlaylistFile {
    /// Relative to the stream's folder.
    pub name: String,
    /// As it stands; what is not UTF-8 is replaced.
    pub text: String,
    /// It is UTF-8.
    pub is_utf8: bool,
    /// What it says.
    pub playlist: Playlist,
}

/// A segment: what its playlist says, and what it is; nothing if it is not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// What the playlist says.
    pub inf: Inf,
    /// What the bytes say.
    pub contents: Option<Contents>,
}

/// A rendition: a media playlist with its segments.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rendition {
    /// Its folder, or `master.m3u8` if it is the only one.
    pub name: String,
    /// Its playlist.
    pub file: PlaylistFile,
    /// What the multivariant playlist says of it; nothing if there is none.
    pub variant: Option<Variant>,
    /// In order.
    pub segments: Vec<Segment>,
}

/// A published stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stream {
    /// The multivariant playlist, if `master.m3u8` is one.
    pub multivariant: Option<PlaylistFile>,
    /// In the order of the playlist.
    pub renditions: Vec<Rendition>,
    /// Files that are named and cannot be read.
    pub missing: Vec<String>,
    /// URIs that lead out of the folder; none of them was opened.
    pub foreign: Vec<String>,
}

impl Stream {
    /// Reads everything in `folder`.
    pub fn read(folder: &Path) -> Self {
        Self::read_by(&|name| fs::read(folder.join(name)).ok())
    }

    /// Reads everything that `read` gives by its name.
    pub fn read_by(read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Self {
        let mut stream = Self::default();
        let Some(master) = stream.playlist(read, MASTER) else { return stream };
        stream.foreign.extend(master.playlist.other_uris.iter().filter(|uri| !is_inside(uri, 2)).cloned());
        if master.playlist.variants.is_empty() {
            stream.rendition(read, "", MASTER, master, None);
        } else {
            for variant in &master.playlist.variants {
                if !is_inside(&variant.uri, 2) {
                    stream.foreign.push(variant.uri.clone());
                } else if let Some(file) = stream.playlist(read, &variant.uri) {
                    let name = variant.uri.split_once('/').map_or(variant.uri.as_str(), |(folder, _)| folder);
                    let beside = variant.uri.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                    stream.rendition(read, &beside, name, file, Some(variant.clone()));
                }
            }
            stream.multivariant = Some(master);
        }
        stream
    }

    /// Every playlist, the one that a player begins with first.
    pub fn playlists(&self) -> impl Iterator<Item = &PlaylistFile> {
        self.multivariant.iter().chain(self.renditions.iter().map(|rendition| &rendition.file))
    }

    fn playlist(&mut self, read: &dyn Fn(&str) -> Option<Vec<u8>>, name: &str) -> Option<PlaylistFile> {
        let Some(bytes) = read(name) else {
            self.missing.push(name.to_owned());
            return None;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let is_utf8 = text.as_bytes() == bytes;
        Some(PlaylistFile {
            name: name.to_owned(),
            playlist: Playlist::parse(text.trim_start_matches(BYTE_ORDER_MARK)),
            text,
            is_utf8,
        })
    }

    /// The rendition called `name`, whose segments stand below `beside`: nothing, or a folder with its slash.
    fn rendition(
        &mut self,
        read: &dyn Fn(&str) -> Option<Vec<u8>>,
        beside: &str,
        name: &str,
        file: PlaylistFile,
        variant: Option<Variant>,
    ) {
        let mut segments = Vec::new();
        self.foreign.extend(file.playlist.other_uris.iter().filter(|uri| !is_inside(uri, 1)).cloned());
        for inf in &file.playlist.segments {
            let mut contents = None;
            if !is_inside(&inf.uri, 1) {
                self.foreign.push(inf.uri.clone());
            } else if let Some(bytes) = read(&format!("{beside}{}", inf.uri)) {
                contents = Some(Contents::read(&bytes));
            } else {
                self.missing.push(format!("{} of {name}", inf.uri));
            }
            segments.push(Segment { inf: inf.clone(), contents });
        }
        self.renditions.push(Rendition { name: name.to_owned(), file, variant, segments });
    }
}

/// A relative path of at most `depth` plain names: the grammar of the edge's paths.
fn is_inside(uri: &str, depth: usize) -> bool {
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let Some((path, extension)) = uri.rsplit_once('.') else { return false };
    path.split('/').count() <= depth && path.split('/').all(plain) && plain(extension)
}

impl Rendition {
    /// The segments that are there, with their numbers.
    pub fn present(&self) -> impl Iterator<Item = (usize, &Segment, &Contents)> {
        self.segments.iter().enumerate().filter_map(|(n, segment)| Some((n, segment, segment.contents.as_ref()?)))
    }

    /// Every segment is there.
    pub fn is_complete(&self) -> bool {
        !self.segments.is_empty() && self.segments.iter().all(|segment| segment.contents.is_some())
    }

    /// Seconds from one picture to the next, on average within segments; what the variant declares
    /// where no segment has two.
    pub fn picture_seconds(&self) -> Option<f64> {
        let pictures = || self.present().filter_map(|(_, _, contents)| contents.pictures);
        let steps: u64 = pictures().map(|pictures| pictures.count - 1).sum();
        let spans: i64 = pictures().map(|pictures| pictures.last - pictures.first).sum();
        let declared = || self.variant.as_ref()?.frame_rate.filter(|rate| *rate > 0.0).map(f64::recip);
        if steps > 0 { Some(spans as f64 / CLOCK / steps as f64) } else { declared() }
    }

    /// Seconds that may lie between the last picture of a segment and the first of the next: twice
    /// the picture's own time at a constant rate, a still's at a variable one.
    pub fn longest_pause(&self) -> f64 {
        const LONGEST_STILL: f64 = 6.0;
        let picture = self.picture_seconds().unwrap_or(LONGEST_STILL);
        let longest = self.present().filter_map(|(_, _, contents)| contents.pictures).map(|p| p.longest_step).max();
        let longest = longest.unwrap_or_default() as f64 / CLOCK;
        if longest < 1.5 * picture { 2.0 * picture } else { LONGEST_STILL.max(2.0 * longest) }
    }

    /// How long segment `number` really lasts: to the next one's first picture where that follows
    /// on, else to the end of its own last picture.
    pub fn measured_seconds(&self, number: usize) -> Option<f64> {
        let pictures = |n: usize| -> Option<Pictures> { self.segments.get(n)?.contents.as_ref()?.pictures };
        let this = pictures(number)?;
        let pause = |next: &Pictures| ticks_between(this.last, next.first) as f64 / CLOCK;
        let next = pictures(number + 1).filter(|next| (0.0..=self.longest_pause()).contains(&pause(next)));
        match next {
            Some(next) => Some(ticks_between(this.first, next.first) as f64 / CLOCK),
            None => Some((this.last - this.first) as f64 / CLOCK + self.picture_seconds()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_inside() {
        assert!(is_inside("segment000.ts", 1) && is_inside("720p/playlist.m3u8", 2));
        for uri in ["../a.ts", "/a.ts", "http://x/a.ts", "a/b/c.ts", "a.b.ts", "a%2e.ts", "a.ts?x", "", ".ts", "a."] {
            assert!(!is_inside(uri, 2), "{uri}");
        }
        assert!(!is_inside("720p/a.ts", 1));
    }

    #[test]
    fn an_empty_folder_is_a_stream_that_lacks_its_playlist() {
        assert_eq!(Stream::read_by(&|_| None).missing, [MASTER]);
    }
}
