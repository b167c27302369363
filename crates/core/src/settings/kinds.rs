//! The types of the settings: each knows its bounds, and no value of it is out of them.

use serde::{Deserialize, Serialize};

use super::table::{Kind, Value};

/// A hundred years.
pub const LONGEST_LIFE_DAYS: u32 = 36_500;

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(inline))]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// As it stands in the settings, and as FFmpeg takes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl Value for $name {
            const KIND: Kind = Kind::Choice { choices: &[$($text),+] };
        }
    };
}

/// A whole number from one to another; it cannot be made of any other.
macro_rules! whole {
    ($(#[$doc:meta])* $name:ident($inner:ty), $least:expr, $most:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name($inner);

        impl $name {
            const LEAST: u64 = $least;
            const MOST: u64 = $most;

            /// The number `N`. One that is out of bounds does not compile.
            pub const fn of<const N: u64>() -> Self {
                const { assert!(Self::LEAST <= N && N <= Self::MOST, "out of bounds") }
                Self(N as $inner)
            }

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = String;
            fn try_from(number: u64) -> Result<Self, String> {
                match <$inner>::try_from(number) {
                    Ok(inner) if (Self::LEAST..=Self::MOST).contains(&number) => Ok(Self(inner)),
                    _ => Err(format!("must be from {} to {}", Self::LEAST, Self::MOST)),
                }
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> u64 {
                number.0.into()
            }
        }

        impl Value for $name {
            const KIND: Kind = Kind::Whole { least: $least, most: $most };
        }

        #[cfg(feature = "openapi")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "integer", "minimum": Self::LEAST, "maximum": Self::MOST})
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
        /// Variable bit rate.
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
    /// The highest resolution, by its short side.
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

/// Bits a second.
const LEAST_RATE: u64 = 8_000;
const MOST_RATE: u64 = 400_000_000;

impl BitRate {
    /// The rate that a preset names.
    ///
    /// # Panics
    /// At `text` that is no rate: a test builds every preset.
    pub(super) fn of(text: &str) -> Self {
        text.to_owned().try_into().expect("a bit rate")
    }

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
        if digits && (LEAST_RATE..=MOST_RATE).contains(&rate.bits()) {
            Ok(rate)
        } else {
            Err("a bit rate is a whole number with k or M, from 8k to 400M")
        }
    }
}

impl Value for BitRate {
    const KIND: Kind = Kind::BitRate { least: LEAST_RATE, most: MOST_RATE };
}

#[cfg(feature = "openapi")]
crate::text_schema!(BitRate, "^[0-9]{1,6}[kM]$");

impl From<BitRate> for String {
    fn from(rate: BitRate) -> String {
        rate.0
    }
}

whole!(
    /// x264's constant rate factor and NVENC's constant quality.
    Crf(u8), 0, 51
);
whole!(
    /// Which of a machine's GPUs.
    GpuNumber(u8), 0, 15
);
whole!(
    /// Bytes of one file. The upper end: 10,000 parts of 5 GiB are more than S3 takes in one object (5 TiB).
    FileBytes(u64), 1 << 20, 5 << 40
);
whole!(
    /// Bytes of a week's uploads.
    WeekBytes(u64), 1 << 20, 1 << 50
);
whole!(
    /// Days that a clip is kept; at most a hundred years.
    Days(u32), 1, LONGEST_LIFE_DAYS as u64
);

impl Value for bool {
    const KIND: Kind = Kind::Switch;
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_bounds_cannot_be_made() {
        assert_eq!(Crf::try_from(51).map(Crf::get), Ok(51));
        assert_eq!(Crf::try_from(52), Err("must be from 0 to 51".to_owned()));
        assert!(serde_json::from_str::<Crf>("52").is_err() && serde_json::from_str::<Crf>("-1").is_err());
        assert!(serde_json::from_str::<GpuNumber>("256").is_err(), "nor one that would wrap around");
        assert!(Days::try_from(0).is_err() && FileBytes::try_from((5 << 40) + 1).is_err());
    }

    #[test]
    fn bit_rates_out_of_bounds_cannot_be_made() {
        for bad in ["7k", "401M", "8", "8m", "", "1234567k"] {
            assert!(BitRate::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(BitRate::of("8M").bits(), 8_000_000);
    }
}
