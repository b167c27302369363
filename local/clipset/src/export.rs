//! `clipset export`: clips as plain files: the original, else the MP4, else the stream joined to one; and a JSON beside it.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use clipset_bucket::{Bucket, BucketError, SomeVideos, Videos};
use clipset_core::{
    id::{EncodeId, RenditionName, ShortId},
    key::MediaKey,
    playlist::{MediaPlaylist, resolve},
    video::{HlsStream, Phase, Video},
};
use clipset_service::Service;
use clipset_transcoder::ffmpeg::{Allowance, Tools};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    args::ExportArgs,
    checksum::{self, Checksum},
    manage::enter_local_system,
    output,
};

/// Files that are not whole yet stand below it, in the folder itself, so that they can be renamed into place.
const UNFINISHED: &str = ".clipset-export";

/// Records that are read together.
const PART: usize = 1000;

/// Segments on their way at once.
const PARALLEL: usize = 4;

/// Bytes of a title in a file's name; all of the name has to fit into 255.
const LONGEST_NAME: usize = 160;

/// Copying hours of video takes minutes.
const JOIN_TIME: Duration = Duration::from_secs(3600);

/// The JSON beside each file.
#[derive(Debug, Serialize, Deserialize)]
struct Exported {
    short_id: ShortId,
    title: String,
    description: String,
    owner: String,
    visibility: serde_json::Value,
    created_at: String,
    file_name: String,
    file: ExportedFile,
}

/// The file, and what it was made of.
#[derive(Debug, Serialize, Deserialize)]
struct ExportedFile {
    name: String,
    from: Form,
    #[serde(flatten)]
    checksum: Checksum,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// The upload, byte for byte.
    Original,
    /// The MP4 beside the stream, byte for byte.
    Progressive,
    /// The stream's best rendition, joined without encoding.
    Segments,
}

/// `clipset export`.
///
/// # Errors
/// A sentence: the folder cannot be written to, or some of the clips could not be exported.
pub async fn export(args: &ExportArgs) -> Result<()> {
    enter_local_system()?;
    let service = Service::from_env().await?;
    let videos = &service.videos;
    let mut part = match &args.short_id {
        Some(id) => one(videos, id).await?,
        None => videos.part(None, PART).await?,
    };
    let mut export =
        Export { folder: Folder::open(&args.folder)?, bucket: &service.bucket, all: 0, failed: Vec::new() };
    loop {
        let after = part.after.take();
        export.take(part).await;
        let Some(after) = after else { break };
        part = videos.part(Some(&after), PART).await?;
    }
    if args.all {
        let aside = videos.some(videos.set_aside().await?).await?;
        // One that was written anew has had its turn.
        export.take(SomeVideos { videos: Vec::new(), ..aside }).await;
    }
    let Export { all, failed, .. } = export;
    if !failed.is_empty() {
        bail!("{} of {} clips were not exported: {}", failed.len(), all, failed.join(", "));
    }
    Ok(())
}

async fn one(videos: &Videos, id: &ShortId) -> Result<SomeVideos> {
    let video = videos.get(id).await?.with_context(|| format!("there is no clip {id}"))?.value;
    ensure!(!video.is_deleted(), "this clip was deleted");
    Ok(SomeVideos { videos: vec![video], ..SomeVideos::default() })
}

/// One run, clip by clip.
struct Export<'a> {
    folder: Folder,
    bucket: &'a Bucket,
    all: usize,
    failed: Vec<String>,
}

impl Export<'_> {
    /// Exports these, the oldest first.
    async fn take(&mut self, mut part: SomeVideos) {
        part.videos.retain(|video| !video.is_deleted());
        part.videos.sort_by_key(|video| video.created_at);
        self.all += part.videos.len() + part.unreadable.len();
        for id in part.unreadable {
            output::line(format!("failed {id}: its record cannot be read"));
            self.failed.push(id.to_string());
        }
        for video in part.videos {
            match self.folder.export(self.bucket, &video).await {
                Ok(line) => output::line(line),
                Err(error) => {
                    output::line(format!("failed {} {:?}: {}", video.short_id, video.title, output::sentence(&error)));
                    self.failed.push(video.short_id.to_string());
                }
            }
        }
    }
}

/// The folder that is written to, held by this process alone.
struct Folder {
    path: PathBuf,
    unfinished: PathBuf,
    _lock: File,
    /// What earlier exports wrote, by short id.
    before: HashMap<ShortId, ExportedFile>,
    tools: Tools,
}

