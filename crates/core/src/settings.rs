//! What an administrator chooses (`settings.json`): fields, presets and their limits.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::Username;

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// As it stands in the settings, and as FFmpeg takes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

choice!(
    /// What new videos become.
    OutputFormat {
        /// Segments and playlists.
        Hls = "hls",
        /// One MP4.
        Progressive = "progressive",
    }
);
choice!(
    /// How many renditions.
    Renditions {
        /// The source's size and the ones below.
        Ladder = "ladder",
        /// The source's size.
        Single = "single",
    }
);
choice!(
    /// Which preset fills the encoding fields.
    PresetMode {
        /// Slow and large.
        Quality = "quality",
        /// The default.
        Balanced = "balanced",
        /// Fast and small.
        Performance = "performance",
        /// The fields as they are set one by one.
        Custom = "custom",
    }
);
choice!(
    /// NVENC's presets.
    #[expect(missing_docs, reason = "p1 is the fastest, p7 the best")]
    NvencPreset { P1 = "p1", P2 = "p2", P3 = "p3", P4 = "p4", P5 = "p5", P6 = "p6", P7 = "p7" }
);
choice!(
    /// NVENC's rate control.
    RateControl {
        /// Variable.
        Vbr = "vbr",
        /// Constant bit rate.
        Cbr = "cbr",
        /// Constant quantiser.
        Constqp = "constqp",
    }
);
choice!(
    /// x264's presets.
    #[expect(missing_docs, reason = "x264's own words")]
    CpuPreset {
        Ultrafast = "ultrafast", Superfast = "superfast", Veryfast = "veryfast", Faster = "faster", Fast = "fast",
        Medium = "medium", Slow = "slow", Slower = "slower", Veryslow = "veryslow",
    }
);
choice!(
    /// The largest picture, by its short side.
    MaxResolution {
        /// 720 lines.
        P720 = "720p",
        /// 1080 lines.
        P1080 = "1080p",
        /// 1440 lines.
        P1440 = "1440p",
        /// 2160 lines.
        K4 = "4k",
    }
);

impl MaxResolution {
    /// Pixels of the short side.
    pub fn short_side(self) -> u32 {
        match self {
            Self::P720 => 720,
            Self::P1080 => 1080,
            Self::P1440 => 1440,
            Self::K4 => 2160,
        }
    }
}

/// A bit rate as FFmpeg writes it, such as `192k` or `8M`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BitRate(String);

impl BitRate {
    /// As FFmpeg takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bits a second.
    pub fn bits(&self) -> u64 {
        let (number, unit) = self.0.split_at(self.0.len() - 1);
        number.parse::<u64>().unwrap_or_default() * if unit == "M" { 1_000_000 } else { 1_000 }
    }
}

impl TryFrom<String> for BitRate {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.strip_suffix('k').or_else(|| text.strip_suffix('M')).unwrap_or_default();
        let digits = (1..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let rate = Self(text);
        if digits && (8_000..=400_000_000).contains(&rate.bits()) {
            Ok(rate)
        } else {
            Err("a bit rate is a whole number with k or M, from 8k to 400M")
        }
    }
}

impl From<BitRate> for String {
    fn from(rate: BitRate) -> String {
        rate.0
    }
}

/// The settings. The encoding fields hold what is in force: a preset fills them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What new videos become.
    pub video_output_format: OutputFormat,
    /// How many renditions.
    pub renditions: Renditions,
    /// Which preset filled the fields below.
    pub transcode_preset_mode: PresetMode,
    /// NVENC, where a runner has it.
    pub use_gpu_transcoding: bool,
    /// 0 to 15.
    pub gpu_device_id: u8,
    /// p1 to p7.
    pub nvenc_preset: NvencPreset,
    /// 0 to 51.
    pub nvenc_cq: u8,
    /// vbr, cbr or constqp.
    pub nvenc_rate_control: RateControl,
    /// The VBV's rate.
    pub nvenc_max_bitrate: BitRate,
    /// The VBV's size.
    pub nvenc_buffer_size: BitRate,
    /// ultrafast to veryslow.
    pub cpu_preset: CpuPreset,
    /// 0 to 51.
    pub cpu_crf: u8,
    /// Of the short side.
    pub max_resolution: MaxResolution,
    /// Of AAC.
    pub audio_bitrate: BitRate,
    /// Keep the upload after its publication.
    pub keep_originals: bool,
    /// An MP4 beside HLS.
    pub progressive_fallback: bool,
    /// The largest upload, bytes.
    pub max_file_size_bytes: u64,
    /// What one user may upload in seven days, bytes.
    pub weekly_upload_limit_bytes: u64,
    /// Clips are deleted so many days after their upload began, unless they have a time of their own; never, if none.
    pub expire_after_days: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = Self {
            video_output_format: OutputFormat::Hls,
            renditions: Renditions::Ladder,
            transcode_preset_mode: PresetMode::Balanced,
            use_gpu_transcoding: false,
            gpu_device_id: 0,
            nvenc_preset: NvencPreset::P4,
            nvenc_cq: 18,
            nvenc_rate_control: RateControl::Vbr,
            nvenc_max_bitrate: rate("8M"),
            nvenc_buffer_size: rate("16M"),
            cpu_preset: CpuPreset::Medium,
            cpu_crf: 18,
            max_resolution: MaxResolution::P1080,
            audio_bitrate: rate("192k"),
            keep_originals: true,
            progressive_fallback: true,
            max_file_size_bytes: 10 << 30,
            weekly_upload_limit_bytes: 50 << 30,
            expire_after_days: None,
        };
        settings.fill_from_preset();
        settings
    }
}

