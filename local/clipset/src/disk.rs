//! `clipset serve` looks after the disk that it shares with the bucket and nginx's cache.

use std::{convert::Infallible, fs, io, path::Path, time::Duration};

use clipset_core::disk::Space;
use clipset_service::Service;
use nix::sys::statvfs::statvfs;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Beside the tombstones: nginx stores nothing while this file is there. It is put there while there is room for it.
const FLAG: &str = "disk-full";

/// Looks, as long as the process lives. Without a folder that is shared with nginx there is no disk to look at.
pub async fn keep_looking(service: &Service) -> Infallible {
    let Some(folder) = &service.config.tombstones else { std::future::pending().await };
    if let Err(error) = fs::create_dir_all(folder) {
        tracing::warn!(%error, "there is no folder to tell nginx in how full the disk is");
    }
    let mut was = Level::Good;
    loop {
        let space = space(folder);
        service.disk.seen(space);
        let is = Level::of(space);
        if is != was {
            match is {
                Level::Good => tracing::info!("the disk has room again"),
                Level::Low => tracing::warn!("the disk is nearly full: delete clips or make room"),
                Level::Full => tracing::error!("the disk is full: delete clips or make room"),
            }
            was = is;
        }
        // Each time, for the sweep clears that folder of old files.
        if let Err(error) = flag(&folder.join(FLAG), is != Level::Good) {
            tracing::warn!(%error, "nginx could not be told how full the disk is");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Good,
    Low,
    Full,
}

impl Level {
    fn of(space: Option<Space>) -> Self {
        match space {
            Some(space) if space.is_full() => Self::Full,
            Some(space) if space.is_low() => Self::Low,
            _ => Self::Good,
        }
    }
}

fn flag(file: &Path, wanted: bool) -> io::Result<()> {
    match if wanted { fs::File::create_new(file).map(drop) } else { fs::remove_file(file) } {
        Err(error) if wanted && error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if !wanted && error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The disk that `folder` is on, if it says.
pub(crate) fn space(folder: &Path) -> Option<Space> {
    let disk = statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
    Some(Space { free: bytes(disk.blocks_available()), total: bytes(disk.blocks()) })
}
