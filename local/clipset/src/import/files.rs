//! The predecessor's upload folder: which files belong to a video, and whether they play.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use clipset_core::{
    Timestamp,
    path::is_edge_path,
    playlist::{MediaPlaylist, map_uris},
};
use clipset_transcoder::{
    ffmpeg::Tools,
    mpegts::Contents,
    probe::{Probe, probe},
};

use super::database::Row;
use crate::checksum::{self, Checksum};

/// What a video file may be called.
const EXTENSIONS: [&str; 8] = ["mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "mpg"];

/// A longer playlist is none of ours: 16 MiB are more than a week in segments of 4 s.
const LONGEST_PLAYLIST: u64 = 16 << 20;

/// A larger segment is no segment.
const LARGEST_SEGMENT: u64 = 1 << 30;

/// A file with its checksum, and the name that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is.
    pub path: PathBuf,
    /// Its last name.
    pub name: String,
    /// Of its bytes.
    pub checksum: Checksum,
}

/// A file that holds the whole video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movie {
    /// The file.
    pub file: Item,
    /// Every browser plays it as it is.
    pub playable: bool,
}

/// What was found of one video.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The playlist first, then the segments; empty if there is no stream that is whole.
    pub stream: Vec<Item>,
    /// The whole video in one file.
    pub movie: Option<Movie>,
    /// A JPEG.
    pub picture: Option<Item>,
    /// What was found and is of no use: sentences.
    pub faults: Vec<String>,
    /// Seconds.
    pub duration: f64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The date of the newest file.
    pub modified: Option<Timestamp>,
}

/// The upload folder, listed once.
pub struct Uploads {
    videos: HashMap<String, BTreeSet<PathBuf>>,
    pictures: HashMap<String, PathBuf>,
    tools: Tools,
}

impl Uploads {
    /// Lists `root`, its `videos` and its `thumbnails`.
    ///
    /// # Errors
    /// A sentence if it cannot be read.
    pub fn open(root: &Path) -> Result<Self> {
        let inside = fs::canonicalize(root).with_context(|| format!("{} cannot be read", root.display()))?;
        ensure!(inside.is_dir(), "{} is no folder", root.display());
        let (mut videos, mut pictures) = (HashMap::<_, BTreeSet<_>>::new(), HashMap::new());
        for folder in [inside.clone(), inside.join("videos")] {
            for path in entries(&folder, &inside)? {
                for key in keys(&path.file_name().unwrap_or_default().to_string_lossy()) {
                    videos.entry(key).or_default().insert(path.clone());
                }
            }
        }
        for folder in [inside.join("thumbnails"), inside.join("videos"), inside.clone()] {
            for path in entries(&folder, &inside)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name.to_ascii_lowercase().ends_with(".jpg") || name.to_ascii_lowercase().ends_with(".jpeg") {
                    pictures.entry(name).or_insert(path);
                }
            }
        }
        Ok(Self { videos, pictures, tools: Tools::default() })
    }

    /// Looks for what belongs to `row`, and reads all of it.
    ///
    /// # Errors
    /// Why there is nothing to be imported: a sentence.
    pub async fn find(&self, row: &Row) -> Result<Found> {
        let wanted: BTreeSet<_> = row.files.iter().flat_map(|file| keys(file)).collect();
        let candidates: BTreeSet<_> = wanted.iter().filter_map(|key| self.videos.get(key)).flatten().collect();
        ensure!(!candidates.is_empty(), "none of its files is there");
        // Folders are named by their time, so the newest comes first.
        let (folders, files): (Vec<_>, Vec<_>) = candidates.into_iter().rev().partition(|path| path.is_dir());
        let mut found = Found::default();
        let mut sizes = (None, None);
        if row.completed {
            for folder in folders {
                match read_stream(folder).await {
                    Ok((stream, duration)) => {
                        found.duration = duration;
                        sizes = self.picture_size(&stream[1].path).await.unwrap_or_default();
                        found.stream = stream;
                        break;
                    }
                    Err(fault) => found.faults.push(format!("{}: {fault:#}", name_of(folder))),
                }
            }
        }
        for file in files.into_iter().filter(|file| has_video_extension(file)) {
            match self.read_movie(file).await {
                Ok((movie, probe)) => {
                    if found.stream.is_empty() {
                        found.duration = probe.format.duration.unwrap_or_default();
                        sizes = size_of(&probe);
                    }
                    found.movie = Some(movie);
                    break;
                }
                Err(fault) => found.faults.push(format!("{}: {fault:#}", name_of(file))),
            }
        }
        if found.stream.is_empty() && found.movie.is_none() {
            bail!(
                "{}",
                match found.faults.is_empty() {
                    true => "none of its files is a video".to_owned(),
                    false => found.faults.join("; "),
                }
            );
        }
        found.width = sizes.0.or(row.width).unwrap_or_default();
        found.height = sizes.1.or(row.height).unwrap_or_default();
        if found.duration <= 0.0 {
            found.duration = row.duration.unwrap_or_default();
        }
        let newest = found.stream.first().or(found.movie.as_ref().map(|movie| &movie.file));
        found.modified = newest.and_then(|item| modified(&item.path));
        found.picture = self.picture(row).await;
        Ok(found)
    }

    /// A picture that is missing or none is no reason to leave a video behind.
    async fn picture(&self, row: &Row) -> Option<Item> {
        let named = row.picture.as_deref().map(last_name);
        let named = named.into_iter().chain(row.files.iter().map(|file| last_name(file)));
        let paths = named.filter_map(|name| {
            self.pictures.get(name).or_else(|| self.pictures.get(&format!("{}.jpg", name.split('.').next()?)))
        });
        for path in paths {
            let mut magic = [0; 3];
            if fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
                && magic == [0xff, 0xd8, 0xff]
            {
                return item(path).await.ok();
            }
        }
        None
    }

    async fn read_movie(&self, path: &Path) -> Result<(Movie, Probe)> {
        let file = path.to_owned();
        let whole = tokio::task::spawn_blocking(move || require_whole(&file));
        whole.await?.context("it cannot be read")?;
        let probe = probe(&self.tools, path).await?;
        let mut pictures = probe.streams.iter().filter(|s| s.codec_type == "video" && s.disposition.attached_pic == 0);
        let picture = pictures.next().context("it holds no picture")?;
        let sound_plays = probe
            .streams
            .iter()
            .filter(|stream| stream.codec_type == "audio")
            .all(|stream| matches!(stream.codec_name.as_str(), "aac" | "mp3"));
        let playable = probe.format.format_name.split(',').any(|name| name == "mp4")
            && picture.codec_name == "h264"
            && matches!(picture.pix_fmt.as_str(), "yuv420p" | "yuvj420p")
            && sound_plays;
        Ok((Movie { file: item(path).await?, playable }, probe))
    }

    async fn picture_size(&self, segment: &Path) -> Option<(Option<u32>, Option<u32>)> {
        Some(size_of(&probe(&self.tools, segment).await.ok()?))
    }
}

