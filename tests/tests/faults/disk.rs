//! A small disk of its own for the system under test, to be filled and freed.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// More than a runner asks for before it begins; memory is taken only while it is filled.
const SIZE: &str = "size=1200m";

/// Unmounted with the test.
pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one at `at`; `None` where this process may not.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "clipset-faults"]).arg(at).output().ok()?;
        mounted.status.success().then(|| Self { at: at.to_owned() })
    }

    /// Fills it to the last byte; free again when the answer is dropped.
    pub(crate) fn fill(&self) -> Filled {
        let path = self.at.join("filled");
        let mut file = File::create(&path).unwrap();
        for block in [1 << 20, 4096] {
            let zeros = vec![0; block];
            while file.write_all(&zeros).is_ok() {}
        }
        Filled(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

/// A disk without space.
pub(crate) struct Filled(PathBuf);

impl Drop for Filled {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
