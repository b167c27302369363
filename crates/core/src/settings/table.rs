//! The table of settings: name, type with its bounds, default, presets' values and a sentence of help, each said here once.
//! The API's description, the page and the contract's table follow from it.

use serde::{Deserialize, Serialize};

use super::kinds::{
    BitRate, CpuPreset, Crf, Days, FileBytes, GpuNumber, MaxResolution, NvencPreset, OutputFormat, PresetMode,
    RateControl, Renditions, WeekBytes,
};

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(inline))]
pub enum Kind {
    /// One of a few words.
    Choice {
        /// All of them.
        choices: &'static [&'static str],
    },
    /// On or off.
    Switch,
    /// A whole number.
    Whole {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A whole number with `k` or `M`.
    BitRate {
        /// The smallest, bits a second.
        least: u64,
        /// The largest, bits a second.
        most: u64,
    },
}

/// A setting's type, which knows what values it has.
pub(super) trait Value {
    const KIND: Kind;
    /// `null` is one of them.
    const OPTIONAL: bool = false;
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Field {
    /// As it stands in the settings.
    pub name: &'static str,
    /// A sentence about it.
    pub help: &'static str,
    /// What values it takes.
    #[serde(flatten)]
    pub kind: Kind,
    /// It may be null.
    pub optional: bool,
    /// A preset fills it.
    pub preset: bool,
}

/// `name: type = default`, or `name: type, by preset [quality, balanced, performance]`, whose default is the balanced one.
macro_rules! settings {
    ($(
        #[doc = $help:literal]
        $name:ident: $type:ty $(= $default:expr)? $(, by preset [$quality:expr, $balanced:expr, $performance:expr])?;
    )+) => {
        /// The settings. The encoding fields hold what is in force: a preset fills them.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
        #[serde(default)]
        pub struct Settings {
            $(#[doc = $help] pub $name: $type,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: { $($default)? $($balanced)? },)+ }
            }
        }

        impl Settings {
            /// The table.
            pub const FIELDS: &[Field] = &[$(Field {
                name: stringify!($name),
                help: $help.trim_ascii(),
                kind: <$type as Value>::KIND,
                optional: <$type as Value>::OPTIONAL,
                preset: settings!(@is_by_preset $($balanced)?),
            },)+];

            /// Gives the fields that presets fill the values of the mode in force; `custom` leaves them as they are.
            pub(super) fn fill_from_preset(&mut self) {
                match self.transcode_preset_mode {
                    PresetMode::Quality => { $($(self.$name = $quality;)?)+ }
                    PresetMode::Balanced => { $($(self.$name = $balanced;)?)+ }
                    PresetMode::Performance => { $($(self.$name = $performance;)?)+ }
                    PresetMode::Custom => {}
                }
            }
        }
    };
    (@is_by_preset) => { false };
    (@is_by_preset $balanced:expr) => { true };
}

settings! {
    /// What new clips become: HLS, which starts and seeks at once, or one MP4 file.
    video_output_format: OutputFormat = OutputFormat::Hls;
    /// The clip's own size alone, or smaller ones beside it for slow connections.
    renditions: Renditions = Renditions::Ladder;
    /// Which preset filled the encoding fields; a field changed by hand makes it `custom`.
    transcode_preset_mode: PresetMode = PresetMode::Balanced;
    /// Encode with NVENC. It cannot be switched on where no runner has encoded one real frame with it.
    use_gpu_transcoding: bool = false;
    /// Which GPU of the runner's machine.
    gpu_device_id: GpuNumber = GpuNumber::of::<0>();
    /// p1 is the fastest, p7 the best.
    nvenc_preset: NvencPreset, by preset [NvencPreset::P6, NvencPreset::P4, NvencPreset::P2];
    /// NVENC's constant quality; lower is better.
    nvenc_cq: Crf, by preset [Crf::of::<16>(), Crf::of::<18>(), Crf::of::<23>()];
    /// How NVENC shares out its bits.
    nvenc_rate_control: RateControl = RateControl::Vbr;
    /// The most bits a second that NVENC may spend.
    nvenc_max_bitrate: BitRate, by preset [BitRate::of("15M"), BitRate::of("8M"), BitRate::of("5M")];
    /// The size of NVENC's rate buffer.
    nvenc_buffer_size: BitRate, by preset [BitRate::of("30M"), BitRate::of("16M"), BitRate::of("10M")];
    /// x264's preset; slower is smaller.
    cpu_preset: CpuPreset, by preset [CpuPreset::Slow, CpuPreset::Medium, CpuPreset::Fast];
    /// x264's constant rate factor; 0 is lossless, lower is better.
    cpu_crf: Crf, by preset [Crf::of::<16>(), Crf::of::<18>(), Crf::of::<23>()];
    /// The highest resolution that is made, by the short side.
    max_resolution: MaxResolution, by preset [MaxResolution::K4, MaxResolution::P1080, MaxResolution::P1080];
    /// The bit rate of AAC.
    audio_bitrate: BitRate, by preset [BitRate::of("256k"), BitRate::of("192k"), BitRate::of("128k")];
    /// Keep the uploaded file after its clip is published.
    keep_originals: bool = true;
    /// An MP4 beside HLS, played where HLS is not possible: a copy of the best rendition, with its index in front.
    progressive_fallback: bool = true;
    /// The largest file that may be uploaded, bytes.
    max_file_size_bytes: FileBytes = FileBytes::of::<{ 10 << 30 }>();
    /// What one member may upload in seven days, bytes.
    weekly_upload_limit_bytes: WeekBytes = WeekBytes::of::<{ 50 << 30 }>();
    /// Clips are deleted so many days after their upload began, unless they have a time of their own; null is never.
    expire_after_days: Option<Days> = None;
}
