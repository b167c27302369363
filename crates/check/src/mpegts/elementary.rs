//! What is inside of PES packets: NAL units of H.264 and frames of AAC.

use h264_reader::{
    nal::sps::SeqParameterSet,
    rbsp::{BitReader, decode_nal},
};

/// What a sequence parameter set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// Profile, constraint flags and level.
    pub profile: [u8; 3],
    /// Pixels after cropping.
    pub size: (u32, u32),
    /// The shape of a pixel; 1:1 if nothing is said.
    pub aspect: (u16, u16),
}

impl Sps {
    /// Reads a NAL unit of type 7, header included; `None` if it is damaged.
    pub fn read(unit: &[u8]) -> Option<Self> {
        let profile = unit.get(1..4)?.try_into().ok()?;
        let payload = decode_nal(unit).ok()?;
        let sps = SeqParameterSet::from_bits(BitReader::new(&*payload)).ok()?;
        let aspect = sps.vui_parameters.as_ref().and_then(|vui| vui.aspect_ratio_info.as_ref()?.get());
        Some(Self { profile, size: sps.pixel_dimensions().ok()?, aspect: aspect.unwrap_or((1, 1)) })
    }

    /// RFC 6381: `avc1.64001f`.
    pub fn codec(&self) -> String {
        let [profile, flags, level] = self.profile;
        format!("avc1.{profile:02x}{flags:02x}{level:02x}")
    }
}

/// The header of a frame of AAC (ISO/IEC 13818-7 §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdtsFrame {
    /// The audio object type; 2 is AAC-LC.
    pub object: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// The channel configuration; 2 is stereo.
    pub channels: u8,
}

impl AdtsFrame {
    /// How long a frame is heard.
    pub fn seconds(&self) -> f64 {
        1024.0 / f64::from(self.sample_rate)
    }

    /// RFC 6381: `mp4a.40.2`.
    pub fn codec(&self) -> String {
        format!("mp4a.40.{}", self.object)
    }

    /// The header at the beginning of `data`, and the bytes that the frame takes.
    fn read(data: &[u8]) -> Option<(Self, usize)> {
        const RATES: [u32; 13] =
            [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
        let &[0xff, sync, b2, b3, b4, b5, ..] = data else { return None };
        let length = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5) >> 5;
        let sample_rate = *RATES.get(usize::from(b2 >> 2 & 0x0f))?;
        let frame = Self { object: (b2 >> 6) + 1, sample_rate, channels: (b2 & 1) << 2 | b3 >> 6 };
        (sync & 0xf6 == 0xf0 && length >= 7).then_some((frame, length))
    }
}

/// The frames that begin in `data`, which begins with one.
pub fn adts_frames(mut data: &[u8]) -> Vec<AdtsFrame> {
    let mut frames = Vec::new();
    while let Some((frame, length)) = AdtsFrame::read(data) {
        frames.push(frame);
        data = data.get(length..).unwrap_or_default();
    }
    frames
}

/// The NAL units of an Annex B stream, without their start codes.
pub fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = stream.windows(3).enumerate().filter(|(_, window)| *window == [0, 0, 1]).map(|(at, _)| at + 3);
    let mut next = starts.next();
    std::iter::from_fn(move || {
        let start = next?;
        next = starts.next();
        // A start code of four bytes leaves a zero at the end, which is none of the unit's.
        let unit = &stream[start..next.map_or(stream.len(), |next| next - 3)];
        Some(unit.strip_suffix(&[0]).unwrap_or(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nal_units_lie_between_start_codes_of_either_length() {
        let stream = [0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x65, 9];
        let units: Vec<&[u8]> = nal_units(&stream).collect();
        assert_eq!(units, [&[0x09, 0xf0][..], &[0x67, 1, 2, 3], &[0x65, 9]]);
        assert_eq!(nal_units(&[1, 2, 3]).count(), 0);
    }

    #[test]
    fn frames_of_sound_are_counted_by_their_lengths() {
        // AAC-LC, 48 kHz, stereo, 9 bytes.
        let frame = [0xff, 0xf1, 0x4c, 0x80, 0x01, 0x3f, 0xfc, 1, 2];
        let expected = AdtsFrame { object: 2, sample_rate: 48_000, channels: 2 };
        assert_eq!(adts_frames(&[frame, frame].concat()), [expected, expected]);
        assert_eq!(expected.codec(), "mp4a.40.2");
        assert_eq!(adts_frames(&[0xff; 20]), []);
    }

    #[test]
    fn a_damaged_parameter_set_says_nothing() {
        assert_eq!(Sps::read(&[0x67]), None);
        assert_eq!(Sps::read(&[0x67, 0x64, 0, 0x1f]), None);
    }
}
