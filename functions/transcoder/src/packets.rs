//! What a file holds, by its packets: one read of the whole of it.

use std::{collections::BTreeMap, ffi::OsString, path::Path, time::Duration};

use tokio::io::AsyncBufReadExt;

use crate::{
    cuts::{Packet, Pictures},
    failure::Failure,
    ffmpeg::{Tools, input_safety},
    plan::Played,
    probe::Probe,
};

/// Reading the packets of a file of many hours is bound by the disk.
const TIME: Duration = Duration::from_secs(900);

/// The smallest packet with what a container keeps of it, bytes. An edit list may show one packet many times.
const SMALLEST_PACKET: u64 = 8;

/// FFmpeg takes a larger jump of these containers' clocks out, seconds (`-dts_delta_threshold`).
const LONGEST_JUMP: f64 = 10.0;

/// The containers whose clock may jump (`AVFMT_TS_DISCONT`).
const JUMPING: [&str; 3] = ["mpegts", "mpeg", "ogg"];

/// What a file holds of what is played of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contents {
    /// The packets of the picture.
    pub pictures: Pictures,
    /// When each stream really ends, by index, seconds on the file's clock.
    pub ends: BTreeMap<u32, f64>,
    /// Packets of picture and sound.
    pub packets: u64,
    /// The file's size.
    pub bytes: u64,
}

impl Contents {
    /// Reads the packets of the file at `input`.
    ///
    /// # Errors
    /// A [`Failure`] if ffprobe cannot be run or does not come to an end.
    pub async fn read(tools: &Tools, input: &Path, played: Played) -> Result<Self, Failure> {
        let bytes = tokio::fs::metadata(input).await.map_err(|error| Failure::scratch(&error))?.len();
        let mut contents = Self { bytes, ..Self::default() };
        read_packets(tools, input, None, |packet| contents.add(packet, played)).await?;
        Ok(contents)
    }

    /// Reads the packets of the picture, stream `index`, once more and alone: in a torn file another stream may end the
    /// read of all before the picture's last packet.
    ///
    /// # Errors
    /// As [`Contents::read`].
    pub async fn read_picture_alone(&mut self, tools: &Tools, input: &Path, index: u32) -> Result<(), Failure> {
        let mut pictures = Pictures::default();
        read_packets(tools, input, Some(index), |packet| pictures.add(packet)).await?;
        self.pictures = pictures;
        Ok(())
    }

    fn add(&mut self, packet: Packet, played: Played) {
        let Some(stream) = packet.stream else { return };
        if let Some(shown) = packet.shown {
            let end = self.ends.entry(stream).or_insert(shown);
            *end = f64::max(*end, shown + packet.duration.unwrap_or_default());
        }
        self.packets += u64::from([played.picture, played.sound].contains(&Some(stream)));
        if played.picture == Some(stream) {
            self.pictures.add(packet);
        }
    }

    /// As many packets as its bytes can be.
    pub fn real_packets(&self) -> u64 {
        self.packets.min(self.bytes / SMALLEST_PACKET)
    }

    /// Seconds from the file's start to the end of what is played.
    pub fn seconds(&self, probe: &Probe, played: Played) -> f64 {
        let ends = [played.picture, played.sound].into_iter().flatten().filter_map(|stream| self.ends.get(&stream));
        let end = ends.copied().fold(f64::MIN, f64::max);
        let seconds = (end - start(probe)).max(0.0);
        if clock_may_jump(probe) { seconds.min(LONGEST_JUMP * self.packets as f64) } else { seconds }
    }

    /// From where to where there is no new picture, seconds from the file's start to `end`, which the last picture is
    /// held for.
    pub fn pauses(&self, probe: &Probe, end: f64) -> Vec<(f64, f64)> {
        if clock_may_jump(probe) || self.pictures.count == 0 {
            return Vec::new();
        }
        let start = start(probe);
        let first = [(0.0, self.pictures.first - start)];
        let last = [(self.pictures.newest() - start, end)];
        let between = self.pictures.pauses.iter().map(|(from, to)| (from - start, to - start));
        first.into_iter().chain(between).chain(last).filter(|(from, to)| to > from).collect()
    }
}

fn start(probe: &Probe) -> f64 {
    probe.format.start_time.unwrap_or_default()
}

fn clock_may_jump(probe: &Probe) -> bool {
    probe.format.format_name.split(',').any(|name| JUMPING.contains(&name))
}

async fn read_packets(
    tools: &Tools,
    input: &Path,
    stream: Option<u32>,
    mut add: impl FnMut(Packet),
) -> Result<(), Failure> {
    let entries = "packet=stream_index,pts_time,dts_time,duration_time,flags";
    let mut args: Vec<OsString> =
        ["-v", "quiet", "-of", "compact=p=0", "-show_entries", entries].map(OsString::from).to_vec();
    if let Some(stream) = stream {
        args.extend(["-select_streams".into(), stream.to_string().into()]);
    }
    args.extend(input_safety());
    args.push("-i".into());
    args.push(input.into());
    let (mut child, mut lines) = tools.probe_lines(args)?;
    let read = async {
        let mut line = String::new();
        while lines.read_line(&mut line).await.map_err(|error| Failure::scratch(&error))? > 0 {
            // Side data of a packet follows on lines of its own.
            if line.starts_with("stream_index=") {
                add(Packet::parse(line.trim_end()));
            }
            line.clear();
        }
        Ok::<_, Failure>(())
    };
    tokio::time::timeout(TIME, read)
        .await
        .map_err(|_| Failure::permanent("The file's packets could not be read in the time that is allowed."))??;
    child.wait_with_limit(TIME).await?;
    Ok(())
}
