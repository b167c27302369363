//! A segment read from its bytes: MPEG-TS (ISO/IEC 13818-1), H.264 Annex B, ADTS.

use std::collections::BTreeSet;

use crate::mpegts::elementary::{AdtsFrame, Sps, adts_frames, nal_units};

pub mod elementary;

/// The clock of time stamps, ticks a second.
pub const CLOCK: f64 = 90_000.0;

const PACKET: usize = 188;
const SYNC: u8 = 0x47;
const NULL_PID: u16 = 0x1fff;
/// Lower ones carry tables of the system.
const FIRST_MEDIA_PID: u16 = 0x20;
const H264: u8 = 0x1b;
const AAC_ADTS: u8 = 0x0f;
/// Time stamps have 33 bits and wrap after 26.5 hours.
const WRAP: i64 = 1 << 33;

/// What one segment holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contents {
    /// Its size.
    pub bytes: u64,
    /// It consists of whole packets, each with its sync byte.
    pub whole: bool,
    /// PAT and PMT come before any media.
    pub tables_first: bool,
    /// Programmes in the PAT.
    pub programmes: usize,
    /// Stream types of the PMT that are neither H.264 nor AAC in ADTS.
    pub foreign: BTreeSet<u8>,
    /// The first picture is an IDR picture (NAL unit type 5), so nothing before is needed.
    pub starts_with_idr: bool,
    /// The pictures' times; `None` without any.
    pub pictures: Option<Pictures>,
    /// Of the first picture.
    pub sps: Option<Sps>,
    /// The PMT lists sound.
    pub sound_listed: bool,
    /// The sound's times; `None` without any.
    pub sound: Option<Sound>,
}

/// When the pictures are shown, ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pictures {
    /// The first in the order of decoding.
    pub first: i64,
    /// The last to be shown.
    pub last: i64,
    /// The longest time from one to the next.
    pub longest_step: i64,
    /// How many.
    pub count: u64,
    /// Some are shown before the first.
    pub leading: bool,
}

/// When the sound is heard, ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    /// The beginning of the first frame.
    pub first: i64,
    /// The end of the last frame.
    pub end: i64,
    /// Of the first frame.
    pub frame: AdtsFrame,
}

/// Ticks from `earlier` to `later`, over the wrap of the clock.
pub fn ticks_between(earlier: i64, later: i64) -> i64 {
    let ticks = (later - earlier).rem_euclid(WRAP);
    if ticks > WRAP / 2 { ticks - WRAP } else { ticks }
}

impl Contents {
    /// Reads a whole segment.
    pub fn read(segment: &[u8]) -> Self {
        let mut reader = Reader::default();
        let packets = segment.chunks(PACKET);
        reader.contents.whole = packets.clone().all(|packet| packet.len() == PACKET && packet[0] == SYNC);
        for packet in packets.filter(|packet| packet.len() == PACKET && packet[0] == SYNC) {
            reader.packet(packet);
        }
        reader.end(segment.len() as u64)
    }
}

/// A stream of PES packets, put together from the payloads of one PID.
#[derive(Default)]
struct Pes {
    pid: Option<u16>,
    data: Vec<u8>,
}

#[derive(Default)]
struct Reader {
    contents: Contents,
    map: Option<u16>,
    streams_known: bool,
    media_seen: bool,
    video: Pes,
    audio: Pes,
    times: Vec<i64>,
}

impl Reader {
    fn packet(&mut self, packet: &[u8]) {
        let starts = packet[1] & 0x40 != 0;
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let adaptation = if packet[3] & 0x20 != 0 { 1 + usize::from(packet[4]) } else { 0 };
        let payload = if packet[3] & 0x10 != 0 { packet.get(4 + adaptation..).unwrap_or_default() } else { &[] };
        if pid == 0 && starts {
            self.programmes(payload);
        } else if Some(pid) == self.map && starts {
            self.streams(payload);
        } else if pid >= FIRST_MEDIA_PID && pid != NULL_PID && !self.streams_known {
            self.media_seen = true;
        }
        if Some(pid) == self.video.pid {
            if starts {
                self.end_of_picture();
            }
            self.video.data.extend_from_slice(payload);
        } else if Some(pid) == self.audio.pid {
            if starts {
                self.end_of_sound();
            }
            self.audio.data.extend_from_slice(payload);
        }
    }

    /// The PAT (§2.4.4.3).
    fn programmes(&mut self, payload: &[u8]) {
        let entries = section(payload).and_then(|section| section.get(8..section.len().checked_sub(4)?));
        // Programme 0 is the network's own table.
        let programmes = entries.unwrap_or_default().chunks_exact(4).filter(|entry| entry[..2] != [0, 0]);
        self.contents.programmes = self.contents.programmes.max(programmes.clone().count());
        let first = programmes.clone().next();
        self.map = self.map.or_else(|| first.map(|entry| u16::from_be_bytes([entry[2] & 0x1f, entry[3]])));
    }

