//! Accounts, signed-in devices, invitations and the throttling of failed attempts.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::Username;

/// What someone may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Upload, watch, and change what is theirs.
    #[default]
    User,
}

/// Whoever asks, as far as a token told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Who.
    pub username: Username,
    /// What they may do.
    pub role: Role,
}

impl Viewer {
    /// May change, delete and download what `owner` uploaded.
    pub fn may_manage(&self, owner: &Username) -> bool {
        self.role == Role::Admin || self.username == *owner
    }
}

/// One member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Who.
    pub username: Username,
    /// What they may do.
    pub role: Role,
    /// PHC string of argon2id.
    pub password_hash: String,
    /// May not sign in.
    #[serde(default)]
    pub disabled: bool,
    /// Tokens issued before are refused: set by a password change, a disabling or a new role.
    pub tokens_not_before: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Account {
    /// Whether a token issued at `issued` (unix seconds) still counts.
    pub fn accepts_token_of(&self, issued: i64) -> bool {
        !self.disabled && issued >= self.tokens_not_before.as_second()
    }
}

/// How long a device stays signed in without use.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long the token before the present one is still taken, for two tabs that refresh at once.
const ROTATION_GRACE: SignedDuration = SignedDuration::from_secs(30);

/// One signed-in device. Its token is rotated at each use and stored hashed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Whose.
    pub username: Username,
    /// SHA-256 of the token in force, hex.
    pub token_hash: String,
    /// SHA-256 of the one before.
    pub previous_hash: Option<String>,
    /// When it was rotated last.
    pub rotated_at: Timestamp,
    /// When the device was signed in; before the account's cut-off it is refused.
    pub started_at: Timestamp,
    /// When it ends without use.
    pub expires_at: Timestamp,
}

/// What a refresh token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The present one: rotate.
    Current,
    /// The one before, just now replaced by another tab.
    JustReplaced,
    /// An old one used again: someone has a copy, end the session.
    Reused,
    /// Unknown or run out.
    Invalid,
}

impl Session {
    /// What the token with `hash` is worth at `now`.
    pub fn judge(&self, hash: &str, now: Timestamp) -> Presented {
        if now >= self.expires_at {
            Presented::Invalid
        } else if hash == self.token_hash {
            Presented::Current
        } else if self.previous_hash.as_deref() == Some(hash) && now < self.rotated_at + ROTATION_GRACE {
            Presented::JustReplaced
        } else {
            Presented::Reused
        }
    }

    /// Puts a new token in the place of the present one.
    pub fn rotate(&mut self, new_hash: String, now: Timestamp) {
        self.previous_hash = Some(std::mem::replace(&mut self.token_hash, new_hash));
        self.rotated_at = now;
        self.expires_at = now + SESSION_LIFE;
    }
}

/// A link with which one person makes one account, or sets a new password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invitation {
    /// Part of the key; shown in lists.
    pub id: String,
    /// SHA-256 of the secret in the link, hex.
    pub secret_hash: String,
    /// Whom it is for, a note only.
    pub email: Option<String>,
    /// What they will be.
    pub role: Role,
    /// Set: the link sets a new password of this account instead of making one.
    #[serde(default)]
    pub resets: Option<Username>,
    /// Who made it.
    pub invited_by: Username,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Set once it was used.
    #[serde(default)]
    pub used_by: Option<Username>,
}

impl Invitation {
    /// May be used at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.used_by.is_none() && now < self.expires_at
    }
}

/// Failed attempts on one name from anywhere, or from one place on any name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Attempts {
    /// Failures since the last success, or the last hour without one.
    pub failures: u32,
    /// The last one.
    pub last: Option<Timestamp>,
}

impl Attempts {
    /// Failures that cost no wait.
    const FREE: u32 = 5;
    /// The longest wait.
    const LONGEST: i64 = 15 * 60;
    /// After this time without a failure all is forgotten.
    const FORGET: SignedDuration = SignedDuration::from_hours(1);

    /// Seconds to wait before the next attempt counts; 0 means go on. From the sixth failure on
    /// it doubles from 2 s to a quarter of an hour.
    pub fn wait(&self, now: Timestamp) -> u64 {
        let Some(last) = self.last.filter(|last| now < *last + Self::FORGET) else { return 0 };
        if self.failures < Self::FREE {
            return 0;
        }
        let pause = 2_i64.saturating_pow((self.failures - Self::FREE + 1).min(10)).min(Self::LONGEST);
        (last.as_second() + pause - now.as_second()).max(0) as u64
    }

    /// Counts a failure.
    pub fn fail(&mut self, now: Timestamp) {
        if self.last.is_none_or(|last| now >= last + Self::FORGET) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_refresh_token_counts_once_and_reuse_is_noticed() {
        let mut session = Session {
            username: "ada".parse().expect("a name"),
            token_hash: "one".into(),
            previous_hash: None,
            rotated_at: at(0),
            started_at: at(0),
            expires_at: at(0) + SESSION_LIFE,
        };
        assert_eq!(session.judge("one", at(1)), Presented::Current);
        session.rotate("two".into(), at(10));
        assert_eq!(session.judge("two", at(11)), Presented::Current);
        assert_eq!(session.judge("one", at(11)), Presented::JustReplaced);
        assert_eq!(session.judge("one", at(41)), Presented::Reused);
        assert_eq!(session.judge("two", at(10) + SESSION_LIFE), Presented::Invalid);
    }

    #[test]
    fn guessing_gets_slower_and_is_forgotten_after_an_hour() {
        let mut attempts = Attempts::default();
        for _ in 0..4 {
            attempts.fail(at(0));
        }
        assert_eq!(attempts.wait(at(0)), 0);
        attempts.fail(at(0));
        assert_eq!(attempts.wait(at(0)), 2);
        for _ in 0..20 {
            attempts.fail(at(0));
        }
        assert_eq!(attempts.wait(at(0)), 900);
        assert_eq!(attempts.wait(at(3600)), 0);
        attempts.fail(at(3600));
        assert_eq!(attempts.failures, 1);
    }

    #[test]
    fn tokens_before_the_cut_off_or_of_a_disabled_account_are_refused() {
        let mut account = Account {
            username: "ada".parse().expect("a name"),
            role: Role::User,
            password_hash: String::new(),
            disabled: false,
            tokens_not_before: at(10),
            created_at: at(0),
        };
        assert!(account.accepts_token_of(at(10).as_second()));
        assert!(!account.accepts_token_of(at(9).as_second()));
        account.disabled = true;
        assert!(!account.accepts_token_of(at(10).as_second()));
    }
}
