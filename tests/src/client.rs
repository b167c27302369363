//! A client of the HTTP API, as far as tests ask.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::wait;

/// Signed in.
#[derive(Debug, Clone)]
pub struct Client {
    /// Of the server.
    pub url: String,
    /// An access token.
    pub token: String,
    http: reqwest::Client,
}

/// Part of an upload.
const PART: usize = 5 << 20;

impl Client {
    /// Signs in.
    ///
    /// # Panics
    /// If the server does not let us.
    pub async fn sign_in(url: &str, username: &str, password: &str) -> Self {
        let http = http();
        let login = http.post(format!("{url}/api/auth/login"));
        let answer = login.json(&json!({"username": username, "password": password})).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.expect("JSON");
        let token = body["access_token"].as_str().expect("a token").to_owned();
        Self { url: url.to_owned(), token, http }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// The JSON that a path gives.
    ///
    /// # Panics
    /// If the answer is not 200 with JSON.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    /// The JSON that a body posted to a path gives.
    ///
    /// # Panics
    /// If the answer is not a success with JSON.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.request(Method::POST, path).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap_or_default());
        answer.json().await.expect("JSON")
    }

    /// Uploads a file over the endpoints that browsers use; gives its short id.
    pub async fn upload(&self, file: &Path, title: &str) -> String {
        self.upload_timed(file, title).await.0
    }

    /// The same; also tells when the last byte had arrived.
    ///
    /// # Panics
    /// If anything is refused.
    pub async fn upload_timed(&self, file: &Path, title: &str) -> (String, Instant) {
        let content = std::fs::read(file).expect("the file");
        let create = json!({"filename": "clip.mp4", "type": "video/mp4",
            "metadata": {"title": title, "size": content.len().to_string()}});
        let upload = self.post("/api/s3/multipart", create).await;
        let (key, id) = (upload["key"].as_str().expect("a key"), upload["uploadId"].as_str().expect("an id"));
        let mut parts = Vec::new();
        for (index, part) in content.chunks(PART).enumerate() {
            let number = index + 1;
            let signed = self.get(&format!("/api/s3/multipart/{id}/{number}?key={key}")).await;
            let url = signed["url"].as_str().expect("a URL");
            assert!(url.starts_with(&self.url), "parts go through the public port: {url}");
            let answer = self.http.put(url).body(part.to_vec()).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK, "part {number}");
            let etag = answer.headers()["etag"].to_str().expect("text");
            parts.push(json!({"PartNumber": number, "ETag": etag}));
        }
        let last_byte = Instant::now();
        let complete = self.post(&format!("/api/s3/multipart/{id}/complete?key={key}"), json!({"parts": parts})).await;
        (complete["short_id"].as_str().expect("a short id").to_owned(), last_byte)
    }

    /// Deletes a video.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn delete(&self, short_id: &str) {
        let answer = self.request(Method::DELETE, &format!("/api/videos/{short_id}")).send().await;
        assert!(answer.expect("an answer").status().is_success());
    }

    /// What stream-info says, once it satisfies `wanted`, within two minutes.
    pub async fn stream_info(&self, short_id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.stream_info_within(short_id, 120, wanted).await
    }

    /// The same, within `seconds`.
    ///
    /// # Panics
    /// After that time, or if the video failed.
    pub async fn stream_info_within(&self, short_id: &str, seconds: u64, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/videos/{short_id}/stream-info");
        wait::until("the stream", Duration::from_secs(seconds), async || {
            let answer = self.request(Method::GET, &path).send().await.ok()?;
            let info: Value = answer.json().await.ok()?;
            assert_ne!(info["processing_status"], "failed", "{info}");
            wanted(&info).then_some(info)
        })
        .await
    }

    /// What stream-info says once the video plays.
    pub async fn ready(&self, short_id: &str) -> Value {
        self.stream_info(short_id, |info| info["ready"] == true).await
    }

    /// Waits until the ladder has taken the first publication's place; gives the multivariant playlist.
    ///
    /// # Panics
    /// After two minutes.
    pub async fn ladder(&self, short_id: &str) -> String {
        wait::until("the ladder", Duration::from_secs(120), async || {
            let playlist = self.manifest(short_id).await?;
            playlist.contains("#EXT-X-STREAM-INF").then_some(playlist)
        })
        .await
    }

    /// The signed playlist of a video, if there is one now.
    pub async fn manifest(&self, short_id: &str) -> Option<String> {
        let path = format!("/api/videos/{short_id}/hls/master.m3u8");
        let answer = self.request(Method::GET, &path).send().await.ok()?;
        if answer.status() != StatusCode::OK { None } else { answer.text().await.ok() }
    }

    /// The status of any URL path, without a token.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn status(&self, path: &str) -> u16 {
        self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer").status().as_u16()
    }
}

/// Follows no redirects: tests look at them.
fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// The lines of a playlist that are URIs.
pub fn uris(playlist: &str) -> Vec<String> {
    playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}
