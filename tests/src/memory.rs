//! An object store in memory, for benchmarks over more objects than a disk takes in reasonable time: as much of S3's protocol as
//! the adapter speaks. It asks for no signature, and what it promises is tested nowhere: for all else there is the real store.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State},
    response::{IntoResponse, Response},
    serve::ListenerExt as _,
};
use clipset_core::id::EncodeId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use md5::{Digest as _, Md5};
use tokio::net::TcpListener;

type Asked = HashMap<String, String>;

#[derive(Clone)]
struct Object {
    body: Bytes,
    etag: [u8; 16],
    metadata: Vec<(HeaderName, HeaderValue)>,
}

impl Object {
    fn new(body: Bytes, metadata: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self { etag: Md5::digest(&body).into(), body, metadata }
    }

    fn etag(&self) -> String {
        format!("\"{:032x}\"", u128::from_be_bytes(self.etag))
    }
}

/// The objects.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<String, Object>>,
    /// Parts of an upload, by its id.
    uploads: Mutex<HashMap<String, BTreeMap<i32, Bytes>>>,
}

impl Memory {
    /// Stores an object.
    pub fn put(&self, key: String, body: Vec<u8>) {
        self.objects().insert(key, Object::new(body.into(), Vec::new()));
    }

    /// Answers from now on; gives the port.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn serve(self) -> u16 {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(Arc::new(self));
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<i32, Bytes>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, key: &str, headers: &HeaderMap) -> Response {
        let Some(object) = self.objects().get(key).cloned() else { return missing() };
        let etag = object.etag();
        let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
        let status = if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let body = if unchanged { Bytes::new() } else { object.body };
        let mut response = (status, [(header::ETAG, etag)], body).into_response();
        response.headers_mut().extend(object.metadata);
        response
    }

    fn write(&self, key: &str, headers: &HeaderMap, body: Bytes) -> Response {
        assert!(!headers.contains_key(header::CONTENT_ENCODING), "bodies come as they are");
        let mut objects = self.objects();
        let found = objects.get(key).map(Object::etag);
        let wanted = headers.get(header::IF_MATCH).map(HeaderValue::as_bytes);
        let conflicts = (headers.contains_key(header::IF_NONE_MATCH) && found.is_some())
            || wanted.is_some_and(|wanted| found.is_none_or(|found| found.as_bytes() != wanted));
        if conflicts {
            return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let metadata = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"));
        let object = Object::new(body, metadata.map(|(name, value)| (name.clone(), value.clone())).collect());
        let etag = object.etag();
        objects.insert(key.to_owned(), object);
        [(header::ETAG, etag)].into_response()
    }

    fn list(&self, asked: &Asked) -> Response {
        let get = |name: &str| asked.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let prefix = get("prefix").unwrap_or_default();
        let most: usize = get("max-keys").and_then(|most| most.parse().ok()).unwrap_or(1000).min(1000);
        let after = get("continuation-token").or(get("start-after")).unwrap_or_default();
        let mut from = match after >= prefix {
            true => Bound::Excluded(after.to_owned()),
            false => Bound::Included(prefix.to_owned()),
        };
        let (mut entries, mut count, mut next) = (String::new(), 0, String::new());
        let objects = self.objects();
        'listing: loop {
            for (key, object) in objects.range((from.clone(), Bound::Unbounded)) {
                let Some(rest) = key.strip_prefix(prefix) else { break 'listing };
                if count == most {
                    entries.push_str(&format!("<NextContinuationToken>{next}</NextContinuationToken>"));
                    break 'listing;
                }
                count += 1;
                if let Some((folder, _)) = get("delimiter").and_then(|delimiter| rest.split_once(delimiter)) {
                    let folder = format!("{prefix}{folder}/");
                    entries.push_str(&format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"));
                    from = Bound::Excluded(format!("{folder}\u{10ffff}"));
                    next = format!("{folder}~");
                    continue 'listing;
                }
                let (etag, size) = (object.etag().replace('"', "&quot;"), object.body.len());
                let entry = format!("<Key>{key}</Key><ETag>{etag}</ETag><Size>{size}</Size>");
                entries.push_str(&format!("<Contents>{entry}</Contents>"));
                next.clone_from(key);
            }
            break;
        }
        let truncated = entries.contains("<NextContinuationToken>");
        xml(&format!("<ListBucketResult>{entries}<IsTruncated>{truncated}</IsTruncated></ListBucketResult>"))
    }

    fn parts(&self, id: &str) -> Response {
        let uploads = self.uploads();
        let Some(parts) = uploads.get(id) else { return error(StatusCode::NOT_FOUND, "NoSuchUpload") };
        let part = |(number, body): (&i32, &Bytes)| {
            let etag = Object::new(body.clone(), Vec::new()).etag().replace('"', "&quot;");
            let size = body.len();
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><Size>{size}</Size></Part>")
        };
        let parts: String = parts.iter().map(part).collect();
        xml(&format!("<ListPartsResult>{parts}<IsTruncated>false</IsTruncated></ListPartsResult>"))
    }

    fn complete(&self, key: &str, id: &str) -> Response {
        let Some(parts) = self.uploads().remove(id) else { return error(StatusCode::NOT_FOUND, "NoSuchUpload") };
        let body: Vec<u8> = parts.into_values().flatten().collect();
        self.put(key.to_owned(), body);
        xml(&format!("<CompleteMultipartUploadResult><Key>{key}</Key></CompleteMultipartUploadResult>"))
    }

    fn remove_named(&self, body: &Bytes) -> Response {
        let body = String::from_utf8_lossy(body);
        for key in body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            self.objects().remove(key);
        }
        xml("<DeleteResult></DeleteResult>")
    }
}

async fn answer(
    State(store): State<Arc<Memory>>,
    method: Method,
    uri: Uri,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = uri.path().trim_start_matches('/').split_once('/').map(|(_, key)| key).unwrap_or_default();
    let upload = asked.get("uploadId");
    match (method.as_str(), key, upload) {
        ("GET", "", _) if asked.contains_key("uploads") => {
            xml("<ListMultipartUploadsResult></ListMultipartUploadsResult>")
        }
        ("GET", "", _) => store.list(&asked),
        ("POST", "", _) => store.remove_named(&body),
        (_, "", _) => StatusCode::OK.into_response(),
        ("GET", _, Some(id)) => store.parts(id),
        ("GET" | "HEAD", key, None) => store.read(key, &headers),
        ("PUT", _, Some(id)) => {
            let number = asked.get("partNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
            let etag = Object::new(body.clone(), Vec::new()).etag();
            store.uploads().entry(id.clone()).or_default().insert(number, body);
            [(header::ETAG, etag)].into_response()
        }
        ("PUT", key, None) => store.write(key, &headers, body),
        ("POST", key, Some(id)) => store.complete(key, id),
        ("POST", key, None) => {
            let id = EncodeId::random().to_string();
            store.uploads().insert(id.clone(), BTreeMap::new());
            xml(&format!(
                "<InitiateMultipartUploadResult><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            ))
        }
        (_, _, Some(id)) => {
            store.uploads().remove(id);
            StatusCode::NO_CONTENT.into_response()
        }
        (_, key, None) => {
            store.objects().remove(key);
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

fn missing() -> Response {
    error(StatusCode::NOT_FOUND, "NoSuchKey")
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/xml")], format!("<Error><Code>{code}</Code></Error>")).into_response()
}

fn xml(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/xml")], text.to_owned()).into_response()
}
