//! What may go wrong between the client and the server, in sentences.

use std::{error::Error as _, time::Duration};

use reqwest::{Response, StatusCode, header};
use serde::Deserialize;

use super::Server;

/// What is waited for where the server says when to ask again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("{server} does not answer ({reason}); is it running, and is this its address?")]
    Unreachable {
        /// Its address.
        server: String,
        /// In the system's words.
        reason: String,
    },
    /// An answer that is no success.
    #[error("{detail}")]
    Refused {
        /// Of the answer.
        status: StatusCode,
        /// What to do, in the server's words.
        detail: String,
        /// When to ask again.
        retry_after: Option<Duration>,
    },
    /// The name or the password is wrong, or there is none.
    #[error("{0}")]
    SignIn(String),
    /// An answer that is not what the API says.
    #[error("the server's answer could not be read ({0}); is this a Clipset server?")]
    Unreadable(String),
    /// This machine cannot make TLS connections.
    #[error("no connection can be made from here: {0}")]
    Setup(String),
}

impl ClientError {
    pub(super) fn unreachable(server: &Server, error: &reqwest::Error) -> Self {
        Self::Unreachable { server: server.to_string(), reason: cause(error) }
    }

    /// The problem document in `answer`, or its status where there is none.
    pub(super) async fn from_answer(answer: Response) -> Self {
        #[derive(Deserialize)]
        struct Problem {
            detail: Option<String>,
            title: Option<String>,
        }
        let status = answer.status();
        let seconds = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let problem = answer.json::<Problem>().await.ok();
        let detail = problem.and_then(|problem| problem.detail.or(problem.title));
        let detail = match detail {
            Some(detail) => detail,
            None => format!("the server answered {status}"),
        };
        Self::Refused { status, detail, retry_after: seconds.map(Duration::from_secs) }
    }

    /// The status that the server answered.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The token ran out or was revoked.
    pub(super) fn is_stale_token(&self) -> bool {
        self.status() == Some(StatusCode::UNAUTHORIZED)
    }

    /// The server does not know it, or not for this user.
    pub fn is_gone(&self) -> bool {
        matches!(self.status(), Some(StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN))
    }

    /// Asking again may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status: StatusCode::INSUFFICIENT_STORAGE, .. } => false,
            // One that says to come back much later is told at once.
            Self::Refused { status, retry_after, .. } => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS && retry_after.is_none_or(|wait| wait <= LONGEST_WAIT)
            }
            _ => false,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => retry_after.map(|wait| wait.min(LONGEST_WAIT)),
            _ => None,
        }
    }
}

/// The innermost cause: the system's own words, without the address that was asked (it may hold a signature).
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut innermost = error.source();
    while let Some(next) = innermost.and_then(|inner| inner.source()) {
        innermost = Some(next);
    }
    innermost.map_or_else(|| "the connection broke".to_owned(), ToString::to_string)
}
