//! What `clipset check` looks at.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clipset_core::id::ShortId;

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A folder laid out as in the bucket.
    Directory(PathBuf),
    /// A clip of the bucket.
    Clip(ShortId),
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let folder = Path::new(text);
        if folder.is_dir() {
            return Ok(Self::Directory(folder.to_owned()));
        }
        text.parse().map(Self::Clip).map_err(|_| "neither a folder that is there nor the id of a clip")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_folder_or_a_short_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().to_str().expect("text");
        assert_eq!(text.parse(), Ok(Target::Directory(folder.path().to_owned())));
        assert!(matches!("NJq9Z7zi68".parse(), Ok(Target::Clip(_))));
        assert!("no/such/folder".parse::<Target>().is_err() && "".parse::<Target>().is_err());
    }
}
