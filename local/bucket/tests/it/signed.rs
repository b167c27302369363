//! Requests signed by hand, for what the SDK will not send.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use hmac::{Hmac, KeyInit, Mac};
use s3s::crypto::{Checksum, Sha256};

use crate::world::{ACCESS_KEY, BUCKET, SECRET_KEY, World};

/// A PUT with this `x-amz-content-sha256` and these further headers, all signed.
pub(crate) fn put(world: &World, key: &str, content_sha256: &str, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = DateTime::from_secs(seconds as i64).fmt(DateTimeFormat::DateTime).unwrap().replace(['-', ':'], "");
    let date = &time[..8];
    let host = world.endpoint.trim_start_matches("http://");
    let mut headers = headers.to_vec();
    headers.extend([("host", host), ("x-amz-content-sha256", content_sha256), ("x-amz-date", &time)]);
    headers.sort_unstable();
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let request = format!("PUT\n/{BUCKET}/{key}\n\n{canonical}\n{names}\n{content_sha256}");
    let scope = format!("{date}/us-east-1/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::checksum(request.as_bytes())));
    let key_bytes = [date, "us-east-1", "s3", "aws4_request"]
        .iter()
        .fold(format!("AWS4{SECRET_KEY}").into_bytes(), |key, text| mac(&key, text));
    let signature = hex(&mac(&key_bytes, &to_sign));
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope},SignedHeaders={names},Signature={signature}");
    let mut builder = world.http.put(world.url(key)).header("authorization", authorization);
    for (name, value) in headers.into_iter().filter(|(name, _)| *name != "host") {
        builder = builder.header(name, value);
    }
    builder
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