impl Folder {
    fn open(path: &Path) -> Result<Self> {
        let unfinished = path.join(UNFINISHED);
        let unwritable = || format!("{} cannot be written to", path.display());
        fs::create_dir_all(&unfinished).with_context(unwritable)?;
        let lock = File::create(unfinished.join("lock")).with_context(unwritable)?;
        lock.try_lock().map_err(|_| anyhow::anyhow!("another export writes to {}", path.display()))?;
        for left in fs::read_dir(&unfinished).with_context(unwritable)? {
            let left = left.with_context(unwritable)?.path();
            if left.is_dir() {
                fs::remove_dir_all(left).with_context(unwritable)?;
            }
        }
        let mut before = HashMap::new();
        for entry in fs::read_dir(path).with_context(unwritable)? {
            let name = entry.with_context(unwritable)?.path();
            if name.extension().is_some_and(|extension| extension == "json")
                && let Ok(text) = fs::read(&name)
                && let Ok(exported) = serde_json::from_slice::<Exported>(&text)
            {
                before.insert(exported.short_id, exported.file);
            }
        }
        Ok(Self { path: path.to_owned(), unfinished, _lock: lock, before, tools: Tools::default() })
    }

    /// Writes one clip, and says what it did.
    async fn export(&self, bucket: &Bucket, video: &Video) -> Result<String> {
        let id = &video.short_id;
        if let Some(before) = self.before.get(id)
            && self.is_whole(before).await
        {
            return Ok(format!("there already {:?}", before.name));
        }
        let work = TempDir::new_in(&self.unfinished).context("the folder cannot be written to")?;
        let (from, file, extension) = self.fetch(bucket, video, work.path()).await?;
        let base = base_name(video);
        let exported = Exported {
            short_id: id.clone(),
            title: video.title.clone(),
            description: video.description.clone(),
            owner: video.owner.to_string(),
            visibility: serde_json::to_value(video.visibility)?,
            created_at: video.created_at.to_string(),
            file_name: video.upload.file_name.clone(),
            file: ExportedFile { name: format!("{base}.{extension}"), from, checksum: checksum::of_file(&file).await? },
        };
        self.put(&file, &exported.file.name).await?;
        // Last: where it stands, the file is whole.
        let sidecar = work.path().join("json");
        fs::write(&sidecar, serde_json::to_vec_pretty(&exported)?)?;
        self.put(&sidecar, &format!("{base}.json")).await?;
        Ok(format!("exported {:?} ({} bytes)", exported.file.name, exported.file.checksum.size))
    }

    async fn is_whole(&self, file: &ExportedFile) -> bool {
        let path = self.path.join(&file.name);
        // A JSON that was changed by hand leads nowhere else.
        path.parent() == Some(&self.path) && checksum::of_file(&path).await.is_ok_and(|found| found == file.checksum)
    }

    /// Gives `file` its name, unless something else has it.
    async fn put(&self, file: &Path, name: &str) -> Result<()> {
        let place = self.path.join(name);
        File::open(file)?.sync_all()?;
        // A link, unlike a rename, never takes another file's place.
        match fs::hard_link(file, &place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let same = checksum::of_file(&place).await? == checksum::of_file(file).await?;
                ensure!(same, "{name:?} is there and is another file: move it away");
            }
            // A disk without links, such as an exFAT stick; this process alone writes here.
            Err(_) if !place.exists() => fs::rename(file, &place)?,
            Err(error) => return Err(error).context(format!("{name:?} cannot be written")),
        }
        File::open(&self.path)?.sync_all().context("the folder cannot be written to")
    }

    /// The best there is of a clip, below `work`.
    async fn fetch(&self, bucket: &Bucket, video: &Video, work: &Path) -> Result<(Form, PathBuf, String)> {
        let file = work.join("file");
        if let Some(original) = video.upload.original
            && video.phase != Phase::Uploading
            && download(bucket, &MediaKey::Original(original), &file).await?
        {
            return Ok((Form::Original, file, extension(&video.upload.file_name)));
        }
        let publication = video.publication.as_ref();
        if let Some(progressive) = publication.and_then(|publication| publication.progressive)
            && download(bucket, &MediaKey::Progressive(progressive), &file).await?
        {
            return Ok((Form::Progressive, file, "mp4".to_owned()));
        }
        let stream = publication.and_then(|publication| publication.hls.as_ref());
        let stream = stream.context("there is no file of it: it is still arriving, or could not be prepared")?;
        Ok((Form::Segments, self.join(bucket, stream, work).await?, "mp4".to_owned()))
    }

    /// The best rendition of a stream as one MP4.
    async fn join(&self, bucket: &Bucket, stream: &HlsStream, work: &Path) -> Result<PathBuf> {
        let best = stream.renditions.first();
        let key = match best {
            Some(name) => MediaKey::RenditionPlaylist(stream.encode, name.clone()),
            None => MediaKey::Master(stream.encode),
        };
        let text = bucket.read_text(&key).await?.context("its playlist is missing")?;
        let playlist = MediaPlaylist::parse(&text)?;
        ensure!(!playlist.segments.is_empty(), "its playlist names no segment");
        let segments = playlist.segments.iter().enumerate();
        let downloads = segments.map(|(number, segment)| {
            let file = work.join(format!("{number}.ts"));
            async move {
                let key = segment_key(stream.encode, best, &segment.uri)?;
                ensure!(download(bucket, &key, &file).await?, "its segment {} is missing", segment.uri);
                Ok(())
            }
        });
        stream::iter(downloads).buffer_unordered(PARALLEL).try_collect::<()>().await?;
        // MPEG-TS is made to be put end to end.
        let (joined, count) = (work.join("joined.ts"), playlist.segments.len());
        let (into, from) = (joined.clone(), work.to_owned());
        let bytes = tokio::task::spawn_blocking(move || {
            let mut whole = File::create(into)?;
            let mut bytes = 0;
            for number in 0..count {
                let segment = from.join(format!("{number}.ts"));
                bytes += io::copy(&mut File::open(&segment)?, &mut whole)?;
                fs::remove_file(segment)?;
            }
            Ok::<_, io::Error>(bytes)
        });
        let bytes = bytes.await?.context("the segments cannot be joined")?;
        let args = ["-f", "mpegts", "-i", "joined.ts", "-map", "0:v:0", "-map", "0:a?", "-c", "copy", "-bsf:a"];
        let tail = ["aac_adtstoasc", "-fflags", "+bitexact", "-movflags", "+faststart", "-f", "mp4", "joined.mp4"];
        let args: Vec<OsString> = args.iter().chain(&tail).map(OsString::from).collect();
        let allowance = Allowance { time: JOIN_TIME, file_size: 2 * bytes + (1 << 20), gpu: false };
        self.tools.run(args, allowance, work).await.context("the segments cannot be joined")?;
        fs::remove_file(joined)?;
        Ok(work.join("joined.mp4"))
    }
}

