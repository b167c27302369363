//! Small disks for tests: a tmpfs in a [mount namespace](crate::namespace) that ends with the test, so nothing is left
//! mounted.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use nix::sys::statvfs::statvfs;

/// A disk that is full as soon as a test wants it to be.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of `megabytes` at `folder`, which is made.
    ///
    /// # Panics
    /// Outside of a namespace where nobody may.
    pub fn mount(folder: &Path, megabytes: u32) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=700"), "tmpfs"]).arg(folder);
        assert!(mount.status().expect("mount runs").success(), "no disk at {}", folder.display());
        Self { folder: folder.to_owned() }
    }

    /// Bytes that may still be written.
    ///
    /// # Panics
    /// If the file system does not say.
    pub fn free(&self) -> u64 {
        let disk = statvfs(&self.folder).expect("a disk");
        disk.blocks_available() * disk.fragment_size()
    }

    /// Fills it, but for about `left` bytes.
    ///
    /// # Panics
    /// For other reasons than a full disk.
    pub fn fill(&self, left: u64) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).expect("a file");
        while self.free() > left {
            let piece = usize::try_from((self.free() - left).min(1 << 20)).expect("small");
            match filler.write_all(&vec![1; piece]) {
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return,
                written => written.expect("written"),
            }
        }
    }

    /// Takes away what filled it.
    ///
    /// # Panics
    /// If nothing did.
    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("a filler");
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
