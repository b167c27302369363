//! The page of a share: what a chat shows of the link, and the script that plays it.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use clipset_core::{id::ShareId, share::Share, video::Video};
use clipset_service::{PathId, Problem, Service};
use http::{HeaderValue, StatusCode, header};

use super::{find, open::Inline};
use crate::App;

/// Hashes of the styles that the player's controls put into their shadow roots, one a line. The build of `web/` writes them.
const STYLE_HASHES: &str = include_str!("../../../../web/style-hashes.txt");

/// What is shown of a video whose share asks for a password.
const HIDDEN_TITLE: &str = "A shared video";

/// `GET /s/{share_id}`.
pub(crate) async fn share_page(State(service): App, PathId(id): PathId<ShareId>) -> Response {
    page(&service, &id, "'none'").await
}

/// `GET /embed/{share_id}`: the same, and other sites may frame it.
pub(crate) async fn embed_page(State(service): App, PathId(id): PathId<ShareId>) -> Response {
    page(&service, &id, "*").await
}

/// What may be shown of a share to whoever has its link, before it is opened.
pub(super) struct Preview {
    pub(super) title: String,
    pub(super) poster_url: Option<String>,
    pub(super) share_url: String,
    pub(super) embed_url: String,
    /// Pixels, as shown.
    pub(super) size: (u32, u32),
}

impl Preview {
    pub(super) fn new(service: &Service, share: &Share, video: &Video) -> Self {
        let (base, id) = (&service.config.public_url, &share.share_id);
        let publication = video.publication.as_ref().filter(|_| share.password_hash.is_none());
        let poster = publication.and_then(|publication| publication.poster);
        let size = publication.map(|publication| (publication.width, publication.height));
        Self {
            title: if share.password_hash.is_none() { video.title.clone() } else { HIDDEN_TITLE.to_owned() },
            poster_url: poster.map(|_| format!("{base}/api/shares/{id}/poster")),
            share_url: format!("{base}/s/{id}"),
            embed_url: format!("{base}/embed/{id}"),
            size: size.filter(|(width, height)| *width > 0 && *height > 0).unwrap_or((640, 360)),
        }
    }

    fn metadata(&self, base: &str) -> String {
        let mut lines = Vec::new();
        let mut meta = |kind: &str, name: &str, content: &str| {
            lines.push(format!("<meta {kind}=\"{name}\" content=\"{}\">", escape(content)));
        };
        meta("property", "og:site_name", "Clipset");
        meta("property", "og:type", "video.other");
        meta("property", "og:title", &self.title);
        meta("property", "og:url", &self.share_url);
        meta("property", "og:video:url", &self.embed_url);
        meta("property", "og:video:type", "text/html");
        meta("property", "og:video:width", &self.size.0.to_string());
        meta("property", "og:video:height", &self.size.1.to_string());
        meta("name", "twitter:card", if self.poster_url.is_some() { "summary_large_image" } else { "summary" });
        meta("name", "twitter:title", &self.title);
        if let Some(poster) = &self.poster_url {
            meta("property", "og:image", poster);
            meta("property", "og:image:type", "image/jpeg");
            meta("name", "twitter:image", poster);
        }
        // In a query value nothing of the share's address needs encoding but `:` and `/`.
        let url = self.share_url.replace(':', "%3A").replace('/', "%2F");
        lines.push(format!(
            "<link rel=\"alternate\" type=\"application/json+oembed\" href=\"{}\">",
            escape(&format!("{base}/api/oembed?url={url}"))
        ));
        lines.join("\n")
    }
}

async fn page(service: &Service, id: &ShareId, framed_by: &str) -> Response {
    match find(service, id).await {
        Ok((share, video)) => {
            let preview = Preview::new(service, &share, &video);
            let metadata = preview.metadata(&service.config.public_url);
            let inline = Inline::of(service, &share, &video).await;
            let body = format!("{}{}", inline.as_ref().map(data).unwrap_or_default(), script(""));
            html(StatusCode::OK, framed_by, &document(&preview.title, &metadata, &body))
        }
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            html(StatusCode::NOT_FOUND, framed_by, &document("This link has ended", "", &script(GONE)))
        }
        Err(problem) => Problem::into_response(problem),
    }
}

/// A block of data, which is no script to a policy. What HTML has a use for stands in JSON's strings alone, where it can be
/// escaped.
fn data(inline: &Inline) -> String {
    let mut json = serde_json::to_string(inline).unwrap_or_default();
    for c in ['<', '>', '&', '\''] {
        json = json.replace(c, &format!("\\u{:04x}", u32::from(c)));
    }
    format!("<script type=\"application/json\" id=\"opened\">{json}</script>\n")
}

/// What a browser without JavaScript shows of a share that is none; the script says the same in the pages' own looks.
const GONE: &str =
    "<h1>This link has ended</h1>\n<p>This share has ended, or there never was one: ask for a new link.</p>";

/// The script finds the share's id in its own address, opens it, and plays. `until` stands there before.
fn script(until: &str) -> String {
    format!(
        "<main id=\"share\">{until}</main>\n<noscript>Playing a video needs JavaScript.</noscript>\n\
         <script type=\"module\" src=\"/share.js\"></script>"
    )
}

fn document(title: &str, metadata: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n{metadata}\n</head>\n\
         <body>\n{body}\n</body>\n</html>\n"
    )
}

fn html(status: StatusCode, framed_by: &str, body: &str) -> Response {
    let styles = STYLE_HASHES.lines().collect::<Vec<_>>().join(" ");
    let policy = format!(
        "default-src 'self'; style-src 'self' {styles}; media-src 'self' blob:; worker-src 'self'; object-src 'none'; base-uri 'none'; \
         form-action 'none'; frame-ancestors {framed_by}"
    );
    let mut response = (status, axum::response::Html(body.to_owned())).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address is the key: it is told to nobody.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Text for HTML, between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
