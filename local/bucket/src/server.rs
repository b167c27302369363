//! The listener and the life of its connections.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::access::S3Access;
use s3s::auth::S3Auth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, s3_error};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::access::{Keys, Rules};
use crate::api::Api;
use crate::drain::returning;
use crate::error::During;
use crate::store::Store;
use crate::{Config, Error};

/// Requests under way may take this long to end after a shutdown is asked for.
const GRACE: Duration = Duration::from_secs(30);
/// A connection may wait this long for its next request; longer than nginx keeps one (60 s), so that nginx closes first.
const IDLE: Duration = Duration::from_secs(75);
/// Rest after a failed accept, which is most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bucket that is open and listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    service: S3Service,
}

impl Server {
    /// Opens the bucket and listens. Requests are answered once [`serve`](Self::serve) runs.
    ///
    /// # Errors
    ///
    /// The configuration is not usable, another process owns the folder, or a file or the address cannot be used.
    pub async fn bind(config: Config, address: SocketAddr) -> Result<Self, Error> {
        config.check()?;
        let (root, reserve) = (config.root.clone(), config.reserve.clone());
        let opened = spawn_blocking(move || Store::open(&root, reserve)).await;
        let store = opened.map_err(std::io::Error::other).during("open the bucket")??;
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, service: service(config, store) })
    }

    /// The address it listens on, with the port that was given for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` completes; then those under way are given half a minute to end.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            match accepted {
                Ok((stream, _)) => self.connect(stream, &graceful),
                Err(error) => {
                    tracing::warn!(%error, "accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        if timeout(GRACE, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still under way at shutdown");
        }
    }

    fn connect(&self, stream: TcpStream, graceful: &GracefulShutdown) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "set TCP_NODELAY");
        }
        let s3 = self.service.clone();
        let service = service_fn(move |request| answer(s3.clone(), request));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(IDLE);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

fn service(config: Config, store: Store) -> S3Service {
    let keys = Keys { access_key: config.access_key, secret_key: config.secret_key.into() };
    let rules = Rules { bucket: config.bucket.clone(), anonymous_prefixes: config.anonymous_prefixes };
    guarded(Api { store: Arc::new(store), bucket: config.bucket }, keys, rules)
}

/// Both at once: without keys, s3s would not ask for the rules.
fn guarded(api: Api, keys: impl S3Auth, rules: impl S3Access) -> S3Service {
    let mut builder = S3ServiceBuilder::new(api);
    builder.set_auth(keys);
    builder.set_access(rules);
    builder.build()
}

async fn answer(s3: S3Service, request: Request<Incoming>) -> Result<Response<Body>, HttpError> {
    if is_form(request.method(), request.headers()) {
        // s3s reads a form into memory before it asks who sent it.
        let refused = s3_error!(AccessDenied, "Uploads by form are not supported.").to_http_response();
        return refused.map_err(|error| HttpError::new(Box::new(error)));
    }
    // Who waits for 100 Continue has not begun to send.
    let sends = !request.headers().contains_key(header::EXPECT);
    let (head, body) = request.into_parts();
    let (body, rest) = returning(body);
    let mut request = Request::from_parts(head, Body::http_body(body));
    join_encodings(request.headers_mut());
    let response = s3.call(request).await?;
    if sends && !response.status().is_success() {
        rest.drain().await;
    }
    Ok(response)
}

/// The SDK adds `aws-chunked` as a second header, and s3s refuses two. Signatures see a list either way.
fn join_encodings(headers: &mut HeaderMap) {
    let encodings: Vec<_> = headers.get_all(header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    if encodings.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&encodings.join(&b','))
    {
        headers.insert(header::CONTENT_ENCODING, joined);
    }
}

fn is_form(method: &Method, headers: &HeaderMap) -> bool {
    let form = |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().starts_with(b"multipart/form-data");
    method == Method::POST && headers.get_all(header::CONTENT_TYPE).iter().any(form)
}
