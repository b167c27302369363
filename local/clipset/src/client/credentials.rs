//! How a client signs in.

use std::{
    env, fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clipset_core::{account::Role, id::Username};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{ClientError, Server};
use crate::{data::DataDir, token};

/// What access tokens come from, and the one that is held now.
pub struct Credentials {
    source: Source,
    held: Mutex<Option<Held>>,
}

enum Source {
    Token(String),
    Password { username: String, password: String },
    Key { secret_key: String, username: Username },
}

#[derive(Clone)]
struct Held {
    token: String,
    renew_at: Instant,
}

/// How long a token that is made here lives; a new one is made in good time.
const MINTED_LIFE: Duration = Duration::from_secs(600);

impl Credentials {
    /// An access token that someone made.
    pub fn token_from(token: impl Into<String>) -> Self {
        Self::from(Source::Token(token.into()))
    }

    /// Signs in with a name and a password.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::from(Source::Password { username: username.into(), password: password.into() })
    }

    /// Makes tokens for an administrator with the key that the server signs with.
    pub fn key(secret_key: impl Into<String>, username: Username) -> Self {
        Self::from(Source::Key { secret_key: secret_key.into(), username })
    }

    /// `CLIPSET_TOKEN`, or `CLIPSET_USERNAME` and `CLIPSET_PASSWORD`, or the key in `data` if `server` runs on it.
    ///
    /// # Errors
    /// A sentence that says what to set.
    pub fn find(server: &Server, data: &DataDir) -> Result<Self> {
        let var = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(token) = var("CLIPSET_TOKEN") {
            return Ok(Self::token_from(token));
        }
        match (var("CLIPSET_USERNAME"), var("CLIPSET_PASSWORD")) {
            (Some(username), Some(password)) => return Ok(Self::password(username, password)),
            (Some(_), None) => bail!("CLIPSET_USERNAME is set and CLIPSET_PASSWORD is not"),
            _ => {}
        }
        // A token made with this key opens everything here, so it goes to no other server.
        let address = data.address().filter(|address| {
            let is_it = |url: &str| Server::parse(url).is_ok_and(|own| own == *server);
            is_it(&address.url) || is_it(&address.local_url)
        });
        if address.is_some()
            && let Some(administrator) = data.administrator().context("the data folder cannot be read")?
        {
            let secret_key = match var("SECRET_KEY") {
                Some(secret_key) => Some(secret_key),
                None => data.secret_key().context("the key in the data folder cannot be read")?,
            };
            if let Some(secret_key) = secret_key {
                let username = administrator.username.parse().context("the administrator's name")?;
                return Ok(Self::key(secret_key, username));
            }
        }
        bail!(
            "set CLIPSET_TOKEN, or CLIPSET_USERNAME and CLIPSET_PASSWORD, to sign in at {server} \
             (no server that runs on {} was found at that address)",
            data.root().display()
        )
    }

    /// A token that is good now.
    pub(super) async fn token(&self, http: &reqwest::Client, server: &Server) -> Result<String, ClientError> {
        if let Source::Token(token) = &self.source {
            return Ok(token.clone());
        }
        if let Some(held) = self.held().as_ref().filter(|held| Instant::now() < held.renew_at) {
            return Ok(held.token.clone());
        }
        let (token, life) = match &self.source {
            Source::Token(token) => (token.clone(), MINTED_LIFE),
            Source::Password { username, password } => sign_in(http, server, username, password).await?,
            Source::Key { secret_key, username } => {
                let token = token::mint(secret_key, username, Role::Admin, MINTED_LIFE);
                (token.map_err(|error| ClientError::SignIn(error.to_string()))?, MINTED_LIFE)
            }
        };
        *self.held() = Some(Held { token: token.clone(), renew_at: Instant::now() + life.mul_f64(0.8) });
        Ok(token)
    }

    /// Forgets a token that was refused; false if there is no way to another one.
    pub(super) fn renew(&self) -> bool {
        self.held().take().is_some()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Source> for Credentials {
    fn from(source: Source) -> Self {
        Self { source, held: Mutex::default() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Source::Token(_) => "Credentials::Token",
            Source::Password { .. } => "Credentials::Password",
            Source::Key { .. } => "Credentials::Key",
        })
    }
}

async fn sign_in(
    http: &reqwest::Client,
    server: &Server,
    username: &str,
    password: &str,
) -> Result<(String, Duration), ClientError> {
    #[derive(Deserialize)]
    struct Pair {
        access_token: String,
        expires_in: u64,
    }
    let request = http.post(server.join("/api/auth/login")).json(&json!({"username": username, "password": password}));
    let answer = request.send().await.map_err(|error| ClientError::unreachable(server, &error))?;
    match answer.status() {
        status if status.is_success() => {
            let pair: Pair = answer.json().await.map_err(|error| ClientError::Unreadable(error.to_string()))?;
            Ok((pair.access_token, Duration::from_secs(pair.expires_in)))
        }
        StatusCode::UNAUTHORIZED => Err(ClientError::SignIn(format!(
            "the name or the password is wrong: {server} knows no {username} with this password"
        ))),
        _ => Err(ClientError::from_answer(answer).await),
    }
}
