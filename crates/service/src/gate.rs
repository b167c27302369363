//! Who asks, and what they may watch.

use std::{sync::Arc, time::Duration};

use clipset_bucket::Bucket;
use clipset_core::{
    Timestamp,
    account::{Account, Role, Viewer},
    id::{ShortId, Username},
    key::DocumentKey,
    share::Share,
    signing::SignatureLife,
};
use http::{HeaderMap, header};
use serde::Deserialize;

use crate::{
    Claims, Holder, Pass, Problem, Tokens, TtlCache,
    watcher::{Watcher, Who, ended_share},
};

/// A token that was good is good for so long without being verified again. With the leeway it lives
/// at most 30 s longer than it says.
const TOKEN_TRUST: Duration = Duration::from_secs(5);

/// A cut-off counts within this time (the contract allows 30 s).
const ACCOUNT_TRUST: Duration = Duration::from_secs(15);

/// A playback token counts as issued so many seconds before it was: longer than any process goes on
/// trusting an account that was cut off, with the writing of it and clocks that differ. So none that
/// was still given to an old session passes for one that was given after the cut-off.
const LATE_NEWS: i64 = 30;

/// `?token=…`, for the media GETs that take it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct TokenQuery {
    /// A token, where no header can be set.
    pub token: Option<String>,
}

/// Checks tokens against the accounts and shares as they are now.
#[derive(Clone)]
pub struct Gate {
    pub(crate) tokens: Tokens,
    bucket: Bucket,
    life: SignatureLife,
    verified: Arc<TtlCache<String, Claims>>,
    accounts: Arc<TtlCache<Username, Option<Arc<Account>>>>,
}

impl Gate {
    /// With these tokens, which open media for `life`, over this bucket.
    pub fn new(tokens: Tokens, bucket: Bucket, life: SignatureLife) -> Self {
        let verified = Arc::new(TtlCache::new(1000, TOKEN_TRUST));
        Self { tokens, bucket, life, verified, accounts: Arc::new(TtlCache::new(1000, ACCOUNT_TRUST)) }
    }

    /// The member who asks, by the `Authorization` header.
    ///
    /// # Errors
    /// [`Problem`] 401; 503 if the account cannot be read.
    pub async fn viewer(&self, headers: &HeaderMap) -> Result<Viewer, Problem> {
        Ok(self.member(headers).await?.0)
    }

    /// The member who asks, and what playback tokens for them say.
    ///
    /// # Errors
    /// As [`Gate::viewer`].
    pub async fn member(&self, headers: &HeaderMap) -> Result<(Viewer, Pass), Problem> {
        let token = bearer(headers)?.ok_or_else(sign_in)?;
        match self.verify(token)? {
            Claims::Access { username, role, issued } => self.member_of(username, role, issued).await,
            Claims::Playback { .. } => Err(bad_token()),
        }
    }

    /// Whoever wants to watch `video`: by the header, else by the token of the query. A bad header
    /// is not rescued by a good query. Account and share are asked; the video is for
    /// [`Gate::require_may_watch`], so that both are read at once.
    ///
    /// # Errors
    /// [`Problem`] 401; 404 for a playback token of another video; 503.
    pub async fn watcher(&self, headers: &HeaderMap, query: &TokenQuery, video: &ShortId) -> Result<Watcher, Problem> {
        let token = match bearer(headers)? {
            Some(token) => token,
            None => query.token.as_deref().ok_or_else(sign_in)?,
        };
        let pass = match self.verify(token)? {
            Claims::Access { username, role, issued } => {
                let (viewer, pass) = self.member_of(username, role, issued).await?;
                return Ok(Watcher { who: Who::Member(viewer), pass, presented: None });
            }
            Claims::Playback { video: opened, .. } if opened != *video => return Err(Problem::no_such_video()),
            // Without leeway: what it opens has ended with it.
            Claims::Playback { pass, .. } if pass.expires <= unix_now() => return Err(bad_token()),
            Claims::Playback { pass, .. } => pass,
        };
        let (who, pass) = self.holder_of(pass, video).await?;
        Ok(Watcher { who, pass, presented: Some(token.to_owned()) })
    }

    /// What playback tokens say that are made now for whoever opened `share`.
    pub fn pass_of_share(&self, share: &Share) -> Pass {
        let pass = self.pass_from_now(Holder::Share(share.share_id.clone()), None);
        Pass { expires: pass.expires.min(end_of(share)), ..pass }
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
    async fn member_of(&self, username: Username, role: Role, issued: i64) -> Result<(Viewer, Pass), Problem> {
        let account = self.account(&username).await?;
        let (role, own_word) = match &account {
            None => (role, Some(role)),
            Some(account) if !account.accepts_token_of(issued) => return Err(bad_token()),
            Some(account) if account.role == Role::User => (Role::User, None),
            Some(_) => (role, None),
        };
        let cut_off = account.map(|account| account.tokens_not_before.as_second());
        let holder = Holder::Member { username: username.clone(), role: own_word };
        Ok((Viewer { username, role }, self.pass_from_now(holder, cut_off)))
    }

    /// Whoever holds a playback token, by what its member's account or its share says now.
    async fn holder_of(&self, mut pass: Pass, video: &ShortId) -> Result<(Who, Pass), Problem> {
        let who = match &pass.holder {
            Holder::Unnamed => Who::Unnamed,
            Holder::Member { username, role } => {
                let role = match (self.account(username).await?, pass.issued, role) {
                    (Some(account), Some(issued), _) if account.accepts_token_of(issued) => account.role,
                    (None, _, Some(own_word)) => *own_word,
                    _ => return Err(bad_token()),
                };
                Who::Holder(Viewer { username: username.clone(), role })
            }
            Holder::Share(id) => {
                // Asked each time: a revoked share stops at once. Boxed, for it is large and seldom.
                let found = Box::pin(self.bucket.read::<Share>(&DocumentKey::Share(id.clone()))).await?;
                let open = found.map(|found| found.value).filter(|share| share.is_open(Timestamp::now()));
                let share = open.filter(|share| share.video == *video).ok_or_else(ended_share)?;
                pass.expires = pass.expires.min(end_of(&share));
                Who::Guest(share.created_by)
            }
        };
        Ok((who, pass))
    }

    /// Equal within a step of signatures. Issued where the step begins, unless the account was cut off
    /// since: a token that is made after the cut-off counts at once.
    fn pass_from_now(&self, holder: Holder, cut_off: Option<i64>) -> Pass {
        let expires = self.life.expires(unix_now());
        let begins = self.life.begins(expires) as i64 - LATE_NEWS;
        Pass { holder, issued: Some(cut_off.map_or(begins, |cut_off| begins.max(cut_off))), expires }
    }
}

fn unix_now() -> u64 {
    Timestamp::now().as_second().max(0) as u64
}

/// The end of a share, unix seconds: nothing that it gives outlives it.
fn end_of(share: &Share) -> u64 {
    share.expires_at.map_or(u64::MAX, |end| end.as_second().max(0) as u64)
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
