//! A stored file, looked at: not there, whole as far as its header tells, or damaged.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::format::{Header, Layout};
use crate::error::{During, Error};

/// What is wrong with a file, for people.
pub(crate) type Reason = Cow<'static, str>;

/// An object opened for reading. It stays readable when it is replaced or deleted meanwhile.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) header: Header,
    pub(crate) layout: Layout,
}

/// Damage to a file.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) reason: Reason,
    /// If the header itself is whole.
    pub(crate) header: Option<Box<Header>>,
}

impl<R: Into<Reason>> From<R> for Flaw {
    fn from(reason: R) -> Self {
        Self { reason: reason.into(), header: None }
    }
}

/// What stands at a path.
pub(super) enum Look {
    Missing,
    Whole(Box<Opened>),
    Damaged(Flaw),
}

/// # Errors
/// Only what passes by itself and says nothing of the file, such as too many open files.
pub(super) fn look(path: &Path) -> Result<Look, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Missing),
        Err(error) if passes(&error) => return Err(error).during("open an object"),
        Err(error) => return Ok(Look::Damaged(Flaw::from(format!("cannot be opened: {error}")))),
    };
    Ok(match Header::read(&file) {
        Ok((header, layout)) => Look::Whole(Box::new(Opened { path: path.into(), file, header, layout })),
        Err(flaw) => Look::Damaged(flaw),
    })
}

/// Like [`look`], where the object of this key is expected.
pub(super) fn look_for(path: &Path, key: &str) -> Result<Look, Error> {
    Ok(match look(path)? {
        Look::Whole(opened) if opened.header.attributes.key != key => {
            Look::Damaged(Flaw::from("it holds another object"))
        }
        look => look,
    })
}

/// `None` if there is no such file; a damaged one is an error.
pub(super) fn open(path: &Path, key: &str) -> Result<Option<Opened>, Error> {
    match look_for(path, key)? {
        Look::Missing => Ok(None),
        Look::Whole(opened) => Ok(Some(*opened)),
        Look::Damaged(flaw) => Err(damaged(path, key, flaw.reason)),
    }
}

pub(super) fn damaged(path: &Path, key: &str, reason: impl Into<Reason>) -> Error {
    Error::Damaged { key: key.into(), path: path.into(), reason: reason.into() }
}

fn passes(error: &io::Error) -> bool {
    let passing = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EINTR];
    passing.iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}
