//! Every stored file read whole and held against its checksums and the journal, without changing anything.
//!
//! It works beside a process that serves the folder: what looks damaged is looked at again, for it may have been replaced or
//! deleted in between.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::format::Summary;
use super::opened::{Look, look};
use super::{Body, Reason, journal, load, relative_path};
use crate::error::Error;

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Objects, damaged or not.
    pub objects: u64,
    /// Bytes of content that were read.
    pub bytes: u64,
    /// Objects of an earlier version that were put together from parts: only their headers and lengths could be checked.
    pub unchecked: u64,
    /// All damage, by file.
    pub damage: Vec<Finding>,
}

/// Damage to one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The object, if it is known.
    pub key: Option<String>,
    /// The file, below the bucket's folder.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// The last known state of every key, by the place of its file.
type Known = HashMap<PathBuf, (String, Option<Summary>)>;

struct Seen {
    path: PathBuf,
    key: Option<String>,
    bytes: u64,
    verified: bool,
    wrong: Option<Reason>,
}

/// Checks every object in `root`. `progress` is told, by any thread, how many files were read.
///
/// # Errors
/// There is no bucket, it is of a newer version, or its folders cannot be read.
pub fn verify(root: &Path, progress: &(dyn Fn(u64) + Sync)) -> Result<Report, Error> {
    let objects = root.join("objects");
    if !objects.is_dir() {
        return Err(Error::NoBucket(root.into()));
    }
    let (known, journal_damaged) = known(root, &objects)?;
    let files = AtomicU64::new(0);
    let seen = load::scan(&objects, &|path| {
        let seen = see(&objects, path)?;
        progress(files.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(seen)
    })?;

    let mut report = Report::default();
    let mut suspects = BTreeMap::new();
    let mut missing: HashMap<_, _> = known.iter().filter(|(_, (_, object))| object.is_some()).collect();
    for seen in seen.into_iter().flatten() {
        missing.remove(&seen.path);
        report.objects += 1;
        report.bytes += seen.bytes;
        report.unchecked += u64::from(!seen.verified && seen.wrong.is_none());
        if seen.wrong.is_some() {
            suspects.insert(seen.path, seen.key);
        }
    }
    report.objects += missing.len() as u64;
    suspects.extend(missing.into_iter().map(|(path, (key, _))| (path.clone(), Some(key.clone()))));
    report.damage = confirm(root, &objects, suspects)?;
    if journal_damaged {
        let reason = "the journal of keys is damaged; the next start makes it anew".into();
        report.damage.push(Finding { key: None, file: "keys".into(), reason });
    }
    Ok(report)
}

/// `None` if the file went away.
fn see(objects: &Path, path: PathBuf) -> Result<Option<Seen>, Error> {
    Ok(match look(&path)? {
        Look::Missing => None,
        Look::Damaged(flaw) => {
            let key = flaw.header.map(|header| header.attributes.key);
            Some(Seen { path, key, bytes: 0, verified: false, wrong: Some(flaw.reason) })
        }
        Look::Whole(opened) => {
            let (key, bytes) = (opened.header.attributes.key.clone(), opened.header.summary.size);
            let body = Body::whole(*opened);
            let verified = body.is_verified();
            let wrong = match path == objects.join(relative_path(&key)) {
                true => body.verify().err(),
                false => Some("not where its key belongs".into()),
            };
            Some(Seen { path, key: Some(key), bytes, verified, wrong })
        }
    })
}

/// What is still damaged, looked at twice more, each time after the journal was read.
fn confirm(
    root: &Path,
    objects: &Path,
    mut suspects: BTreeMap<PathBuf, Option<String>>,
) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for _ in 0..2 {
        let (known, _) = known(root, objects)?;
        findings.clear();
        for (path, key) in std::mem::take(&mut suspects) {
            let (expected, is_known) = match known.get(&path) {
                Some((key, object)) => (Some(key.clone()), object.is_some()),
                None => (None, false),
            };
            let wrong = match see(objects, path.clone())? {
                None if is_known => Some("its file is missing".into()),
                None => None,
                Some(seen) => seen.wrong,
            };
            if let Some(reason) = wrong {
                let key = expected.or(key);
                let file = path.strip_prefix(root).unwrap_or(&path).to_owned();
                findings.push(Finding { key: key.clone(), file, reason });
                suspects.insert(path, key);
            }
        }
    }
    Ok(findings)
}

/// And whether the journal is damaged.
fn known(root: &Path, objects: &Path) -> Result<(Known, bool), Error> {
    let Some(replayed) = journal::replay(root)? else { return Ok((Known::new(), false)) };
    let by_path = |(key, object): (String, Option<Summary>)| (objects.join(relative_path(&key)), (key, object));
    Ok((replayed.keys.into_iter().map(by_path).collect(), replayed.damaged))
}
