//! What ffprobe says of a file, as far as the plan needs it.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer};

use crate::{
    failure::{Failure, NO_INDEX},
    ffmpeg::{Tools, input_safety},
    messages::clean,
};

/// A file with hardly anything in it needs milliseconds; one made to keep us busy gets this long.
const TIME: Duration = Duration::from_secs(60);

const ENTRIES: &str = "stream=index,codec_type,codec_name,profile,level,width,height,pix_fmt,sample_aspect_ratio,\
    field_order,r_frame_rate,avg_frame_rate,start_time,duration,nb_frames,channels,sample_rate,color_range,color_space,\
    color_transfer,color_primaries:stream_disposition=default,attached_pic:\
    stream_tags=DURATION:stream_side_data=side_data_type,rotation,dv_profile:format=format_name,duration,start_time,nb_streams";

/// The probe result of one file.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Probe {
    /// In the order of the file.
    pub streams: Vec<Stream>,
    /// The container.
    pub format: Format,
}

/// The container.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Format {
    /// FFmpeg's names of the demuxer, with commas.
    pub format_name: String,
    /// Seconds.
    #[serde(deserialize_with = "number")]
    pub duration: Option<f64>,
    /// Seconds of the first packet.
    #[serde(deserialize_with = "number")]
    pub start_time: Option<f64>,
    /// How many streams.
    pub nb_streams: u32,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "ffprobe's own names")]
pub struct Stream {
    pub index: u32,
    pub codec_type: String,
    pub codec_name: String,
    pub profile: String,
    pub level: i32,
    pub width: u32,
    pub height: u32,
    pub pix_fmt: String,
    pub sample_aspect_ratio: Ratio,
    pub field_order: String,
    pub r_frame_rate: Ratio,
    pub avg_frame_rate: Ratio,
    #[serde(deserialize_with = "number")]
    pub start_time: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub duration: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub nb_frames: Option<f64>,
    pub channels: u32,
    #[serde(deserialize_with = "number")]
    pub sample_rate: Option<f64>,
    pub color_range: String,
    pub color_space: String,
    pub color_transfer: String,
    pub color_primaries: String,
    pub disposition: Disposition,
    pub tags: Tags,
    pub side_data_list: Vec<SideData>,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Disposition {
    /// 1 for the one to be played.
    pub default: u8,
    /// 1 for a cover.
    pub attached_pic: u8,
}

/// What Matroska says of a stream.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Tags {
    /// When it ends: `HH:MM:SS.fraction`.
    #[serde(rename = "DURATION")]
    pub duration: Option<String>,
}

/// What else is known of a stream.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct SideData {
    /// FFmpeg's name, such as `Display Matrix`.
    pub side_data_type: String,
    /// Degrees, counter-clockwise.
    pub rotation: Option<f64>,
    /// The Dolby Vision profile.
    pub dv_profile: Option<u32>,
}

/// A ratio such as `30000/1001` or `16:9`; `0/0` where ffprobe knows none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ratio {
    /// Above.
    pub num: u32,
    /// Below.
    pub den: u32,
}

impl Ratio {
    /// The quotient, unless it is no positive number.
    pub fn value(self) -> Option<f64> {
        (self.num > 0 && self.den > 0).then(|| f64::from(self.num) / f64::from(self.den))
    }
}

impl FromStr for Ratio {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (num, den) = text.split_once(['/', ':']).unwrap_or((text, "1"));
        Ok(Self { num: num.parse()?, den: den.parse()? })
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A ratio that does not fit is one that nothing can be made of.
        Ok(String::deserialize(deserializer)?.parse().unwrap_or_default())
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()).filter(|number: &f64| number.is_finite()))
}

impl Stream {
    /// Degrees that a player turns the picture by; `None` without a display matrix.
    pub fn rotation(&self) -> Option<f64> {
        let matrix = self.side_data_list.iter().find(|data| data.side_data_type == "Display Matrix")?;
        Some(matrix.rotation.unwrap_or_default())
    }

