//! Cookies that no script sees and that no other site makes a browser send.

use axum::response::Response;
use clipset_service::Service;
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, header};
use jiff::SignedDuration;

use crate::address::PublicAddress;

/// `clipset_{what}_{port}`: two installations on one host are told apart by their port, which cookies do not know.
pub(crate) fn name(service: &Service, what: &str) -> String {
    format!("clipset_{what}_{}", PublicAddress::new(&service.config.public_url).port())
}

/// Sets a cookie for `life`; an empty value takes it away.
pub(crate) fn set(response: &mut Response, service: &Service, name: String, value: &str, life: SignedDuration) {
    let life = if value.is_empty() { 0 } else { life.as_secs() };
    let cookie = Cookie::build((name, value))
        .path("/api")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(PublicAddress::new(&service.config.public_url).is_https())
        .max_age(cookie::time::Duration::seconds(life));
    if let Ok(cookie) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The value of the cookie `name`.
pub(crate) fn get(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}
