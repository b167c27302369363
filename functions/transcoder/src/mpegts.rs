//! What a finished MPEG-TS segment holds (ISO/IEC 13818-1, H.264 Annex B, ADTS): read from the
//! bytes, because the muxer's own word is not proof.

/// The clock of MPEG time stamps, ticks a second.
pub const CLOCK: f64 = 90_000.0;

const PACKET: usize = 188;
const SYNC: u8 = 0x47;
const H264: u8 = 0x1b;
const AAC_ADTS: u8 = 0x0f;
/// Time stamps have 33 bits and wrap after 26.5 hours.
const WRAP: i64 = 1 << 33;

/// What one segment holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contents {
    /// Its size.
    pub bytes: u64,
    /// The first picture is an IDR picture (NAL unit type 5), so nothing before is needed.
    pub starts_with_idr: bool,
    /// Presentation time of the first picture, ticks.
    pub first: i64,
    /// The latest presentation time of a picture, ticks.
    pub last: i64,
    /// Pictures.
    pub pictures: u64,
    /// Profile, constraint flags and level of the first SPS.
    pub profile: Option<[u8; 3]>,
    /// The audio object type of the first AAC frame; 2 is AAC-LC.
    pub audio_object: Option<u8>,
    /// Where it can be played from, its beginning included.
    pub entries: Vec<Entry>,
}

/// A place to play from: program tables with an IDR picture right behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Presentation time of the picture, ticks.
    pub time: i64,
    /// Where its program tables begin.
    pub byte: u64,
}

impl Contents {
    /// Reads a whole segment.
    pub fn read(segment: &[u8]) -> Self {
        let mut reader = Reader::default();
        for (number, packet) in segment.chunks_exact(PACKET).enumerate().filter(|(_, packet)| packet[0] == SYNC) {
            reader.packet(packet, number * PACKET);
        }
        reader.end_of_picture();
        reader.contents.bytes = segment.len() as u64;
        reader.contents
    }

    /// RFC 6381, such as `avc1.64001f,mp4a.40.2`; `None` without a picture.
    pub fn codecs(&self) -> Option<String> {
        let [profile, flags, level] = self.profile?;
        let picture = format!("avc1.{profile:02x}{flags:02x}{level:02x}");
        Some(match self.audio_object {
            Some(object) => format!("{picture},mp4a.40.{object}"),
            None => picture,
        })
    }
}

/// Ticks from `earlier` to `later`, over the wrap of the clock.
pub fn ticks_between(earlier: i64, later: i64) -> i64 {
    let ticks = (later - earlier).rem_euclid(WRAP);
    if ticks > WRAP / 2 { ticks - WRAP } else { ticks }
}

#[derive(Default)]
struct Reader {
    contents: Contents,
    map: Option<u16>,
    video: Option<u16>,
    audio: Option<u16>,
    /// Where the program tables began that nothing but tables has followed.
    tables: Option<usize>,
    picture: Option<Started>,
}

/// A picture that is looked into: the first, and each that has program tables before it.
struct Started {
    data: Vec<u8>,
    first: bool,
    entry: Entry,
}

impl Reader {
    fn packet(&mut self, packet: &[u8], at: usize) {
        let starts = packet[1] & 0x40 != 0;
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let adaptation = if packet[3] & 0x20 != 0 { 1 + usize::from(packet[4]) } else { 0 };
        let Some(payload) = packet.get(4 + adaptation..).filter(|_| packet[3] & 0x10 != 0) else { return };
        let tables = self.tables.take();
        if pid == 0 && starts {
            self.map = self.map.or_else(|| program_map(payload));
            self.tables = Some(at);
        } else if Some(pid) == self.map && starts {
            self.streams(payload);
            self.tables = tables;
        } else if Some(pid) == self.video {
            self.video(payload, starts, tables);
        } else if Some(pid) == self.audio && starts && self.contents.audio_object.is_none() {
            self.contents.audio_object = pes(payload).and_then(|(_, data)| adts_object(data));
        }
    }

    fn streams(&mut self, payload: &[u8]) {
        let Some(section) = section(payload) else { return };
        let Some(info) = section.get(10..12).map(|b| usize::from(u16::from_be_bytes([b[0] & 0x0f, b[1]]))) else {
            return;
        };
        // The last four bytes are the section's checksum.
        let mut rest = section.get(12 + info..section.len().saturating_sub(4)).unwrap_or_default();
        while let [kind, high, low, info_high, info_low, tail @ ..] = rest {
            let pid = u16::from_be_bytes([high & 0x1f, *low]);
            match *kind {
                H264 => self.video = self.video.or(Some(pid)),
                AAC_ADTS => self.audio = self.audio.or(Some(pid)),
                _ => {}
            }
            rest = tail.get(usize::from(u16::from_be_bytes([info_high & 0x0f, *info_low]))..).unwrap_or_default();
        }
    }

