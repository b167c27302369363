//! A proxy before a bucket that tells what was asked of it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::Request, response::Response};

/// Each request: its arrival, and its answer once there is one.
type Spans = Arc<Mutex<Vec<(Instant, Option<Instant>)>>>;

/// Hands requests on to a bucket.
pub struct Toll {
    /// Its own address.
    pub endpoint: String,
    spans: Spans,
}

impl Toll {
    /// Before the bucket at `endpoint`; each request takes `delay` longer. The host's name is part of the signature, so
    /// it goes on as it came.
    ///
    /// # Panics
    /// If there is no port.
    pub async fn before(endpoint: String, delay: Duration) -> Self {
        let (client, spans) = (reqwest::Client::new(), Spans::default());
        let kept = spans.clone();
        let forward = move |request: Request| {
            let (client, endpoint, spans) = (client.clone(), endpoint.clone(), kept.clone());
            async move {
                let number = {
                    let mut spans = spans.lock().expect("no panic");
                    spans.push((Instant::now(), None));
                    spans.len() - 1
                };
                tokio::time::sleep(delay).await;
                let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
                let asked = client.request(request.method().clone(), format!("{endpoint}{path}"));
                let answer = asked.headers(request.headers().clone()).send().await.expect("the bucket answers");
                let mut response = Response::new(Body::empty());
                *response.status_mut() = answer.status();
                *response.headers_mut() = answer.headers().clone();
                *response.body_mut() = answer.bytes().await.expect("a body").into();
                spans.lock().expect("no panic")[number].1 = Some(Instant::now());
                response
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(forward)).await });
        Self { endpoint: own, spans }
    }

    /// Requests that came.
    ///
    /// # Panics
    /// If the proxy did.
    pub fn requests(&self) -> usize {
        self.spans.lock().expect("no panic").len()
    }

    /// The most requests of which each came after the answer to the one before.
    ///
    /// # Panics
    /// If the proxy did.
    pub fn in_sequence(&self) -> usize {
        let spans = self.spans.lock().expect("no panic").clone();
        let mut answered: Vec<_> = spans.into_iter().filter_map(|(start, end)| Some((start, end?))).collect();
        // Whoever ends first leaves the most room for others.
        answered.sort_by_key(|(_, end)| *end);
        let (mut count, mut last) = (0, None);
        for (start, end) in answered {
            if last.is_none_or(|last| last <= start) {
                (count, last) = (count + 1, Some(end));
            }
        }
        count
    }
}