/// The stream in `folder`, as it stands there: the playlist and its segments, all of them whole; and its seconds.
async fn read_stream(folder: &Path) -> Result<(Vec<Item>, f64)> {
    let path = folder.join("master.m3u8");
    let size = fs::metadata(&path).context("it has no master.m3u8")?.len();
    ensure!(size <= LONGEST_PLAYLIST, "its playlist is too long");
    let text = fs::read_to_string(&path).context("its playlist cannot be read")?;
    let playlist = MediaPlaylist::parse(&text)?;
    ensure!(!playlist.segments.is_empty(), "its playlist names no segment");
    ensure!(playlist.ended, "its playlist has no end, so the work on it broke off");
    let mut uris = 0;
    map_uris(&text, |uri| {
        uris += 1;
        Ok(uri.to_owned())
    })?;
    ensure!(uris == playlist.segments.len(), "its playlist names more than segments");
    let mut items = vec![item(&path).await?];
    let mut names = BTreeSet::new();
    for (number, segment) in playlist.segments.iter().enumerate() {
        let name = segment.uri.as_str();
        let plain = !name.contains('/') && name.ends_with(".ts") && is_edge_path(&format!("/hls/x/{name}"));
        ensure!(plain, "its playlist names {name:?}, which is no segment beside it");
        ensure!(names.insert(name), "its playlist names {name} twice");
        let path = folder.join(name);
        let checksum = read_segment(&path, number == 0).await.with_context(|| format!("its segment {name}"))?;
        items.push(Item { path, name: name.to_owned(), checksum });
    }
    Ok((items, playlist.duration()))
}

async fn read_segment(path: &Path, first: bool) -> Result<Checksum> {
    let found = fs::symlink_metadata(path).context("is missing")?;
    ensure!(found.is_file() && found.len() > 0, "is empty");
    ensure!(found.len() <= LARGEST_SEGMENT, "is too large");
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let bytes = fs::read(path)?;
        Ok::<_, io::Error>((Contents::read(&bytes), checksum::of_bytes(&bytes)))
    });
    let (contents, checksum) = read.await?.context("cannot be read")?;
    ensure!(contents.bytes.is_multiple_of(188), "is cut off");
    ensure!(contents.pictures > 0, "holds no picture");
    ensure!(!first || contents.starts_with_idr, "does not start with a whole picture");
    Ok(checksum)
}

