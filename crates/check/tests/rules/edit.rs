//! Ways to break a stream. Each panics if there is nothing to change, so that a test cannot pass by chance.

use std::{fs, path::Path};

const PACKET: usize = 188;

/// Replaces every `from` by `to` in a playlist.
pub(crate) fn in_text(root: &Path, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(root.join(name)).unwrap();
    assert!(text.contains(from), "{from:?} is not in {text}");
    fs::write(root.join(name), text.replace(from, to)).unwrap();
}

/// Changes every packet of a segment.
pub(crate) fn in_packets(root: &Path, name: &str, mut change: impl FnMut(&mut [u8])) {
    let before = fs::read(root.join(name)).unwrap();
    let mut after = before.clone();
    after.chunks_exact_mut(PACKET).for_each(&mut change);
    assert_ne!(before, after);
    fs::write(root.join(name), after).unwrap();
}

/// Replaces the first `from` by `to`, as long.
pub(crate) fn in_first_picture(root: &Path, name: &str, from: &[u8], to: &[u8]) {
    let mut bytes = fs::read(root.join(name)).unwrap();
    let found = bytes.windows(from.len()).position(|window| window == from);
    let at = found.unwrap_or_else(|| panic!("{from:02x?} is not in {name}"));
    bytes[at..at + to.len()].copy_from_slice(to);
    fs::write(root.join(name), bytes).unwrap();
}

/// Puts `more` behind a segment.
pub(crate) fn stuff(root: &Path, name: &str, more: &[u8]) {
    let mut bytes = fs::read(root.join(name)).unwrap();
    bytes.extend_from_slice(more);
    fs::write(root.join(name), bytes).unwrap();
}

/// Puts a packet of media that nothing names before packet `number`.
pub(crate) fn insert(root: &Path, name: &str, number: usize, pid: u16) {
    let mut bytes = fs::read(root.join(name)).unwrap();
    let mut packet = [0xff; PACKET];
    let [high, low] = pid.to_be_bytes();
    packet[..4].copy_from_slice(&[0x47, high, low, 0x10]);
    bytes.splice(number * PACKET..number * PACKET, packet);
    fs::write(root.join(name), bytes).unwrap();
}

/// Moves all presentation and decoding times of a segment by `seconds`.
pub(crate) fn shift(root: &Path, name: &str, seconds: f64) {
    let ticks = (seconds * 90_000.0) as i64;
    in_packets(root, name, |packet| {
        let payload = 4 + if packet[3] & 0x20 != 0 { 1 + usize::from(packet[4]) } else { 0 };
        let starts = packet[1] & 0x40 != 0;
        if !starts || packet.get(payload..payload + 3) != Some(&[0, 0, 1]) {
            return;
        }
        for (flag, offset) in [(0x80, 9), (0x40, 14)] {
            if packet[payload + 7] & flag != 0 {
                move_stamp(&mut packet[payload + offset..payload + offset + 5], ticks);
            }
        }
    });
}

fn move_stamp(bytes: &mut [u8], ticks: i64) {
    let part = |index: usize, mask: u8| i64::from((bytes[index] & mask) >> 1);
    let time = part(0, 0x0e) << 30
        | i64::from(bytes[1]) << 22
        | part(2, 0xfe) << 15
        | i64::from(bytes[3]) << 7
        | part(4, 0xfe);
    let time = time + ticks;
    bytes[0] = bytes[0] & 0xf1 | ((time >> 30) as u8 & 7) << 1;
    bytes[1] = (time >> 22) as u8;
    bytes[2] = ((time >> 15) as u8) << 1 | 1;
    bytes[3] = (time >> 7) as u8;
    bytes[4] = (time as u8) << 1 | 1;
}
