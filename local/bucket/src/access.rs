//! Who may do what: the holder of the key everything in the one bucket, everyone else reading below some prefixes.

use http::{HeaderMap, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{GetObjectInput, HeadObjectInput};
use s3s::{S3Request, S3Result, s3_error};

/// The one pair of keys.
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: SecretKey,
}

/// The rules. s3s asks for them only because [`Keys`] are set as well.
pub(crate) struct Rules {
    pub(crate) bucket: String,
    pub(crate) anonymous_prefixes: Vec<String>,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match access_key == self.access_key {
            true => Ok(self.secret_key.clone()),
            false => Err(s3_error!(InvalidAccessKeyId)),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Rules {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        match cx.credentials() {
            Some(_) => check_signed_headers(cx.uri(), cx.headers())?,
            None if self.is_open(cx) => {}
            None => return Err(s3_error!(AccessDenied)),
        }
        match cx.s3_path().get_bucket_name() {
            Some(bucket) if bucket == self.bucket => Ok(()),
            Some(_) if cx.s3_op().name() == "CreateBucket" => {
                Err(s3_error!(AccessDenied, "This server has one bucket."))
            }
            Some(_) => Err(s3_error!(NoSuchBucket)),
            None => Ok(()),
        }
    }

    async fn get_object(&self, req: &mut S3Request<GetObjectInput>) -> S3Result<()> {
        let input = &req.input;
        let overrides = [
            &input.response_cache_control,
            &input.response_content_disposition,
            &input.response_content_encoding,
            &input.response_content_language,
            &input.response_content_type,
        ];
        let overridden = overrides.iter().any(|header| header.is_some()) || input.response_expires.is_some();
        refuse_overrides(req.credentials.is_none() && overridden)
    }

    async fn head_object(&self, req: &mut S3Request<HeadObjectInput>) -> S3Result<()> {
        let overridden = req.uri.query().is_some_and(|query| query.contains("response-"));
        refuse_overrides(req.credentials.is_none() && overridden)
    }
}

/// Else a link of anyone's making could serve a stored file as a page of this origin. S3 refuses it as well.
fn refuse_overrides(refuse: bool) -> S3Result<()> {
    match refuse {
        true => Err(s3_error!(InvalidRequest, "Response headers cannot be overridden in an anonymous request.")),
        false => Ok(()),
    }
}

impl Rules {
    fn is_open(&self, cx: &S3AccessContext<'_>) -> bool {
        let reads = matches!(cx.s3_op().name(), "GetObject" | "HeadObject");
        let below = |key: &str| self.anonymous_prefixes.iter().any(|prefix| key.starts_with(prefix));
        match cx.s3_path().as_object() {
            Some((bucket, key)) => reads && bucket == self.bucket && below(key),
            None => false,
        }
    }
}

/// Every `x-amz-` header must be signed, as in S3: else who holds a presigned URL for one upload could add
/// `x-amz-copy-source` to it and so read any document. Version 2 signatures sign no such list and end here.
fn check_signed_headers(uri: &Uri, headers: &HeaderMap) -> S3Result<()> {
    let signed =
        signed_headers(uri, headers).ok_or_else(|| s3_error!(AccessDenied, "Signature version 4 is required."))?;
    let is_signed = |name: &str| signed.split(';').any(|signed| signed == name);
    // These two change nothing: the first is verified against the body, the second is not looked at.
    let harmless = ["x-amz-content-sha256", "x-amz-user-agent"];
    let names = headers.keys().map(|name| name.as_str());
    match names.into_iter().find(|name| name.starts_with("x-amz-") && !harmless.contains(name) && !is_signed(name)) {
        Some(name) => Err(s3_error!(AccessDenied, "The header {name} is not signed.")),
        None => Ok(()),
    }
}

fn signed_headers(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    if query.split('&').any(|pair| pair.starts_with("X-Amz-Signature=")) {
        let list = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders="))?;
        return Some(list.replace("%3B", ";").replace("%3b", ";"));
    }
    let authorization = headers.get("authorization")?.to_str().ok()?;
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
    let list = rest.split(',').find_map(|field| field.trim().strip_prefix("SignedHeaders="))?;
    Some(list.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn an_unsigned_amz_header_is_refused_and_others_pass() {
        let uri: Uri = "/b/k?X-Amz-Signature=0&X-Amz-SignedHeaders=host%3Bx-amz-meta-a".parse().unwrap();
        assert!(check_signed_headers(&uri, &headers(&[("x-amz-meta-a", "1"), ("range", "bytes=0-1")])).is_ok());
        assert!(check_signed_headers(&uri, &headers(&[("x-amz-copy-source", "b/secret")])).is_err());
    }

    #[test]
    fn a_version_2_signature_is_refused() {
        let uri: Uri = "/b/k".parse().unwrap();
        assert!(check_signed_headers(&uri, &headers(&[("authorization", "AWS AKIA:c2ln")])).is_err());
        let v4 = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;x-amz-date, Signature=0";
        assert!(check_signed_headers(&uri, &headers(&[("authorization", v4), ("x-amz-date", "0")])).is_ok());
    }
}
