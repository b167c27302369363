//! Who asks and what for, taken from a request; every rejection is a problem.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
};
use clipset_core::account::{Role, Viewer};
use clipset_service::{Json, Pass, Problem, Service};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

/// A member, by the `Authorization` header.
pub(crate) struct Member(pub(crate) Viewer);

impl FromRequestParts<Arc<Service>> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        service.gate.viewer(&parts.headers).await.map(Self)
    }
}

/// A member, and what playback tokens for them say.
pub(crate) struct MemberWithPass(pub(crate) Viewer, pub(crate) Pass);

impl FromRequestParts<Arc<Service>> for MemberWithPass {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let (viewer, pass) = service.gate.member(&parts.headers).await?;
        Ok(Self(viewer, pass))
    }
}

/// An administrator: 403 for other members.
pub(crate) struct Admin(pub(crate) Viewer);

impl FromRequestParts<Arc<Service>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let viewer = service.gate.viewer(&parts.headers).await?;
        match viewer.role {
            Role::Admin => Ok(Self(viewer)),
            Role::User => Err(Problem::forbidden("Only an administrator can do this.")),
        }
    }
}

/// The query: 422 if it does not fit.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Problem::invalid(format!("The query does not fit: {}.", rejection.body_text()))),
        }
    }
}

/// Two ids in the path; one that is malformed is not there: 404.
pub(crate) struct TwoIds<A, B>(pub(crate) A, pub(crate) B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for TwoIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("There is no such thing; check the address.");
        let Path((first, second)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        Ok(Self(first.parse().map_err(|_| missing())?, second.parse().map_err(|_| missing())?))
    }
}

/// A JSON body that may be left out.
pub(crate) struct MaybeJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Service>> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), service).await;
        let bytes = bytes.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("The request body is too large."),
            _ => Problem::malformed("The request body could not be read."),
        })?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let Json(value) = Json::from_request(Request::from_parts(parts, bytes.into()), service).await?;
        Ok(Self(value))
    }
}

/// Where the request comes from. Whatever stands before us (nginx, on AWS `main`) writes `X-Forwarded-For` over what a
/// client sent, so its last hop is true; where that is one of `TRUSTED_PROXIES`, the one before it is.
/// Of an IPv6 address the network alone, for one subscriber has all of it.
#[derive(Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl FromRequestParts<Arc<Service>> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let lines = parts.headers.get_all("x-forwarded-for").iter();
        let hops: Vec<_> = lines.flat_map(|line| line.to_str().unwrap_or("?").split(',')).collect();
        let client = service.config.trusted_proxies.client(hops.into_iter());
        Ok(Self(client.map(|address| match address {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        })))
    }
}