    /// The PMT (§2.4.4.8).
    fn streams(&mut self, payload: &[u8]) {
        let Some(section) = section(payload) else { return };
        let Some(&[high, low]) = section.get(10..12) else { return };
        let info = usize::from(u16::from_be_bytes([high & 0x0f, low]));
        // The last four bytes are the section's checksum.
        let mut rest = section.get(12 + info..section.len().saturating_sub(4)).unwrap_or_default();
        while let [kind, high, low, info_high, info_low, tail @ ..] = rest {
            let pid = Some(u16::from_be_bytes([high & 0x1f, *low]));
            match *kind {
                H264 => self.video.pid = self.video.pid.or(pid),
                AAC_ADTS => self.audio.pid = self.audio.pid.or(pid),
                other => drop(self.contents.foreign.insert(other)),
            }
            rest = tail.get(usize::from(u16::from_be_bytes([info_high & 0x0f, *info_low]))..).unwrap_or_default();
        }
        if !self.streams_known {
            self.streams_known = true;
            self.contents.tables_first = !self.media_seen;
            self.contents.sound_listed = self.audio.pid.is_some();
        }
    }

    fn end_of_picture(&mut self) {
        let pes = std::mem::take(&mut self.video.data);
        let Some((Some(time), data)) = pes_packet(&pes) else { return };
        if self.times.is_empty() {
            for unit in nal_units(data) {
                match unit.first().map(|header| header & 0x1f) {
                    Some(7) => self.contents.sps = Sps::read(unit),
                    Some(5) => self.contents.starts_with_idr = true,
                    _ => {}
                }
                // Slices, data partitions included.
                if matches!(unit.first().map(|header| header & 0x1f), Some(1..=5)) {
                    break;
                }
            }
        }
        self.times.push(time);
    }

    fn end_of_sound(&mut self) {
        let pes = std::mem::take(&mut self.audio.data);
        let Some((Some(time), data)) = pes_packet(&pes) else { return };
        let frames = adts_frames(data);
        let Some(frame) = frames.first().copied() else { return };
        let lasts: f64 = frames.iter().map(AdtsFrame::seconds).sum();
        let end = time + (lasts * CLOCK).round() as i64;
        let sound = self.contents.sound.get_or_insert(Sound { first: time, end, frame });
        sound.end = end;
    }

    fn end(mut self, bytes: u64) -> Contents {
        self.end_of_picture();
        self.end_of_sound();
        self.contents.bytes = bytes;
        if let Some(&first) = self.times.first() {
            let mut order: Vec<i64> = self.times.iter().map(|time| ticks_between(first, *time)).collect();
            order.sort_unstable();
            let last = first + order.last().copied().unwrap_or_default();
            let longest_step = order.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
            let (count, leading) = (order.len() as u64, order[0] < 0);
            self.contents.pictures = Some(Pictures { first, last, longest_step, count, leading });
        }
        self.contents
    }
}

fn section(payload: &[u8]) -> Option<&[u8]> {
    let section = payload.get(1 + usize::from(*payload.first()?)..)?;
    let length = usize::from(u16::from_be_bytes([section.get(1)? & 0x0f, *section.get(2)?]));
    section.get(..3 + length)
}

/// The presentation time and the data of a PES packet (§2.4.3.6).
fn pes_packet(bytes: &[u8]) -> Option<(Option<i64>, &[u8])> {
    if bytes.get(..3)? != [0, 0, 1] {
        return None;
    }
    let data = bytes.get(9 + usize::from(*bytes.get(8)?)..)?;
    let stamp = bytes.get(9..14).filter(|_| bytes[7] & 0x80 != 0);
    Some((stamp.map(time_stamp), data))
}

/// 33 bits among markers.
fn time_stamp(bytes: &[u8]) -> i64 {
    let part = |index: usize, mask: u8| i64::from((bytes[index] & mask) >> 1);
    part(0, 0x0e) << 30 | i64::from(bytes[1]) << 22 | part(2, 0xfe) << 15 | i64::from(bytes[3]) << 7 | part(4, 0xfe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_over_the_wrap_of_the_clock() {
        assert_eq!(ticks_between(WRAP - 10, 20), 30);
        assert_eq!(ticks_between(100, 40), -60);
    }

    #[test]
    fn bytes_that_are_no_segment_hold_nothing() {
        for bytes in [&[][..], &[SYNC; PACKET * 3], &[0; 500], &[0xff; PACKET]] {
            let contents = Contents::read(bytes);
            assert!(contents.pictures.is_none() && contents.sound.is_none() && !contents.starts_with_idr);
        }
    }

    #[test]
    fn a_time_stamp_is_put_together_from_its_parts() {
        assert_eq!(time_stamp(&[0x21, 0, 1, 0, 1]), 0);
        assert_eq!(time_stamp(&[0x2f, 0xff, 0xff, 0xff, 0xff]), WRAP - 1);
        assert_eq!(time_stamp(&[0x21, 0x00, 0x05, 0xbf, 0x21]), 90_000);
    }
}
