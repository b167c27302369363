//! Accounts that are made from the command line or at the first start.

use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    account::{Account, Role},
    id::{IdError, Username},
    key::DocumentKey,
};
use clipset_service::{Problem, Service};

use super::passwords::{Turn, is_good};

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name does not do.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The password does not do.
    #[error("a password has 8 to 256 characters")]
    Password,
    /// There is one of this name.
    #[error("there is an account named {0} already")]
    Taken(Username),
    /// The password could not be hashed.
    #[error("the password could not be hashed; is there enough memory?")]
    Hash,
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

/// Makes the first administrator if there is no account at all, and says whether it did. Of two
/// processes that start at once one makes it.
///
/// # Errors
/// [`AccountError`], never [`AccountError::Taken`].
pub async fn ensure_first_admin(service: &Service, username: &str, password: &str) -> Result<bool, AccountError> {
    if !service.bucket.children(DocumentKey::ACCOUNTS).await?.is_empty() {
        return Ok(false);
    }
    match add_user(service, &username.parse()?, password, Role::Admin).await {
        Ok(()) => Ok(true),
        Err(AccountError::Taken(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes an account.
///
/// # Errors
/// [`AccountError`].
pub async fn add_user(service: &Service, username: &Username, password: &str, role: Role) -> Result<(), AccountError> {
    if !is_good(password) {
        return Err(AccountError::Password);
    }
    let failed = |_: Problem| AccountError::Hash;
    let turn = Turn::take().await.map_err(failed)?;
    let (_turn, password_hash) = turn.hash(password.to_owned()).await.map_err(failed)?;
    let account = Account::new(username.clone(), role, password_hash, Timestamp::now());
    match service.bucket.create(&DocumentKey::Account(username.clone()), &account).await {
        Ok(_) => {
            service.gate.account_changed(username);
            Ok(())
        }
        Err(BucketError::Conflict { .. }) => Err(AccountError::Taken(username.clone())),
        Err(error) => Err(error.into()),
    }
}