/// A hundred years.
pub const LONGEST_LIFE_DAYS: u32 = 36_500;

/// The fields that a preset fills.
const PRESET_FIELDS: [&str; 8] = [
    "nvenc_preset",
    "nvenc_cq",
    "nvenc_max_bitrate",
    "nvenc_buffer_size",
    "cpu_preset",
    "cpu_crf",
    "max_resolution",
    "audio_bitrate",
];

/// What is wrong with a change, a sentence per field.
pub type FieldErrors = BTreeMap<String, String>;

impl Settings {
    /// These settings with `patch` (field to value) applied. A preset mode fills its fields; a
    /// field that a preset fills, set to something else without naming a mode, makes it `custom`.
    ///
    /// # Errors
    /// A sentence for each field that is unknown or out of bounds; then nothing is changed.
    pub fn patched(&self, patch: &Map<String, Value>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::new();
        let mut settings = self.clone();
        for (field, value) in patch {
            // One field at a time, so that each gets its own message.
            match settings.with(field, value) {
                Ok(next) => settings = next,
                Err(message) => drop(errors.insert(field.clone(), message)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if patch.contains_key("transcode_preset_mode") && settings.transcode_preset_mode != PresetMode::Custom {
            settings.fill_from_preset();
        } else if PRESET_FIELDS.iter().any(|field| patch.contains_key(*field)) {
            let mut by_preset = settings.clone();
            by_preset.fill_from_preset();
            if by_preset != settings {
                settings.transcode_preset_mode = PresetMode::Custom;
            }
        }
        Ok(settings)
    }

    /// These settings with all of `fields` that can be used; the others stay.
    pub fn with_all_of(self, fields: &Map<String, Value>) -> Self {
        fields.iter().fold(self, |settings, (field, value)| settings.with(field, value).unwrap_or(settings))
    }

    fn with(&self, field: &str, value: &Value) -> Result<Self, String> {
        let mut all = self.to_map();
        *all.get_mut(field).ok_or("there is no such setting")? = value.clone();
        let next = serde_json::from_value::<Self>(Value::Object(all)).map_err(|error| error.to_string())?;
        match next.limit_error(field) {
            None => Ok(next),
            Some(message) => Err(message),
        }
    }

    fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => unreachable!("settings are an object"),
        }
    }

    fn limit_error(&self, field: &str) -> Option<String> {
        let within = |value: u64, least: u64, most: u64| {
            (!(least..=most).contains(&value)).then(|| format!("must be from {least} to {most}"))
        };
        match field {
            "gpu_device_id" => within(self.gpu_device_id.into(), 0, 15),
            "nvenc_cq" => within(self.nvenc_cq.into(), 0, 51),
            "cpu_crf" => within(self.cpu_crf.into(), 0, 51),
            // The upper end: 10,000 parts of 5 GiB are more than S3 takes in one object (5 TiB).
            "max_file_size_bytes" => within(self.max_file_size_bytes, 1 << 20, 5 << 40),
            "weekly_upload_limit_bytes" => within(self.weekly_upload_limit_bytes, 1 << 20, 1 << 50),
            "expire_after_days" => {
                self.expire_after_days.and_then(|days| within(days.into(), 1, LONGEST_LIFE_DAYS.into()))
            }
            _ => None,
        }
    }

    fn fill_from_preset(&mut self) {
        use {CpuPreset as C, MaxResolution as R, NvencPreset as P};
        let (nvenc, cq, max, buffer, cpu, crf, height, audio) = match self.transcode_preset_mode {
            PresetMode::Quality => (P::P6, 16, "15M", "30M", C::Slow, 16, R::K4, "256k"),
            PresetMode::Balanced => (P::P4, 18, "8M", "16M", C::Medium, 18, R::P1080, "192k"),
            PresetMode::Performance => (P::P2, 23, "5M", "10M", C::Fast, 23, R::P1080, "128k"),
            PresetMode::Custom => return,
        };
        self.nvenc_preset = nvenc;
        self.nvenc_cq = cq;
        self.nvenc_max_bitrate = rate(max);
        self.nvenc_buffer_size = rate(buffer);
        self.cpu_preset = cpu;
        self.cpu_crf = crf;
        self.max_resolution = height;
        self.audio_bitrate = rate(audio);
    }
}

fn rate(text: &str) -> BitRate {
    BitRate(text.to_owned())
}

/// `settings.json`: the settings, and who changed them last. What names no setting at all is no such document, although
/// every field has a default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct SettingsDocument {
    /// What is in force.
    #[serde(flatten)]
    pub settings: Settings,
    /// Who changed them last.
    pub updated_by: Option<Username>,
    /// When.
    pub updated_at: Option<Timestamp>,
}

