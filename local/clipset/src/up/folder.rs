//! The data folder made ready: held by this process, with the secrets in it.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::PermissionsExt as _,
};

use anyhow::{Context as _, Result, bail, ensure};
use clipset_core::{id::Username, signing::SigningSecret};
use rand::{RngExt as _, distr::Alphanumeric};

use crate::data::{Administrator, BucketCredentials, DataDir, make_private_dir, write_private};

/// The folder while it is ours.
#[derive(Debug)]
pub(super) struct Held {
    _lock: File,
}

/// What only the children are told.
#[derive(Clone)]
pub(super) struct Secrets {
    pub(super) secret_key: String,
    pub(super) bucket: BucketCredentials,
    pub(super) signing: SigningSecret,
    pub(super) signing_previous: Option<SigningSecret>,
    /// Of the first account. Its password is set only until it was shown.
    pub(super) administrator: Administrator,
}

/// Makes the folder, takes it, and empties what lasts only while the system runs.
///
/// # Errors
/// A sentence if another supervisor holds it or it cannot be used.
pub(super) fn take(data: &DataDir) -> Result<Held> {
    let shown = data.root().display();
    let unusable = || format!("the data folder {shown} cannot be used");
    make_private_dir(data.root()).with_context(unusable)?;
    fs::set_permissions(data.root(), fs::Permissions::from_mode(0o700)).with_context(unusable)?;
    let lock = File::create(data.path("lock")).with_context(unusable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(
            "another ./local/up runs on {shown}: stop it first, or set CLIPSET_DATA and CLIPSET_PORT for a second one"
        ),
        Err(TryLockError::Error(error)) => return Err(error).with_context(unusable),
    }
    match fs::remove_dir_all(data.run()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(unusable),
        _ => {}
    }
    for folder in [data.run(), data.path("bucket"), data.path("cache"), data.path("tombstones")] {
        make_private_dir(&folder).with_context(unusable)?;
    }
    Ok(Held { _lock: lock })
}

/// Reads the secrets, and makes those that are not there yet.
///
/// # Errors
/// A sentence about a file that cannot be used or a variable that is wrong.
pub(super) fn secrets(data: &DataDir, var: impl Fn(&str) -> Option<String>) -> Result<Secrets> {
    let unusable = || format!("a secret in {} cannot be read or written", data.root().display());
    let administrator = match data.administrator().with_context(unusable)? {
        Some(known) => known,
        None => {
            let username = var("INITIAL_ADMIN_USERNAME").unwrap_or_else(|| "admin".to_owned());
            username.parse::<Username>().with_context(|| format!("INITIAL_ADMIN_USERNAME {username:?}"))?;
            // Kept until it was shown, so that a first start that breaks off does not lose it.
            let password = var("INITIAL_ADMIN_PASSWORD").is_none().then(|| random(20));
            let administrator = Administrator { username, password };
            data.write_json("administrator", &administrator).with_context(unusable)?;
            administrator
        }
    };
    let secret_key = match var("SECRET_KEY") {
        Some(given) => given,
        None => match data.secret_key().with_context(unusable)? {
            Some(kept) => kept,
            None => {
                let bytes: [u8; 32] = rand::rng().random();
                let made: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                write_private(&data.path("secret-key"), made.as_bytes()).with_context(unusable)?;
                made
            }
        },
    };
    ensure!(secret_key.len() >= 32, "SECRET_KEY must have at least 32 bytes; make one with `openssl rand -hex 32`");
    let bucket = match data.bucket_credentials().with_context(unusable)? {
        Some(kept) => kept,
        None => {
            let made = BucketCredentials { access_key: format!("CLIPSET{}", random(13)), secret_key: random(40) };
            data.write_json("bucket-credentials", &made).with_context(unusable)?;
            made
        }
    };
    let signing = match var("HLS_SIGNING_SECRET") {
        Some(given) => SigningSecret::parse("HLS_SIGNING_SECRET", &given)?,
        None => SigningSecret::derive(secret_key.as_bytes()),
    };
    let signing_previous = var("HLS_SIGNING_SECRET_PREVIOUS")
        .map(|given| SigningSecret::parse("HLS_SIGNING_SECRET_PREVIOUS", &given))
        .transpose()?;
    Ok(Secrets { secret_key, bucket, signing, signing_previous, administrator })
}

fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> (tempfile::TempDir, DataDir) {
        let place = tempfile::tempdir().expect("a folder");
        let data = DataDir::new(place.path().join("data"));
        (place, data)
    }

    #[test]
    fn secrets_are_made_once_and_stay() {
        let (_place, data) = data();
        let _held = take(&data).expect("free");
        let first = secrets(&data, |_| None).expect("made");
        let second = secrets(&data, |_| None).expect("read");
        assert_eq!(first.secret_key, second.secret_key);
        assert_eq!(first.secret_key.len(), 64);
        assert!(first.bucket == second.bucket && first.administrator == second.administrator);
        assert_eq!(first.administrator.username, "admin");
        assert_eq!(first.administrator.password.as_ref().map(String::len), Some(20));
        for name in ["secret-key", "bucket-credentials", "administrator"] {
            let mode = fs::metadata(data.path(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_is_given_wins_and_no_password_is_made_beside_it() {
        let (_place, data) = data();
        let _held = take(&data).expect("free");
        let given = |name: &str| match name {
            "SECRET_KEY" => Some("0123456789abcdef0123456789abcdef".to_owned()),
            "INITIAL_ADMIN_USERNAME" => Some("ada".to_owned()),
            "INITIAL_ADMIN_PASSWORD" => Some("a password".to_owned()),
            _ => None,
        };
        let secrets = secrets(&data, given).expect("made");
        assert_eq!(secrets.secret_key, "0123456789abcdef0123456789abcdef");
        assert!(secrets.administrator == Administrator { username: "ada".into(), password: None });
        assert!(!data.path("secret-key").exists());
    }

    #[test]
    fn a_weak_key_stops_the_start() {
        let (_place, data) = data();
        let _held = take(&data).expect("free");
        let weak = |name: &str| (name == "SECRET_KEY").then(|| "short".to_owned());
        assert!(secrets(&data, weak).is_err());
        let weak = |name: &str| (name == "HLS_SIGNING_SECRET").then(|| "short".to_owned());
        assert!(secrets(&data, weak).is_err());
    }

    #[test]
    fn one_folder_has_one_supervisor() {
        let (_place, data) = data();
        let held = take(&data).expect("free");
        let error = take(&data).expect_err("held").to_string();
        assert!(error.starts_with("another ./local/up runs on"), "{error}");
        drop(held);
        take(&data).expect("free again");
    }
}
