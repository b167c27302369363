//! An installation of the predecessor: its database and its upload folder, made for the test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clipset_core::id::{EncodeId, ShortId};
use clipset_tests::media::{Clip, frame_hashes};
use rusqlite::Connection;
use tempfile::TempDir;

/// As SQLAlchemy makes it: uuids as 32 hex digits, names of enums in upper case, times without a zone.
const SCHEMA: &str = "
    CREATE TABLE users (
        id CHAR(32) NOT NULL PRIMARY KEY, email VARCHAR(255) NOT NULL, username VARCHAR(50) NOT NULL,
        password_hash VARCHAR(255) NOT NULL, role VARCHAR(5) NOT NULL, is_active BOOLEAN NOT NULL, created_at DATETIME);
    CREATE TABLE videos (
        id CHAR(32) NOT NULL PRIMARY KEY, short_id VARCHAR(16) NOT NULL, title VARCHAR(255) NOT NULL, description TEXT,
        filename VARCHAR(255) NOT NULL, original_filename VARCHAR(255) NOT NULL, file_path VARCHAR(500) NOT NULL,
        thumbnail_filename VARCHAR(255), file_size_bytes INTEGER, duration_seconds INTEGER,
        uploaded_by CHAR(32) NOT NULL, processing_status VARCHAR(10) NOT NULL, view_count INTEGER, created_at DATETIME);
    CREATE TABLE config (id INTEGER PRIMARY KEY, video_output_format VARCHAR(11), use_gpu_transcoding BOOLEAN);
    INSERT INTO config VALUES (1, 'HLS', 0);";

/// How a clip stands in the upload folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{uuid}_{YYYYmmddHHMMSS}/`, alone.
    Stream,
    /// `{uuid}/` beside `{uuid}.mp4`.
    StreamAndFile,
    /// `{uuid}.mp4`.
    File,
}

/// One clip.
pub struct OldClip {
    /// Its short id there.
    pub short_id: String,
    pub title: String,
    pub description: String,
    /// The username that its owner gets here.
    pub owner: &'static str,
    /// How it is to play here.
    pub form: Form,
    pub file: Option<PathBuf>,
    /// In their order.
    pub segments: Vec<PathBuf>,
    pub picture: bool,
    number: usize,
    broken: Option<&'static str>,
}

impl OldClip {
    /// As the API writes times.
    pub fn created_at(&self) -> String {
        format!("2023-03-{:02}T10:20:30.5Z", self.number + 1)
    }

    /// What an export calls it.
    pub fn exported_name(&self) -> String {
        let id = ShortId::of_predecessor(&self.short_id).unwrap();
        format!("2023-03-{:02} Clip {} a b [{id}].mp4", self.number + 1, self.number)
    }
}

/// 25 clips, two of them broken.
pub struct Predecessor {
    /// The pictures of every clip.
    pub frames: Vec<String>,
    folder: TempDir,
    clips: Vec<OldClip>,
}

