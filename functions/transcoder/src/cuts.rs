//! Where a stream is cut: at the source's own key frames when it is copied.

/// The wanted length of a segment, seconds.
pub const SEGMENT: f64 = 4.0;

/// The longest segment that a copied stream may have, seconds.
pub const LONGEST_COPIED: f64 = 6.0;

/// Pictures further apart than this, seconds, have a pause between them.
const PAUSE: f64 = 2.0;

/// One packet of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Packet {
    /// Its stream, where that was asked for.
    pub stream: Option<u32>,
    /// When it is shown, seconds.
    pub shown: Option<f64>,
    /// When it is decoded, seconds.
    pub decoded: Option<f64>,
    /// For how long, seconds.
    pub duration: Option<f64>,
    /// A key frame, or what the container takes for one.
    pub key: bool,
    /// Decoded and not shown: an edit list cuts it away.
    pub hidden: bool,
    /// Not all of it is there.
    pub corrupt: bool,
}

impl Packet {
    /// Reads `key=value` pairs with `|` between them, as ffprobe's compact writer makes them.
    pub fn parse(line: &str) -> Self {
        let mut packet = Self::default();
        for (name, value) in line.split('|').filter_map(|pair| pair.split_once('=')) {
            match name {
                "stream_index" => packet.stream = value.parse().ok(),
                "pts_time" => packet.shown = value.parse().ok(),
                "dts_time" => packet.decoded = value.parse().ok(),
                "duration_time" => packet.duration = value.parse().ok(),
                "flags" => {
                    packet.key = value.contains('K');
                    packet.hidden = value.contains('D');
                    packet.corrupt = value.contains('C');
                }
                _ => {}
            }
        }
        packet
    }
}

/// What the packets of the picture say; times in seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pictures {
    /// When key frames are shown, in order.
    pub keys: Vec<f64>,
    /// When the first picture is shown.
    pub first: f64,
    /// When the last picture ends.
    pub end: f64,
    /// How many.
    pub count: u64,
    /// Some are decoded and not shown: an edit list cuts into the stream.
    pub hidden: bool,
    /// Some are shown before the key frame that they follow in the file: an open GOP.
    pub leading: bool,
    /// Times are missing or go back.
    pub disordered: bool,
    /// Some are not whole.
    pub corrupt: bool,
    /// Where the pictures go on after a pause: from the last one before it to the next one.
    pub pauses: Vec<(f64, f64)>,
    last_decoded: Option<f64>,
    newest: f64,
}

impl Pictures {
    /// Takes up the next packet in the order of the file.
    pub fn add(&mut self, packet: Packet) {
        self.hidden |= packet.hidden;
        self.corrupt |= packet.corrupt;
        let Some(shown) = packet.shown else {
            self.disordered = true;
            return;
        };
        // Matroska has no decoding times; FFmpeg derives them once it has seen the reordering.
        if packet.decoded.is_none() && self.last_decoded.is_some()
            || packet.decoded.zip(self.last_decoded).is_some_and(|(now, last)| now <= last)
        {
            self.disordered = true;
        }
        self.last_decoded = packet.decoded.or(self.last_decoded);
        match self.keys.last() {
            None if !packet.key => self.leading = true,
            Some(key) if shown < *key => self.leading = true,
            _ => {}
        }
        if packet.key && self.keys.last().is_none_or(|key| shown > *key) {
            self.keys.push(shown);
        }
        if self.count > 0 && shown - self.newest > PAUSE {
            self.pauses.push((self.newest, shown));
        }
        self.newest = if self.count == 0 { shown } else { self.newest.max(shown) };
        self.first = if self.count == 0 { shown } else { self.first.min(shown) };
        self.end = self.end.max(shown + packet.duration.unwrap_or_default());
        self.count += 1;
    }

    /// When the last picture is shown.
    pub fn newest(&self) -> f64 {
        self.newest
    }

