//! Tokens made with the key itself, for the command line.

use std::time::Duration;

use anyhow::{Result, ensure};
use clipset_core::{Timestamp, account::Role, id::Username};
use clipset_service::Tokens;

/// An access token for `username` that lives `life`, signed with `secret_key`.
///
/// # Errors
/// A sentence if the key is too short.
pub fn mint(secret_key: &str, username: &Username, role: Role, life: Duration) -> Result<String> {
    ensure!(
        secret_key.len() >= 32,
        "SECRET_KEY must be the key that the server signs with, of at least 32 bytes; `openssl rand -hex 32` makes one"
    );
    let tokens = Tokens::new(secret_key.as_bytes(), None);
    Ok(tokens.access(username, role, Timestamp::now().as_second(), life.as_secs()))
}
