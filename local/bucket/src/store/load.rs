//! Start of the store: folders made, leftovers of killed processes removed, the index read from the files.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::format::Summary;
use super::index::Index;
use super::{open, relative_path, sync_folder};
use crate::error::{During, Error};

/// Reading headers waits for the disk, not for the processor.
const READERS: usize = 8;

pub(super) fn prepare(root: &Path) -> Result<(), Error> {
    let objects = root.join("objects");
    for folder in [&objects, &root.join("multipart"), &root.join("tmp")] {
        fs::create_dir_all(folder).during("create the bucket's folders")?;
    }
    for shard in 0..=255u8 {
        match fs::create_dir(objects.join(format!("{shard:02x}"))) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).during("create the bucket's folders");
            }
            _ => {}
        }
    }
    clear(&root.join("tmp")).during("remove temporary files")?;
    sync_folder(&objects)?;
    sync_folder(root)?;
    // The folder itself may be new, and an object in it must not vanish with its name.
    root.canonicalize().during("find the bucket's folder")?.parent().map_or(Ok(()), sync_folder)
}

fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

pub(super) fn read_index(objects: &Path) -> Result<Index, Error> {
    let next = AtomicUsize::new(0);
    let read = || -> Result<Vec<_>, Error> {
        let mut entries = Vec::new();
        loop {
            let shard = next.fetch_add(1, Ordering::Relaxed);
            if shard > 255 {
                return Ok(entries);
            }
            read_shard(objects, &format!("{shard:02x}"), &mut entries)?;
        }
    };
    let results = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        readers.into_iter().map(|reader| reader.join()).collect::<Vec<_>>()
    });
    let mut entries = Vec::new();
    for result in results {
        entries.extend(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    }
    Ok(entries.into_iter().collect())
}

/// A damaged file is reported and left where it is, unseen; one bad block must not keep all videos from being watched.
fn read_shard(objects: &Path, shard: &str, entries: &mut Vec<(Box<[u8]>, Summary)>) -> Result<(), Error> {
    for file in fs::read_dir(objects.join(shard)).during("read the bucket's folders")? {
        let path = file.during("read the bucket's folders")?.path();
        match open(&path) {
            Ok(Some(opened)) if path == objects.join(relative_path(&opened.header.attributes.key)) => {
                entries.push((opened.header.attributes.key.into_bytes().into(), opened.header.summary));
            }
            Ok(Some(_)) => tracing::error!(path = %path.display(), "not where its key belongs; ignored"),
            Ok(None) => {}
            Err(error @ Error::Damaged { .. }) => tracing::error!(%error, "ignored"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