/// Reads an object into a file; whether it was there. The size is the bucket's, or the bucket's reader fails.
async fn download(bucket: &Bucket, key: &MediaKey, file: &Path) -> Result<bool> {
    match bucket.download(key, file).await {
        Ok(_) => Ok(true),
        Err(BucketError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn segment_key(encode: EncodeId, rendition: Option<&RenditionName>, uri: &str) -> Result<MediaKey> {
    resolve(&format!("/hls/{encode}/"), uri)?;
    ensure!(!uri.contains('/'), "its playlist names {uri:?}, which is no segment beside it");
    Ok(MediaKey::Segment(encode, rendition.cloned(), uri.to_owned()))
}

/// `{date} {title} [{short_id}]`: what every file system takes, and what no shell or player misunderstands.
fn base_name(video: &Video) -> String {
    let date = video.created_at.to_zoned(TimeZone::UTC).date();
    let forbidden = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let title: String = video.title.chars().map(|c| if forbidden(c) { ' ' } else { c }).collect();
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = title[..title.floor_char_boundary(LONGEST_NAME)].trim_end();
    let short = if short.is_empty() { "clip" } else { short };
    format!("{date} {short} [{}]", video.short_id)
}

/// Of a file's name: letters and digits, at most eight; `mp4` without one.
fn extension(file_name: &str) -> String {
    let extension = file_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let good = |e: &String| (1..=8).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_alphanumeric()) && e != "json";
    extension.filter(good).unwrap_or_else(|| "mp4".to_owned())
}

#[cfg(test)]
mod tests {
    use clipset_core::video::Upload;

    use super::*;

    fn named(title: &str) -> String {
        let upload = Upload { original: None, upload_id: String::new(), file_name: "x.mp4".into() };
        let time = "2023-04-05T23:59:00Z".parse().expect("a time");
        let id = "aB3dE6gH9j".parse().expect("an id");
        base_name(&Video::begin(id, "ada".parse().expect("a name"), title.into(), upload, time))
    }

    #[test]
    fn names_are_safe_on_every_file_system() {
        assert_eq!(named("At the lake"), "2023-04-05 At the lake [aB3dE6gH9j]");
        assert_eq!(named("../../etc/pass\0wd: \"x\""), "2023-04-05 .. .. etc pass wd x [aB3dE6gH9j]");
        assert_eq!(named("///"), "2023-04-05 clip [aB3dE6gH9j]");
        assert!(named(&"ä ".repeat(200)).len() < 220);
        assert!(named(&"x".repeat(200)).len() < 220);
    }

    #[test]
    fn extensions_are_plain() {
        for (name, expected) in
            [("a.MOV", "mov"), ("a", "mp4"), ("a.b/c", "mp4"), ("a.json", "mp4"), ("a.tar.gz", "gz")]
        {
            assert_eq!(extension(name), expected, "{name}");
        }
    }
}
