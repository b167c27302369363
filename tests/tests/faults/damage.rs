//! Damage to one object of the embedded bucket, as a bad disk or a careless hand does it.

use std::{
    fmt, fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use clipset_tests::stack::Stack;
use rand::{RngExt, rngs::StdRng};

use crate::ledger::Ledger;

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Harm {
    /// Its second half is gone.
    Cut,
    /// One byte is another.
    Flip,
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut to half",
            Self::Flip => "changed by a byte",
        })
    }
}

/// Harms an object: a document or a medium, as often one as the other. Gives its key; `None` if there is none now.
pub(crate) async fn any_object(stack: &Stack, harm: Harm, ledger: &Ledger, random: &mut StdRng) -> Option<String> {
    let keys = stack.bucket().await.keys("").await.ok()?;
    let is_medium = |key: &String| ["hls/", "progressive/", "images/", "originals/"].iter().any(|p| key.starts_with(p));
    // The judge signs in; a share's id stands in no log.
    let spared = |key: &String| ["accounts/users/admin", "shares/", "damaged/"].iter().any(|p| key.starts_with(p));
    let media: bool = random.random();
    let choice: Vec<_> = keys.into_iter().filter(|key| is_medium(key) == media && !spared(key)).collect();
    if choice.is_empty() {
        return None;
    }
    let key = choice[random.random_range(0..choice.len())].clone();
    let clips = ledger.clips_of(stack, &key).await;
    let file = file_of(&stack.data().join("bucket"), &key)?;
    harm_file(&file, harm, random).ok()?;
    ledger.hit(&key, clips);
    Some(key)
}

fn harm_file(path: &Path, harm: Harm, random: &mut StdRng) -> std::io::Result<()> {
    let file = fs::File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    match harm {
        Harm::Cut => file.set_len(length / 2),
        Harm::Flip => {
            let at = random.random_range(0..length);
            let mut byte = [0];
            file.read_exact_at(&mut byte, at)?;
            file.write_all_at(&[byte[0] ^ 0x55], at)
        }
    }
}

/// The file below `root` whose header names `key`.
fn file_of(root: &Path, key: &str) -> Option<PathBuf> {
    let needle = format!("\"key\":{}", serde_json::to_string(key).unwrap());
    files(root).into_iter().find(|path| {
        let mut head = vec![0; 8192];
        let read = fs::File::open(path).and_then(|file| file.read_at(&mut head, 0)).unwrap_or(0);
        String::from_utf8_lossy(&head[..read]).contains(&needle)
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let paths = paths.filter(|path| !["damaged", "multipart", "tmp"].iter().any(|name| path.ends_with(name)));
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
