//! Who asks, and what they may watch.

use std::{sync::Arc, time::Duration};

use clipset_bucket::Bucket;
use clipset_core::{
    Timestamp,
    account::{Account, Role, Viewer},
    id::{ShareId, ShortId, Username},
    key::DocumentKey,
    listing::may_know,
    share::Share,
    video::Video,
};
use http::{HeaderMap, header};
use serde::Deserialize;

use crate::{Claims, Problem, Tokens, TtlCache};

/// A token that was good is good for so long without being verified again. With the leeway it lives
/// at most 30 s longer than it says.
const TOKEN_TRUST: Duration = Duration::from_secs(5);

/// A cut-off counts within this time (the contract allows 30 s).
const ACCOUNT_TRUST: Duration = Duration::from_secs(15);

/// `?token=…`, for the media GETs that take it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct TokenQuery {
    /// A token, where no header can be set.
    pub token: Option<String>,
}

/// Whoever wants to watch one video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watcher {
    /// By an access token.
    Member(Viewer),
    /// By a playback token.
    Guest {
        /// The share that opened it.
        share: Option<ShareId>,
        /// The share's end: no signature outlives it.
        ends: Option<Timestamp>,
    },
}

impl Watcher {
    /// 404 unless this watcher may know of the video.
    ///
    /// # Errors
    /// [`Problem`] 404.
    pub fn require_may_watch(&self, video: &Video) -> Result<(), Problem> {
        let may = match self {
            Self::Member(viewer) => may_know(viewer, &video.owner, video.visibility, &video.phase),
            Self::Guest { .. } => !video.is_deleted(),
        };
        if may { Ok(()) } else { Err(Problem::no_such_video()) }
    }

    /// The share that opened it.
    pub fn share(&self) -> Option<&ShareId> {
        match self {
            Self::Member(_) => None,
            Self::Guest { share, .. } => share.as_ref(),
        }
    }

    /// The end that no signature may pass, unix seconds.
    pub fn ends(&self) -> Option<u64> {
        match self {
            Self::Guest { ends: Some(end), .. } => Some(end.as_second().max(0) as u64),
            _ => None,
        }
    }
}

/// Checks tokens against the accounts and shares as they are now.
#[derive(Clone)]
pub struct Gate {
    tokens: Tokens,
    bucket: Bucket,
    verified: Arc<TtlCache<String, Claims>>,
    accounts: Arc<TtlCache<Username, Option<Arc<Account>>>>,
}

impl Gate {
    /// With these tokens, over this bucket.
    pub fn new(tokens: Tokens, bucket: Bucket) -> Self {
        let verified = Arc::new(TtlCache::new(1000, TOKEN_TRUST));
        Self { tokens, bucket, verified, accounts: Arc::new(TtlCache::new(1000, ACCOUNT_TRUST)) }
    }

    /// The member who asks, by the `Authorization` header.
    ///
    /// # Errors
    /// [`Problem`] 401; 503 if the account cannot be read.
    pub async fn viewer(&self, headers: &HeaderMap) -> Result<Viewer, Problem> {
        let token = bearer(headers)?.ok_or_else(sign_in)?;
        match self.verify(token)? {
            Claims::Access { username, role, issued } => self.viewer_of(username, role, issued).await,
            Claims::Playback { .. } => Err(bad_token()),
        }
    }

    /// Whoever wants to watch `video`: by the header, else by the token of the query. A bad header
    /// is not rescued by a good query.
    ///
    /// # Errors
    /// [`Problem`] 401; 404 for a playback token of another video; 503.
    pub async fn watcher(&self, headers: &HeaderMap, query: &TokenQuery, video: &ShortId) -> Result<Watcher, Problem> {
        let token = match bearer(headers)? {
            Some(token) => token,
            None => query.token.as_deref().ok_or_else(sign_in)?,
        };
        match self.verify(token)? {
            Claims::Access { username, role, issued } => {
                self.viewer_of(username, role, issued).await.map(Watcher::Member)
            }
            Claims::Playback { video: opened, .. } if opened != *video => Err(Problem::no_such_video()),
            Claims::Playback { share: None, .. } => Ok(Watcher::Guest { share: None, ends: None }),
            Claims::Playback { share: Some(share), .. } => {
                // Asked each time: a revoked share stops at once. Boxed, for it is large and seldom.
                let key = DocumentKey::Share(share.clone());
                let found = Box::pin(self.bucket.read::<Share>(&key)).await?;
                let open = found.map(|found| found.value).filter(|held| held.is_open(Timestamp::now()));
                let held = open.ok_or_else(|| Problem::unauthorized("This share has ended."))?;
                Ok(Watcher::Guest { share: Some(share), ends: held.expires_at })
            }
        }
    }

    /// An account as it was a few seconds ago at most; `None` if there is none.
    ///
    /// # Errors
    /// [`Problem`] 503.
    pub async fn account(&self, username: &Username) -> Result<Option<Arc<Account>>, Problem> {
        let account = self.accounts.get_or_fetch(username, async |name: &Username| {
            let found = self.bucket.read::<Account>(&DocumentKey::Account(name.clone())).await?;
            Ok(found.map(|found| Arc::new(found.value)))
        });
        account.await
    }

    /// Counts a change of an account at once in this process.
    pub fn account_changed(&self, username: &Username) {
        self.accounts.forget(username);
    }

    fn verify(&self, token: &str) -> Result<Claims, Problem> {
        if let Some(claims) = self.verified.get(token) {
            return Ok(claims);
        }
        let claims = self.tokens.verify(token).map_err(|_| bad_token())?;
        self.verified.insert(token.to_owned(), claims.clone());
        Ok(claims)
    }

    /// The account has the last word. Accounts are disabled and never deleted, so a token without
    /// one was made by whoever holds the secret key (`clipset token`): its own word counts.
    async fn viewer_of(&self, username: Username, role: Role, issued: i64) -> Result<Viewer, Problem> {
        match self.account(&username).await? {
            None => Ok(Viewer { username, role }),
            Some(account) if !account.accepts_token_of(issued) => Err(bad_token()),
            Some(account) if account.role == Role::User => Ok(Viewer { username, role: Role::User }),
            Some(_) => Ok(Viewer { username, role }),
        }
    }
}

/// The token of the `Authorization` header; `None` without that header.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    token.map(Some).ok_or_else(bad_token)
}

fn sign_in() -> Problem {
    Problem::unauthorized("Sign in first: send the token as `Authorization: Bearer …`.")
}

fn bad_token() -> Problem {
    Problem::unauthorized("The token is not valid or has run out: sign in again.")
}
