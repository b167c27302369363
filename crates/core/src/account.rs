//! Accounts, signed-in devices, invitations and the throttling of failed attempts.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::Username;

pub use attempts::{Attempts, Budget};

mod attempts;

/// What someone may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May upload, watch, and change what is theirs.
    #[default]
    User,
}

/// Whoever asks, as far as a token told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The name they sign in with.
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
    /// The name they sign in with.
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
    /// Links that it made before open nothing any more: set by a disabling or a new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links_not_before: Option<Timestamp>,
    /// The one link that may set a new password, or the last that did; every other one is void. `None`: there was none
    /// yet, or it is older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_link: Option<String>,
}

impl Account {
    /// A new account, whose tokens count from `now` on.
    pub fn new(username: Username, role: Role, password_hash: String, now: Timestamp) -> Self {
        Self {
            username,
            role,
            password_hash,
            disabled: false,
            tokens_not_before: Timestamp::from_second(now.as_second()).unwrap_or(now),
            created_at: now,
            links_not_before: None,
            reset_link: None,
        }
    }

    /// May administer now.
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && !self.disabled
    }

    /// Still stands behind a link that it made: what an administrator leaves behind is worth nothing.
    pub fn stands_behind(&self, link: &Invitation) -> bool {
        self.is_active_admin() && self.links_not_before.is_none_or(|from| link.created_at >= from)
    }

    /// Whether `link` is the one that may set a new password.
    pub fn may_be_reset_by(&self, link: &Invitation) -> bool {
        self.reset_link.as_ref().is_none_or(|newest| *newest == link.id)
    }

    /// Ends every token and device of before `now`, those of this second and of an earlier cut-off in it too: tokens
    /// count in whole seconds.
    pub fn cut_off(&mut self, now: Timestamp) {
        let next = now.as_second().max(self.tokens_not_before.as_second()) + 1;
        self.tokens_not_before = Timestamp::from_second(next).unwrap_or(now);
    }

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
    /// The member who signed in.
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
    /// Made with a token that has no account (`clipset token`): then none need stand behind it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_key: bool,
    /// When the invitation was made.
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
    fn tokens_before_the_cut_off_or_of_a_disabled_account_are_refused() {
        let mut account = Account::new("ada".parse().expect("a name"), Role::User, String::new(), at(10));
        assert!(account.accepts_token_of(at(10).as_second()));
        assert!(!account.accepts_token_of(at(9).as_second()));
        account.disabled = true;
        assert!(!account.accepts_token_of(at(10).as_second()));
    }

    #[test]
    fn a_link_is_worth_what_whoever_made_it_is() {
        let link = |created: i64| Invitation {
            id: "one".into(),
            secret_hash: String::new(),
            email: None,
            role: Role::User,
            resets: None,
            invited_by: "ada".parse().expect("a name"),
            by_key: false,
            created_at: at(created),
            expires_at: at(1000),
            used_by: None,
        };
        let mut ada = Account::new("ada".parse().expect("a name"), Role::Admin, String::new(), at(0));
        assert!(ada.stands_behind(&link(5)));
        (ada.disabled, ada.links_not_before) = (true, Some(at(10)));
        assert!(!ada.stands_behind(&link(5)) && !ada.stands_behind(&link(15)));
        ada.disabled = false;
        assert!(!ada.stands_behind(&link(5)) && ada.stands_behind(&link(15)));
        ada.role = Role::User;
        assert!(!ada.stands_behind(&link(15)));
        assert!(ada.may_be_reset_by(&link(5)), "a link from before this was kept");
        ada.reset_link = Some("two".into());
        assert!(!ada.may_be_reset_by(&link(5)));
    }

    #[test]
    fn accounts_and_links_of_the_version_before_are_read() {
        let account = r#"{"username":"ada","role":"admin","password_hash":"h","tokens_not_before":"2026-01-01T00:00:00Z","created_at":"2026-01-01T00:00:00Z"}"#;
        let account: Account = serde_json::from_str(account).expect("an account");
        assert_eq!((account.links_not_before, &account.reset_link), (None, &None));
        let link = r#"{"id":"one","secret_hash":"h","email":null,"role":"user","invited_by":"ada","created_at":"2026-01-02T00:00:00Z","expires_at":"2026-01-09T00:00:00Z"}"#;
        let link: Invitation = serde_json::from_str(link).expect("an invitation");
        assert!(account.stands_behind(&link) && account.may_be_reset_by(&link) && !link.by_key);
    }
}