    /// Two fields per picture.
    pub fn is_interlaced(&self) -> bool {
        matches!(self.field_order.as_str(), "tt" | "bb" | "tb" | "bt")
    }

    /// The transfer of a high dynamic range, PQ or HLG, in FFmpeg's name.
    pub fn high_dynamic_range(&self) -> Option<&str> {
        let transfer = self.color_transfer.as_str();
        matches!(transfer, "smpte2084" | "arib-std-b67").then_some(transfer)
    }

    /// When it ends, seconds on the file's clock, if the file says so.
    pub fn end(&self) -> Option<f64> {
        let start = self.start_time.unwrap_or_default();
        let tagged = || self.tags.duration.as_deref().and_then(clock_seconds);
        self.duration.map(|duration| start + duration).or_else(tagged)
    }
}

impl Probe {
    /// Takes up when streams really end, by index, seconds on the file's clock.
    pub fn set_ends(&mut self, ends: &BTreeMap<u32, f64>) {
        for stream in &mut self.streams {
            if let Some(end) = ends.get(&stream.index) {
                stream.duration = Some(end - stream.start_time.unwrap_or_default());
            }
        }
    }
}

/// The seconds of `HH:MM:SS.fraction`.
fn clock_seconds(text: &str) -> Option<f64> {
    let mut parts = text.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some(hours * 3600.0 + minutes * 60.0 + seconds).filter(|seconds| seconds.is_finite() && *seconds > 0.0)
}

/// Probes the file at `input`, an upload.
///
/// # Errors
/// [`Failure::Permanent`] with a sentence for the owner if it is nothing that can be read.
pub async fn probe(tools: &Tools, input: &Path) -> Result<Probe, Failure> {
    let mut args: Vec<OsString> = ["-v", "error", "-of", "json", "-show_entries", ENTRIES].map(OsString::from).to_vec();
    args.extend(input_safety());
    args.push("-i".into());
    args.push(input.into());
    let finished = tools.probe(args, TIME).await?;
    if !finished.status.success() {
        return Err(unreadable(&String::from_utf8_lossy(&finished.stderr), input));
    }
    serde_json::from_slice(&finished.stdout)
        .map_err(|error| Failure::permanent(format!("The file's description cannot be read: {error}.")))
}

fn unreadable(said: &str, input: &Path) -> Failure {
    let folder = input.parent().unwrap_or(input).to_string_lossy();
    let log: Vec<String> = said.lines().rev().take(20).map(|line| clean(line, &folder)).collect();
    let reason = if said.contains("moov atom not found") {
        NO_INDEX
    } else if said.contains("whitelist") {
        "The file is of a kind that is not taken as a video, such as a picture, a playlist or a script."
    } else {
        "The file is not a video that can be read."
    };
    Failure::Permanent { reason: reason.into(), log: log.into_iter().rev().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_read_as_ffprobe_writes_them() {
        assert_eq!("30000/1001".parse(), Ok(Ratio { num: 30000, den: 1001 }));
        assert_eq!("16:9".parse(), Ok(Ratio { num: 16, den: 9 }));
        assert_eq!("0/0".parse::<Ratio>().ok().and_then(Ratio::value), None);
    }

    #[test]
    fn matroskas_clock_is_read_in_seconds() {
        assert_eq!(clock_seconds("01:02:03.500000000"), Some(3723.5));
        assert_eq!(clock_seconds("soon"), None);
        assert_eq!(clock_seconds("00:00:nan"), None);
    }

    #[test]
    fn what_ffprobe_leaves_out_is_no_error() {
        let probe: Probe = serde_json::from_str(
            r#"{"streams":[{"index":0,"codec_type":"data","duration":"N/A","sample_aspect_ratio":"N/A"}],"format":{}}"#,
        )
        .expect("a probe");
        assert_eq!(probe.streams[0].duration, None);
        assert_eq!(probe.streams[0].sample_aspect_ratio.value(), None);
    }
}