    /// The times at which FFmpeg's hls muxer cuts the copied stream, without its start: the n-th
    /// cut is the first key frame after the one before it that is at least n times [`SEGMENT`]
    /// after `start`, where the earliest packet of sound or picture is (hlsenc.c, `hls_write_packet`).
    pub fn cuts(&self, start: f64) -> Vec<f64> {
        let mut cuts = Vec::new();
        for key in self.keys.iter().skip(1) {
            // A tick of the 90 kHz clock: FFmpeg compares rounded times.
            if key - start + 1.0 / 90_000.0 >= SEGMENT * (cuts.len() + 1) as f64 {
                cuts.push(*key);
            }
        }
        cuts
    }

    /// The longest segment that `cuts` make, seconds.
    pub fn longest(&self, cuts: &[f64]) -> f64 {
        let ends = cuts.iter().copied().chain([self.end]);
        let starts = [self.first].into_iter().chain(cuts.iter().copied());
        starts.zip(ends).map(|(start, end)| end - start).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(keys: &[f64], end: f64) -> Pictures {
        Pictures { keys: keys.to_vec(), end, ..Pictures::default() }
    }

    #[test]
    fn packets_are_read_as_ffprobe_writes_them() {
        let packet = Packet::parse("pts_time=1.500000|dts_time=1.400000|duration_time=0.033333|flags=K_");
        assert_eq!(packet.shown, Some(1.5));
        assert!(packet.key && !packet.hidden);
        assert!(Packet::parse("pts_time=N/A|dts_time=0.1|flags=_D").hidden);
        assert_eq!(Packet::parse("pts_time=N/A").shown, None);
    }

    #[test]
    fn cuts_are_the_first_key_frames_at_or_after_each_multiple() {
        for (keys, cuts) in [
            (&[0.0, 2.0, 4.0, 6.0, 8.0][..], &[4.0, 8.0][..]),
            (&[0.0, 3.0, 6.0, 9.0, 12.0], &[6.0, 9.0, 12.0]),
            (&[0.0, 8.333], &[8.333]),
            (&[0.0, 1.0, 2.0], &[]),
            (&[], &[]),
        ] {
            assert_eq!(stream(keys, 14.0).cuts(0.0), cuts, "{keys:?}");
        }
    }

    #[test]
    fn sound_that_starts_earlier_moves_the_multiples() {
        assert_eq!(stream(&[0.05, 3.99, 8.05], 10.0).cuts(-0.02), [3.99, 8.05]);
        assert_eq!(stream(&[0.05, 3.99, 8.05], 10.0).cuts(0.05), [8.05]);
    }

    #[test]
    fn the_longest_segment_may_be_the_last() {
        let pictures = stream(&[0.0, 4.0], 11.0);
        assert_eq!(pictures.longest(&[4.0]), 7.0);
        assert_eq!(pictures.longest(&[]), 11.0);
    }

    #[test]
    fn open_gops_hidden_pictures_and_disorder_are_noticed() {
        let packet = |shown: f64, decoded: f64, key| Packet {
            shown: Some(shown),
            decoded: Some(decoded),
            duration: Some(0.04),
            key,
            ..Packet::default()
        };
        let add = |packets: &[Packet]| {
            let mut pictures = Pictures::default();
            packets.iter().for_each(|packet| pictures.add(*packet));
            pictures
        };
        let closed = add(&[packet(0.0, -0.04, true), packet(0.08, 0.0, false), packet(0.04, 0.04, false)]);
        assert!(!closed.leading && !closed.disordered);
        assert!((closed.end - 0.12).abs() < 1e-9);
        let paused = add(&[packet(0.0, 0.0, true), packet(0.04, 0.04, false), packet(30.0, 0.08, false)]);
        assert_eq!(paused.pauses, [(0.04, 30.0)]);
        assert!(add(&[packet(0.0, -0.04, true), packet(0.12, 0.0, true), packet(0.08, 0.04, false)]).leading);
        assert!(add(&[packet(0.0, 0.0, false)]).leading, "no key frame first");
        assert!(add(&[packet(0.0, 0.0, true), packet(0.04, 0.0, false)]).disordered);
        assert!(add(&[Packet { hidden: true, ..packet(0.0, 0.0, true) }]).hidden);
    }
}
