//! The HTTP API, as a command-line client uses it.

mod credentials;
mod error;
mod server;

use std::time::Duration;

use reqwest::{Method, Response, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use credentials::Credentials;
pub use error::ClientError;
pub(crate) use error::cause;
pub use server::{Server, find_server};

/// A video as the API tells it; fields that are not used here are left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Video {
    /// The name in its address.
    pub short_id: String,
    /// The title.
    pub title: String,
    /// `uploading|pending|processing|completed|failed`.
    pub processing_status: String,
    /// 0 to 1.
    #[serde(default)]
    pub progress: f64,
    /// Why it failed.
    pub error: Option<String>,
    /// What it waits for.
    #[serde(default)]
    pub note: Option<String>,
    /// What was decided about it and why, for those who may manage it.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Video {
    /// Nothing more will happen by itself.
    pub fn has_ended(&self) -> bool {
        matches!(self.processing_status.as_str(), "completed" | "failed")
    }
}

/// A signed-in client of one server.
#[derive(Debug)]
pub struct Client {
    server: Server,
    http: reqwest::Client,
    credentials: Credentials,
}

impl Client {
    /// A client of `server`.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if this machine cannot make TLS connections.
    pub fn new(server: Server, credentials: Credentials) -> Result<Self, ClientError> {
        Ok(Self { http: http_client(&server)?, server, credentials })
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// For requests that go elsewhere, to presigned addresses, without a token.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The address at which people watch a clip.
    pub fn watch_url(&self, short_id: &str) -> String {
        self.server.join(&format!("/v/{short_id}"))
    }

    /// One video.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn video(&self, short_id: &str) -> Result<Video, ClientError> {
        self.get(&format!("/api/videos/{short_id}")).await
    }

    /// One video, with every field.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn video_document(&self, short_id: &str) -> Result<serde_json::Value, ClientError> {
        self.get(&format!("/api/videos/{short_id}")).await
    }

    /// Whether the caller sees no video at all.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn library_is_empty(&self) -> Result<bool, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            videos: Vec<serde_json::Value>,
        }
        Ok(self.get::<Page>("/api/videos?limit=1").await?.videos.is_empty())
    }

    /// Asks again for a while where the server is busy or away for a moment.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read_json(self.send(Method::GET, path, None::<&()>, Patience::Waits).await?).await
    }

    /// Sends `body`; repeats it only where `patience` says that doing it twice does no harm.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        patience: Patience,
    ) -> Result<T, ClientError> {
        read_json(self.send(Method::POST, path, Some(body), patience).await?).await
    }

    /// Deletes what `path` names.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, path, None::<&()>, Patience::None).await.map(drop)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        patience: Patience,
    ) -> Result<Response, ClientError> {
        let mut renewed = false;
        let mut tries = 0;
        loop {
            let (error, patience) = match self.credentials.token(&self.http, &self.server).await {
                // Nothing was asked yet, so signing in again does no harm.
                Err(error) => (error, patience.max(Patience::IfBusy)),
                Ok(token) => match self.ask(&method, path, body, &token).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) if error.is_stale_token() && !renewed && self.credentials.renew() => {
                        renewed = true;
                        continue;
                    }
                    Err(error) => (error, patience),
                },
            };
            tries += 1;
            if !patience.allows(&error, tries) {
                return Err(error);
            }
            tokio::time::sleep(error.retry_after().unwrap_or_else(|| pause(tries))).await;
        }
    }

    async fn ask(
        &self,
        method: &Method,
        path: &str,
        body: Option<&impl Serialize>,
        token: &str,
    ) -> Result<Response, ClientError> {
        let mut request = self.http.request(method.clone(), self.server.join(path));
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}")).timeout(ANSWER_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer),
            Ok(answer) => Err(ClientError::from_answer(answer).await),
            Err(error) => Err(ClientError::unreachable(&self.server, &error)),
        }
    }
}

/// Whether a request is repeated when the server is away for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Patience {
    /// Once is all.
    None,
    /// For about a minute where it says that it is busy; one that is not there is told at once.
    IfBusy,
    /// For about a minute.
    Waits,
}

/// About a minute of pauses.
const MOST_TRIES: u32 = 8;

impl Patience {
    fn allows(self, error: &ClientError, tries: u32) -> bool {
        let worth_it = match self {
            Self::None => false,
            Self::IfBusy => error.may_pass() && error.status().is_some(),
            Self::Waits => error.may_pass(),
        };
        worth_it && tries < MOST_TRIES
    }
}

/// How long an answer of the API may take; completing an upload of many parts takes longest.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(150);

/// The wait before try `tries` + 1: doubles from half a second to 15 s, with a random half, so that many do not knock at once.
pub fn pause(tries: u32) -> Duration {
    let longest =
        Duration::from_millis(500).saturating_mul(1 << tries.saturating_sub(1).min(5)).min(Duration::from_secs(15));
    longest.mul_f64(0.5 + 0.5 * rand::random::<f64>())
}

fn http_client(server: &Server) -> Result<reqwest::Client, ClientError> {
    let build = |plain_only: bool| {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("clipset/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(120))
            // The token goes to the server that was named, and nowhere else.
            .redirect(reqwest::redirect::Policy::none());
        if server.is_loopback() {
            builder = builder.no_proxy();
        }
        if plain_only {
            builder = builder.tls_certs_only([]);
        }
        builder.build()
    };
    // A machine without CA certificates can still talk to itself.
    let client = if server.is_https() { build(false) } else { build(false).or_else(|_| build(true)) };
    client.map_err(|error| ClientError::Setup(cause(&error)))
}

async fn read_json<T: DeserializeOwned>(answer: Response) -> Result<T, ClientError> {
    answer.json().await.map_err(|error| ClientError::Unreadable(cause(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for tries in 1..40 {
            let pause = pause(tries);
            assert!(pause >= Duration::from_millis(250) && pause <= Duration::from_secs(15), "{tries}: {pause:?}");
        }
    }
}
