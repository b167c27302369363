//! A small good stream: three segments of 2 s in two sizes, each rate constant.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use clipset_check::mpegts::Contents;
use tempfile::TempDir;

pub(crate) struct Good(TempDir);

struct Made<'a> {
    rate: u32,
    sound: bool,
    renditions: &'a [(&'a str, &'a str)],
}

const TWO: &[(&str, &str)] = &[("180p", "320x180"), ("90p", "160x90")];

impl Good {
    /// Two renditions with sound at 25 pictures a second.
    pub(crate) fn new() -> Self {
        Made { rate: 25, sound: true, renditions: TWO }.make()
    }

    /// The same without sound.
    pub(crate) fn silent() -> Self {
        Made { rate: 25, sound: false, renditions: TWO }.make()
    }

    /// The same at another rate.
    pub(crate) fn at_rate(rate: u32) -> Self {
        Made { rate, sound: true, renditions: TWO }.make()
    }

    /// One rendition: `master.m3u8` is its playlist.
    pub(crate) fn single() -> Self {
        let good = Made { rate: 25, sound: true, renditions: &TWO[..1] }.make();
        for n in 0..3 {
            let name = format!("segment00{n}.ts");
            fs::rename(good.root().join("180p").join(&name), good.root().join(&name)).unwrap();
        }
        fs::write(good.root().join("master.m3u8"), media_playlist(3)).unwrap();
        fs::remove_dir_all(good.root().join("180p")).unwrap();
        good
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }
}

impl Made<'_> {
    fn make(&self) -> Good {
        let folder = tempfile::tempdir().unwrap();
        let mut master = String::from("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n");
        for (name, size) in self.renditions {
            let beside = folder.path().join(name);
            fs::create_dir(&beside).unwrap();
            self.encode(size, &beside);
            fs::write(beside.join("playlist.m3u8"), media_playlist(3)).unwrap();
            let codecs = format!("{}{}", codec(&beside), if self.sound { ",mp4a.40.2" } else { "" });
            let bits = |n: usize| fs::metadata(beside.join(format!("segment00{n}.ts"))).unwrap().len() * 4;
            let (peak, average) = ((0..3).map(bits).max().unwrap(), (0..3).map(bits).sum::<u64>() / 3);
            writeln!(
                master,
                "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\",\
                 RESOLUTION={size},FRAME-RATE={}\n{name}/playlist.m3u8",
                self.rate
            )
            .unwrap();
        }
        fs::write(folder.path().join("master.m3u8"), master).unwrap();
        Good(folder)
    }

    fn encode(&self, size: &str, folder: &Path) {
        // Of its own for each size, so that a test can name one of them.
        let level = if size == "320x180" { "1.3" } else { "1.1" };
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", &format!("testsrc2=s={size}:r={}:d=6", self.rate)]);
        if self.sound {
            command.args(["-f", "lavfi", "-i", "sine=440:r=48000:d=6", "-c:a", "aac"]);
        }
        command.args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "200k"]);
        command.args([
            "-profile:v",
            "baseline",
            "-level",
            level,
            "-sc_threshold",
            "0",
            "-force_key_frames",
            "expr:gte(t,n_forced*2)",
        ]);
        command.args(["-forced-idr", "1", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0"]);
        command.args(["-hls_segment_filename", "segment%03d.ts", "made.m3u8"]).current_dir(folder);
        assert!(command.status().expect("ffmpeg runs").success());
        fs::remove_file(folder.join("made.m3u8")).unwrap();
    }
}

/// Of the first `count` segments.
pub(crate) fn media_playlist(count: usize) -> String {
    let mut text = String::from(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n",
    );
    for n in 0..count {
        writeln!(text, "#EXTINF:2.000000,\nsegment00{n}.ts").unwrap();
    }
    text + "#EXT-X-ENDLIST\n"
}

fn codec(folder: &Path) -> String {
    Contents::read(&fs::read(folder.join("segment000.ts")).unwrap()).sps.unwrap().codec()
}
