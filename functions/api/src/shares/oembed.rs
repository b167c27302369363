//! oEmbed (oembed.com): how to show a share inside another page.

use axum::extract::State;
use clipset_core::id::ShareId;
use clipset_service::{Json, Problem};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    find, no_such_share,
    page::{Preview, escape},
};
use crate::{App, extract::Params};

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EmbedQuery"))]
pub(crate) struct Asked {
    url: String,
    format: Option<String>,
    maxwidth: Option<u32>,
    maxheight: Option<u32>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Embed {
    version: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    provider_name: &'static str,
    provider_url: String,
    width: u32,
    height: u32,
    html: String,
    #[serde(flatten)]
    thumbnail: Option<Thumbnail>,
}

/// All three or none.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct Thumbnail {
    thumbnail_url: String,
    thumbnail_width: u32,
    thumbnail_height: u32,
}

/// `GET /api/oembed?url=`: for `/s/…` and `/embed/…` addresses of this installation.
pub(crate) async fn oembed(State(service): App, Params(asked): Params<Asked>) -> Result<Json<Embed>, Problem> {
    if asked.format.as_deref().is_some_and(|format| format != "json") {
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "Only format=json is offered."));
    }
    let base = &service.config.public_url;
    let path = asked.url.strip_prefix(base.as_str()).ok_or_else(no_such_share)?;
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let id = path.strip_prefix("/s/").or_else(|| path.strip_prefix("/embed/"));
    let id: ShareId = id.and_then(|id| id.parse().ok()).ok_or_else(no_such_share)?;
    let (share, video) = find(&service, &id).await?;
    let preview = Preview::new(&service, &share, &video);
    let (width, height) = fitted(preview.size, asked.maxwidth, asked.maxheight);
    let html = format!(
        "<iframe src=\"{}\" width=\"{width}\" height=\"{height}\" title=\"{}\" frameborder=\"0\" \
         allow=\"fullscreen; picture-in-picture\" allowfullscreen></iframe>",
        escape(&preview.embed_url),
        escape(&preview.title),
    );
    let thumbnail = preview.poster_url.map(|thumbnail_url| Thumbnail {
        thumbnail_url,
        thumbnail_width: preview.size.0,
        thumbnail_height: preview.size.1,
    });
    Ok(Json(Embed {
        version: "1.0",
        kind: "video",
        title: preview.title,
        provider_name: "Clipset",
        provider_url: base.clone(),
        width,
        height,
        html,
        thumbnail,
    }))
}

/// The largest size of the same shape within both bounds; never larger than the video.
fn fitted((width, height): (u32, u32), most_wide: Option<u32>, most_high: Option<u32>) -> (u32, u32) {
    let ratio = |most: Option<u32>, length: u32| most.map_or(1.0, |most| f64::from(most.max(1)) / f64::from(length));
    let factor = ratio(most_wide, width).min(ratio(most_high, height)).min(1.0);
    let scaled = |length: u32| ((f64::from(length) * factor).floor() as u32).max(1);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_within_their_bounds_and_keep_their_shape() {
        assert_eq!(fitted((1920, 1080), None, None), (1920, 1080));
        assert_eq!(fitted((1920, 1080), Some(640), None), (640, 360));
        assert_eq!(fitted((1080, 1920), Some(640), Some(480)), (270, 480));
        assert_eq!(fitted((640, 360), Some(9999), Some(0)), (1, 1));
    }
}