    fn video(&mut self, payload: &[u8], starts: bool, tables: Option<usize>) {
        if !starts {
            if let Some(picture) = &mut self.picture {
                picture.data.extend_from_slice(payload);
            }
            return;
        }
        self.end_of_picture();
        let Some((time, data)) = pes(payload) else { return };
        let contents = &mut self.contents;
        if let Some(time) = time {
            let first = contents.pictures == 0;
            if first {
                (contents.first, contents.last) = (time, time);
            } else if ticks_between(contents.last, time) > 0 {
                contents.last = time;
            }
            // What stands before the first tables belongs to the segment's beginning.
            let entry = if first { Some(0) } else { tables }.map(|byte| Entry { time, byte: byte as u64 });
            self.picture = entry.map(|entry| Started { data: data.to_vec(), first, entry });
        }
        contents.pictures += 1;
    }

    fn end_of_picture(&mut self) {
        let Some(Started { data, first, entry }) = self.picture.take() else { return };
        for unit in nal_units(&data) {
            match unit.first().map(|header| header & 0x1f) {
                Some(7) if first => self.contents.profile = unit.get(1..4).and_then(|bytes| bytes.try_into().ok()),
                Some(5) => {
                    self.contents.starts_with_idr |= first;
                    self.contents.entries.push(entry);
                    return;
                }
                // A slice of another picture, data partitions included.
                Some(1..=4) => return,
                _ => {}
            }
        }
    }
}

fn section(payload: &[u8]) -> Option<&[u8]> {
    let pointer = usize::from(*payload.first()?);
    let section = payload.get(1 + pointer..)?;
    let length = usize::from(u16::from_be_bytes([section.get(1)? & 0x0f, *section.get(2)?]));
    section.get(..3 + length)
}

fn program_map(payload: &[u8]) -> Option<u16> {
    let programs = section(payload)?.get(8..)?;
    let entry = programs.chunks_exact(4).find(|entry| entry[0] != 0 || entry[1] != 0)?;
    Some(u16::from_be_bytes([entry[2] & 0x1f, entry[3]]))
}

/// The presentation time and the data of a PES packet's beginning.
fn pes(payload: &[u8]) -> Option<(Option<i64>, &[u8])> {
    if payload.get(..3)? != [0, 0, 1] {
        return None;
    }
    let header = usize::from(*payload.get(8)?);
    let data = payload.get(9 + header..)?;
    let time = (payload[7] & 0x80 != 0).then(|| payload.get(9..14)).flatten().map(|b| {
        let bits = |byte: u8| i64::from(byte);
        ((bits(b[0]) >> 1) & 7) << 30 | bits(b[1]) << 22 | (bits(b[2]) >> 1) << 15 | bits(b[3]) << 7 | bits(b[4]) >> 1
    });
    Some((time, data))
}

/// The NAL units of an Annex B stream, without their start codes.
fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream);
    std::iter::from_fn(move || {
        let unit = rest?;
        rest = after_start_code(unit);
        let length = rest.map_or(unit.len(), |next| unit.len() - next.len() - 3);
        Some(&unit[..length])
    })
}

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    stream.windows(3).position(|window| window == [0, 0, 1]).map(|at| &stream[at + 3..])
}

/// The audio object type in an ADTS header (ISO/IEC 13818-7 §6.2).
fn adts_object(data: &[u8]) -> Option<u8> {
    let [0xff, sync, profile, ..] = data else { return None };
    (sync & 0xf6 == 0xf0).then_some((profile >> 6) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nal_units_lie_between_start_codes_of_either_length() {
        let stream = [0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x65, 9];
        let units: Vec<&[u8]> = nal_units(&stream).collect();
        assert_eq!(units, [&[0x09, 0xf0][..], &[0x67, 1, 2, 3], &[0x65, 9]]);
        assert_eq!(nal_units(&[1, 2, 3]).count(), 0);
    }

    #[test]
    fn codecs_are_spelled_as_rfc_6381_wants() {
        let contents = Contents { profile: Some([0x64, 0, 0x1f]), audio_object: Some(2), ..Contents::default() };
        assert_eq!(contents.codecs().as_deref(), Some("avc1.64001f,mp4a.40.2"));
        let silent = Contents { audio_object: None, ..contents };
        assert_eq!(silent.codecs().as_deref(), Some("avc1.64001f"));
        assert_eq!(Contents::default().codecs(), None);
    }

    #[test]
    fn time_goes_on_over_the_wrap_of_the_clock() {
        assert_eq!(ticks_between(WRAP - 10, 20), 30);
        assert_eq!(ticks_between(100, 40), -60);
    }

    #[test]
    fn bytes_that_are_no_segment_hold_nothing() {
        for bytes in [&[][..], &[SYNC; 188 * 3], &[0; 500], &[0xff; 188]] {
            let contents = Contents::read(bytes);
            assert!(!contents.starts_with_idr && contents.profile.is_none());
        }
    }
}