impl TryFrom<Map<String, Value>> for SettingsDocument {
    type Error = String;

    fn try_from(mut members: Map<String, Value>) -> Result<Self, String> {
        let known = Settings::default().to_map();
        if !members.keys().any(|name| known.contains_key(name)) {
            return Err("it names no setting".to_owned());
        }
        let mut taken = |name: &str| members.remove(name).unwrap_or_default();
        Ok(Self {
            updated_by: serde_json::from_value(taken("updated_by")).map_err(|error| error.to_string())?,
            updated_at: serde_json::from_value(taken("updated_at")).map_err(|error| error.to_string())?,
            settings: serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn a_preset_fills_its_fields() {
        let quality = Settings::default().patched(&patch(r#"{"transcode_preset_mode":"quality"}"#)).expect("valid");
        assert_eq!(quality.cpu_preset, CpuPreset::Slow);
        assert_eq!(quality.cpu_crf, 16);
        assert_eq!(quality.nvenc_max_bitrate.bits(), 15_000_000);
        assert_eq!(quality.max_resolution, MaxResolution::K4);
    }

    #[test]
    fn a_field_set_beside_its_preset_makes_the_mode_custom() {
        let settings = Settings::default().patched(&patch(r#"{"cpu_crf":30}"#)).expect("valid");
        assert_eq!((settings.cpu_crf, settings.transcode_preset_mode), (30, PresetMode::Custom));
        let same = Settings::default().patched(&patch(r#"{"cpu_crf":18}"#)).expect("valid");
        assert_eq!(same.transcode_preset_mode, PresetMode::Balanced);
    }

    #[test]
    fn every_wrong_field_gets_its_own_message_and_nothing_changes() {
        let errors = Settings::default()
            .patched(&patch(
                r#"{"cpu_crf":52,"gpu_device_id":16,"nvenc_preset":"p8","audio_bitrate":"loud","nope":1,
                    "keep_originals":false,"max_file_size_bytes":-1}"#,
            ))
            .expect_err("invalid");
        let fields: Vec<_> = errors.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            ["audio_bitrate", "cpu_crf", "gpu_device_id", "max_file_size_bytes", "nope", "nvenc_preset"]
        );
        assert_eq!(errors["cpu_crf"], "must be from 0 to 51");
    }

    #[test]
    fn documents_of_older_versions_are_completed_with_defaults() {
        let document: SettingsDocument = serde_json::from_str(r#"{"cpu_crf":20}"#).expect("a document");
        assert_eq!(document.settings.cpu_crf, 20);
        assert_eq!(document.settings.audio_bitrate.as_str(), "192k");
    }

    #[test]
    fn json_of_another_shape_is_no_settings_document() {
        for other in ["{}", r#"{"what":1}"#, "[]", "null", r#"{"cpu_crf":"low"}"#] {
            assert!(serde_json::from_str::<SettingsDocument>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn what_can_be_used_of_damaged_settings_is_used() {
        let fields = patch(r#"{"video_output_format":"hologram","cpu_crf":30,"nvenc_cq":99,"what":1}"#);
        let settings = Settings { nvenc_cq: 20, ..Settings::default() }.with_all_of(&fields);
        assert_eq!(settings, Settings { nvenc_cq: 20, cpu_crf: 30, ..Settings::default() });
    }
}
