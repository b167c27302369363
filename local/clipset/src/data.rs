//! The data folder of `./local/up`: what it holds, and how the other commands find the system that runs there.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

/// `run/address`: where the running system is, for `clipset upload`, tests and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// What browsers use.
    pub url: String,
    /// The same server, from this machine.
    pub local_url: String,
    /// Process ids by name: `up` and each child.
    pub pids: BTreeMap<String, u32>,
}

/// `bucket-credentials`: the key pair of the embedded bucket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketCredentials {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
}

/// `administrator`: the first account. The password stands here from the moment it is made until it was shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// The name.
    pub username: String,
    /// Made here and not shown yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl DataDir {
    /// The folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `CLIPSET_DATA`, else `local/.data` of the repository around this program or the current folder.
    pub fn find() -> Self {
        if let Some(root) = env::var_os("CLIPSET_DATA").filter(|value| !value.is_empty()) {
            return Self::new(root);
        }
        Self::new(repository().unwrap_or_default().join("local/.data"))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What lasts only while the system runs: sockets, nginx's configuration, [`Address`].
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The path of `name` in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the system that runs here is; none if none does.
    pub fn address(&self) -> Option<Address> {
        self.read_json("run/address").ok().flatten()
    }

    /// `run/environment`: what the functions of the system that runs here are told; none if none does.
    pub fn environment(&self) -> Option<BTreeMap<String, String>> {
        let text = read_if_there(&self.path("run/environment")).ok()??;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        Some(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Writes it, a line `NAME=value` each, as `cargo lambda watch --env-file` reads them.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write_environment(&self, environment: &BTreeMap<String, String>) -> io::Result<()> {
        let lines: String = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        write_private(&self.path("run/environment"), lines.as_bytes())
    }

    /// The key that signs tokens: the running system's, else the one that was made here.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn secret_key(&self) -> io::Result<Option<String>> {
        if let Some(key) = self.environment().and_then(|mut environment| environment.remove("SECRET_KEY")) {
            return Ok(Some(key));
        }
        Ok(read_if_there(&self.path("secret-key"))?.map(|text| text.trim().to_owned()))
    }

    /// The embedded bucket's key pair, if one was made here.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn bucket_credentials(&self) -> io::Result<Option<BucketCredentials>> {
        self.read_json("bucket-credentials")
    }

    /// The first account, once it is known.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn administrator(&self) -> io::Result<Option<Administrator>> {
        self.read_json("administrator")
    }

    /// Writes `value` as JSON, whole or not at all, readable only by this user.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write_private(&self.path(name), &serde_json::to_vec_pretty(value)?)
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        read_if_there(&self.path(name))?.map(|text| serde_json::from_str(&text).map_err(io::Error::from)).transpose()
    }
}

/// The repository that this program was built in, or that the current folder is in.
pub fn repository() -> Option<PathBuf> {
    let starts = [env::current_exe().ok(), env::current_dir().ok()];
    let mut folders = starts.iter().flatten().flat_map(|start| start.ancestors());
    folders.find(|folder| folder.join("local/up").is_file()).map(Path::to_path_buf)
}

/// Makes `folder` and its parents, open to this user alone.
///
/// # Errors
/// Why it cannot be made.
pub fn make_private_dir(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file, whole or not at all, that this user alone can read.
///
/// # Errors
/// Why it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_added_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // The rename lasts once the folder is on disk.
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_private_and_reads_back() {
        let place = tempfile::tempdir().expect("a folder");
        let data = DataDir::new(place.path().join("data"));
        make_private_dir(&data.run()).expect("made");
        let keys = BucketCredentials { access_key: "a".into(), secret_key: "b".into() };
        data.write_json("bucket-credentials", &keys).expect("written");
        assert!(data.bucket_credentials().expect("readable") == Some(keys));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&data.path("bucket-credentials")), 0o600);
        assert_eq!(mode(data.root()), 0o700);
        assert_eq!(fs::read_dir(data.root()).expect("readable").count(), 2, "no unfinished file stays");
    }

    #[test]
    fn a_folder_without_a_system_has_no_address_and_no_secrets() {
        let data = DataDir::new("/nonexistent");
        assert_eq!(data.address(), None);
        assert_eq!(data.secret_key().expect("no fault"), None);
    }
}