/// An MP4 that was cut off is found out by its boxes (ISO/IEC 14496-12 §4.2): ffprobe is content with the index.
fn require_whole(path: &Path) -> Result<()> {
    let mut file = fs::File::open(path)?;
    let size = file.metadata()?.len();
    ensure!(size > 0, "it is empty");
    let mut head = [0; 16];
    let mut at = 0;
    while at < size {
        file.seek(SeekFrom::Start(at))?;
        let read = (&file).take(16).read(&mut head)?;
        if at == 0 && (read < 8 || &head[4..8] != b"ftyp") {
            // Another container.
            return Ok(());
        }
        ensure!(read >= 8, "it is cut off");
        let length = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
            0 => size - at,
            1 => u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]),
            length => u64::from(length),
        };
        ensure!(length >= 8 && length <= size - at, "it is cut off");
        at += length;
    }
    Ok(())
}

/// Width and height as they are shown.
fn size_of(probe: &Probe) -> (Option<u32>, Option<u32>) {
    let Some(picture) = probe.streams.iter().find(|stream| stream.codec_type == "video") else { return (None, None) };
    let turned = picture.rotation().is_some_and(|degrees| (degrees.abs() - 90.0).abs() < 1.0 || degrees.abs() > 269.0);
    let size = (Some(picture.width).filter(|w| *w > 0), Some(picture.height).filter(|h| *h > 0));
    if turned { (size.1, size.0) } else { size }
}

async fn item(path: &Path) -> Result<Item> {
    let checksum = checksum::of_file(path).await.with_context(|| format!("{} cannot be read", name_of(path)))?;
    Ok(Item { path: path.to_owned(), name: name_of(path), checksum })
}

/// What stands in `folder` and, links followed, within `inside`. A folder that is not there is empty.
fn entries(folder: &Path, inside: &Path) -> Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("{} cannot be read", folder.display()))?,
    };
    let mut paths = Vec::new();
    for entry in listed {
        let path = entry.with_context(|| format!("{} cannot be read", folder.display()))?.path();
        if fs::canonicalize(&path).is_ok_and(|real| real.starts_with(inside)) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// What a file may be found by: its name without extension, also without the time that a folder's name ends with; a
/// uuid in either spelling, for SQLAlchemy stores it without hyphens. Nothing of a path but its last name counts.
fn keys(path: &str) -> BTreeSet<String> {
    let name = last_name(path).to_ascii_lowercase();
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.bytes().all(|b| b.is_ascii_alphanumeric()) => stem,
        _ => &name,
    };
    let mut keys = BTreeSet::from([stem.to_owned()]);
    if let Some((before, time)) = stem.rsplit_once('_')
        && time.len() == 14
        && time.bytes().all(|b| b.is_ascii_digit())
    {
        keys.insert(before.to_owned());
    }
    let bare: BTreeMap<_, _> = keys.iter().filter(|key| key.len() == 32).map(|key| (key.clone(), ())).collect();
    for (key, ()) in bare {
        if key.bytes().all(|b| b.is_ascii_hexdigit()) {
            keys.insert(format!("{}-{}-{}-{}-{}", &key[..8], &key[8..12], &key[12..16], &key[16..20], &key[20..]));
        }
    }
    keys.retain(|key| !key.is_empty());
    keys
}

/// The last name of a path of any system; a master playlist stands for its folder.
fn last_name(path: &str) -> &str {
    let path = path.strip_suffix("/master.m3u8").unwrap_or(path).trim_end_matches('/');
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

fn has_video_extension(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn modified(path: &Path) -> Option<Timestamp> {
    Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_last_name_however_it_is_spelled() {
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for path in [
            format!("/data/uploads/videos/{uuid}.mp4"),
            format!("videos/{uuid}/master.m3u8"),
            format!("{uuid}_20240102030405"),
            format!("{uuid}_20240102030405/"),
            uuid.replace('-', ""),
            uuid.to_uppercase(),
        ] {
            assert!(keys(&path).contains(uuid), "{path}: {:?}", keys(&path));
        }
        assert!(keys("../../etc/passwd").contains("passwd"));
        assert!(keys("").is_empty() && keys("/").is_empty());
    }

    #[test]
    fn an_mp4_that_is_cut_off_is_found_out() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let whole = [&[0, 0, 0, 12][..], b"ftypisom", &[0, 0, 0, 16], b"mdat12345678"].concat();
        for (length, good) in [(28, true), (27, false), (14, false), (12, true)] {
            fs::write(file.path(), &whole[..length]).expect("written");
            assert_eq!(require_whole(file.path()).is_ok(), good, "{length}");
        }
        fs::write(file.path(), b"\x1aE\xdf\xa3 Matroska is judged by ffprobe").expect("written");
        assert!(require_whole(file.path()).is_ok());
    }
}
