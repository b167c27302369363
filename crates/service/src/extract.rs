//! Extractors whose rejections are problems too.

use std::str::FromStr;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    response::{IntoResponse, Response},
};
use clipset_core::id::{ShareId, ShortId, Username};
use http::request::Parts;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::Problem;

/// A JSON body: 400 if it is not JSON, 422 if it is but does not fit. As an answer, 200.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
                Problem::too_large("The request body is too large.")
            } else {
                Problem::malformed("The request body could not be read.")
            }
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            if error.is_data() {
                Problem::invalid(format!("The request does not fit: {error}."))
            } else {
                Problem::malformed("The request body is not JSON.")
            }
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A name as it may stand in a path.
pub trait PathName: FromStr {
    /// The name that `text` is; `None` if it is none.
    fn from_path(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl PathName for ShortId {
    /// Also by the name that an imported video had before.
    fn from_path(text: &str) -> Option<Self> {
        Self::of_predecessor(text)
    }
}

impl PathName for ShareId {}
impl PathName for Username {}
impl PathName for Uuid {}

/// One id in the path; one that is malformed is not there: 404.
#[derive(Debug, Clone)]
pub struct PathId<T>(pub T);

impl<T: PathName, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("There is no such thing; check the address.");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        T::from_path(&text).map(Self).ok_or_else(missing)
    }
}
