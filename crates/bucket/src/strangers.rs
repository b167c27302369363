//! Whether the store refuses those who have no key. One that was started without authentication honours every condition,
//! turns healthy, and gives the originals away through an edge that lets presigned addresses pass.

use aws_sdk_s3::{
    Client,
    config::{ConfigBag, Intercept, RuntimeComponents},
    error::{BoxError, ProvideErrorMetadata, SdkError},
};
use aws_smithy_runtime_api::client::{
    interceptors::context::BeforeTransmitInterceptorContextMut, orchestrator::HttpRequest,
};
use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::{
    connection::Bucket,
    error::{BucketError, sdk},
};

/// Someone without the key, by what they show in place of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stranger {
    /// No signature at all.
    Unsigned,
    /// Our own header with another signature.
    ForgedHeader,
    /// A presigned address, whole but for the signature.
    ForgedAddress,
    /// The least that nginx takes for a presigned address.
    BareAddress,
}

const STRANGERS: [Stranger; 4] =
    [Stranger::Unsigned, Stranger::ForgedHeader, Stranger::ForgedAddress, Stranger::BareAddress];

impl Bucket {
    /// Makes sure that the store refuses to read, list and write for whoever shows no signature or a wrong one.
    ///
    /// # Errors
    /// [`BucketError::OpenToStrangers`] for a store that does not, [`BucketError::Store`] if it cannot be asked.
    pub async fn refuses_strangers(&self) -> Result<(), BucketError> {
        let name = Uuid::new_v4();
        let keys = [format!("originals/{name}"), format!("catalog/probes/{name}")];
        let asked = try_join_all(STRANGERS.map(|stranger| self.refuses(stranger, &keys))).await;
        if matches!(asked, Err(BucketError::OpenToStrangers { .. })) {
            for key in &keys {
                let removed = self.client().delete_object().bucket(self.name()).key(key).send().await;
                removed.map_err(|error| sdk("remove", key, error))?;
            }
        }
        asked.map(drop)
    }

    /// A key that does not exist serves as well as one that does: a store asks who it is before it looks.
    async fn refuses(&self, stranger: Stranger, keys: &[String]) -> Result<(), BucketError> {
        let (client, bucket): (&Client, _) = (self.client(), self.name());
        for key in keys {
            let get = client.get_object().bucket(bucket).key(key).customize().interceptor(stranger);
            refused("a read", key, get.send().await)?;
            let put = client.put_object().bucket(bucket).key(key).body(Vec::new().into());
            refused("a write", key, put.customize().interceptor(stranger).send().await)?;
        }
        let list = client.list_objects_v2().bucket(bucket).max_keys(1).customize().interceptor(stranger);
        refused("a listing", bucket, list.send().await)
    }

    /// Makes sure that anyone may read objects below `prefixes`, as the edge does.
    ///
    /// # Errors
    /// [`BucketError::ClosedToTheEdge`] for a store that refuses, [`BucketError::Store`] if it cannot be asked.
    pub async fn lets_anyone_read(&self, prefixes: &[&str]) -> Result<(), BucketError> {
        for prefix in prefixes {
            let key = format!("{prefix}probe-{}", Uuid::new_v4());
            let put = self.client().put_object().bucket(self.name()).key(&key).body(Vec::new().into());
            put.send().await.map_err(|error| sdk("probe", &key, error))?;
            let get = self.client().get_object().bucket(self.name()).key(&key).customize();
            let got = get.interceptor(Stranger::Unsigned).send().await;
            let removed = self.client().delete_object().bucket(self.name()).key(&key).send().await;
            removed.map_err(|error| sdk("remove", &key, error))?;
            got.map_err(|_| BucketError::ClosedToTheEdge((*prefix).to_owned()))?;
        }
        Ok(())
    }
}

/// A store may call a signature that is none a bad request (400); whatever else it says, it has looked.
fn refused<T, E>(asked: &'static str, key: &str, answer: Result<T, SdkError<E>>) -> Result<(), BucketError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let open = BucketError::OpenToStrangers { asked, key: key.to_owned() };
    let Err(error) = answer else { return Err(open) };
    match error.raw_response().map(|response| response.status().as_u16()) {
        Some(400 | 401 | 403) => Ok(()),
        Some(200..=499) => Err(open),
        _ => Err(sdk("probe", key, error)),
    }
}

impl Intercept for Stranger {
    fn name(&self) -> &'static str {
        "Stranger"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.disguise(context.request_mut())
    }
}

impl Stranger {
    /// Takes the signature off a request and puts on what this one has.
    fn disguise(self, request: &mut HttpRequest) -> Result<(), BoxError> {
        let header = request.headers().get("authorization").ok_or("the request is not signed")?.to_owned();
        let (signed, _) = header.rsplit_once("Signature=").ok_or("the request has no signature")?;
        if self == Self::ForgedHeader {
            request.headers_mut().try_insert("authorization", format!("{signed}Signature={:064}", 0))?;
            return Ok(());
        }
        let date = request.headers().get("x-amz-date").unwrap_or_default().to_owned();
        let ours: Vec<_> = request.headers().iter().map(|(name, _)| name.to_owned()).collect();
        for name in ours.iter().filter(|name| *name == "authorization" || name.starts_with("x-amz-")) {
            request.headers_mut().remove(name);
        }
        let credential = signed.split_once("Credential=").and_then(|(_, rest)| rest.split_once(','));
        let (credential, _) = credential.ok_or("the request names no key")?;
        let shown = match self {
            Self::Unsigned | Self::ForgedHeader => return Ok(()),
            Self::BareAddress => "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00".to_owned(),
            Self::ForgedAddress => format!(
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={date}&X-Amz-Expires=300\
                 &X-Amz-SignedHeaders=host&X-Amz-Signature={:064}",
                credential.replace('/', "%2F"),
                0
            ),
        };
        let joined = if request.uri().contains('?') { '&' } else { '?' };
        let uri = format!("{}{joined}{shown}", request.uri());
        Ok(request.set_uri(uri)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> HttpRequest {
        let mut request = HttpRequest::get("http://store/clips/originals/x?x-id=GetObject").expect("a request");
        for (name, value) in [
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=key/day/s3/aws4_request, SignedHeaders=host, Signature=ab12",
            ),
            ("x-amz-date", "20261127T120000Z"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ] {
            request.headers_mut().insert(name, value);
        }
        request
    }

    #[test]
    fn no_stranger_shows_a_signature_that_counts() {
        for stranger in STRANGERS {
            let mut request = request();
            stranger.disguise(&mut request).expect("disguised");
            let header = request.headers().get("authorization").unwrap_or_default();
            let shown = format!("{header} {}", request.uri());
            assert!(!shown.contains("ab12"), "{shown}");
            assert_eq!(shown.contains("Signature="), stranger != Stranger::Unsigned, "{shown}");
            assert_eq!(shown.contains("key"), matches!(stranger, Stranger::ForgedHeader | Stranger::ForgedAddress));
        }
    }
}
