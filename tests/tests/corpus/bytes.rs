//! Surgery on files: what no encoder writes.

use std::{path::Path, sync::Arc};

/// From the bytes of a file, and the folder that it stands in, to other bytes.
pub(crate) type Surgery = fn(Vec<u8>, &Path) -> Vec<u8>;

/// The place of the payload of the first box of this name, searched everywhere.
fn payload(file: &[u8], name: &[u8; 4]) -> usize {
    file.windows(4).position(|window| window == name).expect("such a box") + 4
}

/// Sets the matrix of the first track, `a b; c d` in whole numbers, and the shift that brings the picture back to zero.
fn set_matrix(mut file: Vec<u8>, [a, b, c, d]: [i32; 4]) -> Vec<u8> {
    // Version 0: flags, times, id and so on take 40 bytes, the matrix 36; then the size (ISO/IEC 14496-12 §8.3.2).
    let at = payload(&file, b"tkhd") + 40;
    let number = |at: usize| i32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    let (width, height) = (number(at + 36), number(at + 40));
    // To the right and down is positive, so what turns negative is shifted by as much.
    let shift = |by_width: i32, by_height: i32| -(by_width.min(0) * width + by_height.min(0) * height);
    let one = 1 << 16;
    let matrix = [a * one, b * one, 0, c * one, d * one, 0, shift(a, c), shift(b, d), 1 << 30];
    for (n, value) in matrix.iter().enumerate() {
        file[at + 4 * n..at + 4 * n + 4].copy_from_slice(&value.to_be_bytes());
    }
    file
}

/// Left is right.
pub(crate) fn flip_horizontally(file: Vec<u8>, _: &Path) -> Vec<u8> {
    set_matrix(file, [-1, 0, 0, 1])
}

/// Above is below.
pub(crate) fn flip_vertically(file: Vec<u8>, _: &Path) -> Vec<u8> {
    set_matrix(file, [1, 0, 0, -1])
}

/// By a quarter, clockwise.
pub(crate) fn turn_right(file: Vec<u8>, _: &Path) -> Vec<u8> {
    set_matrix(file, [0, 1, -1, 0])
}

/// By a quarter, the other way.
pub(crate) fn turn_left(file: Vec<u8>, _: &Path) -> Vec<u8> {
    set_matrix(file, [0, -1, 1, 0])
}

/// By a half.
pub(crate) fn turn_over(file: Vec<u8>, _: &Path) -> Vec<u8> {
    set_matrix(file, [-1, 0, 0, -1])
}

/// Puts `more` at the end of the box `name`, whose parents are `parents`, outermost first. The
/// index stands behind the media, so that nothing that it points at moves.
fn append(mut file: Vec<u8>, parents: &[&[u8; 4]], name: &[u8; 4], more: &[u8]) -> Vec<u8> {
    let size =
        |file: &[u8], payload: usize| u32::from_be_bytes(file[payload - 8..payload - 4].try_into().unwrap()) as usize;
    let inner = payload(&file, name);
    let end = inner - 8 + size(&file, inner);
    for parent in parents.iter().chain([&name]) {
        let at = payload(&file, parent);
        let grown = (size(&file, at) + more.len()) as u32;
        file[at - 8..at - 4].copy_from_slice(&grown.to_be_bytes());
    }
    file.splice(end..end, more.iter().copied());
    file
}

/// Says that HEVC in HLG is Dolby Vision profile 8.4: the configuration box of phones.
pub(crate) fn dolby_vision(file: Vec<u8>, _: &Path) -> Vec<u8> {
    let (profile, level, compatibility) = (8_u8, 1_u8, 4_u8);
    // Version 1.0; profile 7 bits, level 6 bits, RPU and base layer there, no enhancement layer.
    let mut content = vec![1, 0, profile << 1 | level >> 5, (level & 0x1f) << 3 | 0b101, compatibility << 4];
    content.resize(24, 0);
    let mut dvvc = 32_u32.to_be_bytes().to_vec();
    dvvc.extend_from_slice(b"dvvC");
    dvvc.extend(content);
    append(file, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"], b"hvc1", &dvvc)
}

/// The media are said to lie in another file, `bait` in the same folder (QuickTime's alias).
pub(crate) fn refer_to_bait(mut file: Vec<u8>, folder: &Path) -> Vec<u8> {
    let path = folder.join("bait");
    let path = path.to_str().unwrap().as_bytes();
    // As FFmpeg reads an alias: 10 bytes, a volume of 28, 12, a file name of 64, 16, then records.
    let mut alias = vec![0; 10 + 28 + 12 + 64 + 16];
    alias.extend_from_slice(&2_u16.to_be_bytes());
    alias.extend_from_slice(&(path.len() as u16).to_be_bytes());
    alias.extend_from_slice(path);
    alias.extend_from_slice(&[0xff, 0xff, 0, 0]);
    alias.resize(alias.len().max(160), 0);
    let at = payload(&file, b"dref") + 8;
    let mut entry = (12 + alias.len() as u32).to_be_bytes().to_vec();
    entry.extend_from_slice(b"alis\0\0\0\0");
    entry.extend(alias);
    // The one entry of 12 bytes, `url `, makes room for it.
    let more = entry.len() - 12;
    for parent in [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"] {
        let place = payload(&file, parent) - 8;
        let size = u32::from_be_bytes(file[place..place + 4].try_into().unwrap()) + more as u32;
        file[place..place + 4].copy_from_slice(&size.to_be_bytes());
    }
    file.splice(at..at + 12, entry);
    file
}

/// Three of five bytes are left.
pub(crate) fn cut_off(mut file: Vec<u8>, _: &Path) -> Vec<u8> {
    file.truncate(file.len() * 3 / 5 + 77);
    file
}

/// A hole of 3,000 bytes in the middle.
pub(crate) fn hole(mut file: Vec<u8>, _: &Path) -> Vec<u8> {
    let at = file.len() / 2;
    file[at..at + 3_000].fill(0x55);
    file
}

/// Everything behind the first 4,000 bytes is noise of a fixed seed.
pub(crate) fn noise(mut file: Vec<u8>, _: &Path) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    for byte in file.iter_mut().skip(4_000) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *byte = state as u8;
    }
    file
}

/// A file that must not be opened: a named pipe, which tells when somebody does.
pub(crate) struct Bait {
    path: std::path::PathBuf,
    taken: Arc<std::sync::atomic::AtomicBool>,
}

impl Bait {
    /// Lays it as `bait` in `folder`.
    pub(crate) fn lay(folder: &Path) -> Self {
        use std::sync::atomic::{AtomicBool, Ordering};
        let path = folder.join("bait");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let taken = Arc::new(AtomicBool::new(false));
        let (pipe, flag) = (path.clone(), taken.clone());
        std::thread::spawn(move || {
            // Waits until somebody opens the other end.
            if std::fs::OpenOptions::new().write(true).open(pipe).is_ok() {
                flag.store(true, Ordering::SeqCst);
            }
        });
        Self { path, taken }
    }

    /// Nobody opened it so far; the pipe itself still works.
    pub(crate) fn is_untouched(&self) -> bool {
        let untouched = !self.taken.load(std::sync::atomic::Ordering::SeqCst);
        // Lets the waiting thread go, and shows that the bait would have told.
        drop(std::fs::File::open(&self.path).unwrap());
        untouched
    }
}