impl Predecessor {
    pub fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let videos = folder.path().join("uploads/videos");
        fs::create_dir_all(&videos).unwrap();
        fs::create_dir(folder.path().join("uploads/thumbnails")).unwrap();
        let clip = Clip { seconds: 6, width: 320, height: 180, keyframes_every: 60 }.make(folder.path(), "clip.mp4");
        let stream = folder.path().join("stream");
        segment(&clip, &stream);
        let frames = frame_hashes(stream.join("master.m3u8").to_str().unwrap());
        assert_eq!(frames.len(), 180);
        let picture = folder.path().join("picture.jpg");
        ffmpeg(&["-i", clip.to_str().unwrap(), "-frames:v", "1", picture.to_str().unwrap()]);
        let database = Connection::open(folder.path().join("clipset.db")).unwrap();
        database.execute_batch(SCHEMA).unwrap();
        let people = [("admin", "ADMIN", "admin"), ("grace", "USER", "Grace"), ("alan-turing", "USER", "Alan Turing")];
        for (number, (_, role, name)) in people.iter().enumerate() {
            let user = (format!("{number:032x}"), format!("{number}@example.org"), name, "pbkdf2", role);
            database.execute("INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, 1, '2023-01-01 00:00:00')", user).unwrap();
        }
        let mut clips: Vec<OldClip> = Vec::new();
        for number in 0..25 {
            let uuid = EncodeId::random().to_string();
            let (owner, _, _) = people[number % people.len()];
            let mut old = OldClip {
                // Of another form, as an older version made them.
                short_id: if number == 7 { "x_7-Qp".to_owned() } else { ShortId::random().to_string() },
                title: format!("Clip {number}: a/b"),
                description: format!("The {number}th"),
                owner,
                form: [Form::Stream, Form::StreamAndFile, Form::File][number % 3],
                file: None,
                segments: Vec::new(),
                picture: number % 4 == 1,
                number,
                broken: None,
            };
            let name = match old.form {
                Form::Stream => format!("{uuid}_20230304050607"),
                Form::StreamAndFile => uuid.clone(),
                Form::File => format!("{uuid}.mp4"),
            };
            if old.form != Form::Stream {
                let file = videos.join(format!("{uuid}.mp4"));
                fs::write(&file, [fs::read(&clip).unwrap(), free_box(number)].concat()).unwrap();
                old.file = Some(file);
            }
            if old.form != Form::File {
                old.segments = copy_stream(&stream, &videos.join(&name), number);
            }
            if old.picture {
                fs::copy(&picture, folder.path().join(format!("uploads/thumbnails/{uuid}.jpg"))).unwrap();
            }
            match number {
                // The work on it broke off, and there is no file.
                6 => {
                    fs::remove_file(&old.segments[1]).unwrap();
                    old.broken = Some("is missing");
                }
                // The disk was full.
                8 => {
                    let file = old.file.as_ref().unwrap();
                    let content = fs::read(file).unwrap();
                    fs::write(file, &content[..content.len() / 2]).unwrap();
                    old.broken = Some("cut off");
                }
                // Half a stream beside a whole file: that plays instead.
                10 => {
                    fs::write(&old.segments[2], "half").unwrap();
                    old.form = Form::File;
                }
                _ => {}
            }
            database
                .execute(
                    "INSERT INTO videos VALUES (?1, ?2, ?3, ?4, ?5, 'holiday.mp4', ?6, ?7, 1, 6, ?8, 'COMPLETED', 3, ?9)",
                    (
                        uuid.replace('-', ""),
                        &old.short_id,
                        &old.title,
                        &old.description,
                        &name,
                        format!("/data/uploads/videos/{name}"),
                        old.picture.then(|| format!("{uuid}.jpg")),
                        format!("{:032x}", number % people.len()),
                        format!("2023-03-{:02} 10:20:30.500000", number + 1),
                    ),
                )
                .unwrap();
            clips.push(old);
        }
        Self { frames, folder, clips }
    }

    pub fn uploads(&self) -> PathBuf {
        self.folder.path().join("uploads")
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("clipset.db")
    }

    /// Those that are to come, oldest first.
    pub fn whole(&self) -> impl DoubleEndedIterator<Item = &OldClip> {
        self.clips.iter().filter(|clip| clip.broken.is_none())
    }

    /// The short ids of the others, with a word of the reason.
    pub fn broken(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.clips.iter().filter_map(|clip| Some((clip.short_id.clone(), clip.broken?)))
    }
}

/// As the predecessor cut streams.
fn segment(clip: &Path, folder: &Path) {
    fs::create_dir(folder).unwrap();
    let names = folder.join("segment%03d.ts");
    let playlist = folder.join("master.m3u8");
    let head = ["-i", clip.to_str().unwrap(), "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0"];
    let tail = ["-hls_segment_filename", names.to_str().unwrap(), playlist.to_str().unwrap()];
    ffmpeg(&[&head[..], &tail].concat());
}

fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Copies the stream, its bytes made this clip's own by a null packet (ISO/IEC 13818-1 §2.4.3.3).
fn copy_stream(from: &Path, to: &Path, number: usize) -> Vec<PathBuf> {
    fs::create_dir(to).unwrap();
    fs::copy(from.join("master.m3u8"), to.join("master.m3u8")).unwrap();
    let null_packet = [&[0x47, 0x1f, 0xff, 0x10, u8::try_from(number).unwrap()][..], &[0xff; 183]].concat();
    let names = (0..).map(|segment| format!("segment{segment:03}.ts"));
    let segments = names.take_while(|name| from.join(name).exists()).map(|name| {
        let path = to.join(&name);
        fs::write(&path, [fs::read(from.join(&name)).unwrap(), null_packet.clone()].concat()).unwrap();
        path
    });
    segments.collect()
}

/// A box that players pass over (ISO/IEC 14496-12 §8.1.2).
fn free_box(number: usize) -> Vec<u8> {
    [&[0, 0, 0, 9][..], b"free", &[u8::try_from(number).unwrap()]].concat()
}
