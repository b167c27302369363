//! Stored playlists become signed ones, once per end of signatures.

use std::sync::Arc;

use clipset_core::{
    id::{EncodeId, RenditionName, ShortId},
    key::MediaKey,
    playlist::{self, PlaylistError},
};
use clipset_service::{Problem, Service, Work};
use http::StatusCode;
use quick_cache::{Weighter, sync::Cache};

use crate::signed::Signed;

/// Signed playlists are kept up to this many bytes.
const CACHE_BYTES: u64 = 16 << 20;
/// And stored ones up to this many.
const STORED_BYTES: u64 = 4 << 20;

/// One playlist until one end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) short_id: ShortId,
    pub(crate) encode: EncodeId,
    pub(crate) rendition: Option<RenditionName>,
    /// In its lines, where it leads to renditions.
    pub(crate) token: Option<String>,
    pub(crate) expires: u64,
}

type StoredKey = (EncodeId, Option<RenditionName>);

#[derive(Clone)]
struct ByBytes;

impl Weighter<Wanted, Arc<Signed>> for ByBytes {
    fn weight(&self, _: &Wanted, signed: &Arc<Signed>) -> u64 {
        signed.weight()
    }
}

impl Weighter<StoredKey, Arc<str>> for ByBytes {
    fn weight(&self, _: &StoredKey, stored: &Arc<str>) -> u64 {
        stored.len() as u64
    }
}

pub(crate) struct Manifests {
    service: Arc<Service>,
    stored: Cache<StoredKey, Arc<str>, ByBytes>,
    signed: Cache<Wanted, Arc<Signed>, ByBytes>,
}

impl Manifests {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self {
            service,
            stored: Cache::with_weighter(100, STORED_BYTES, ByBytes),
            signed: Cache::with_weighter(200, CACHE_BYTES, ByBytes),
        }
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// The signed playlist, made by one of those who wait for it; and what that took.
    pub(crate) async fn signed(&self, wanted: Wanted) -> Result<(Arc<Signed>, Work), Problem> {
        if let Some(signed) = self.signed.get(&wanted) {
            return Ok((signed, Work { cache_hits: 1, signed_segments: 0 }));
        }
        let mut work = Work::default();
        // Boxed, for it is large and seldom: the future that holds it is moved at each request.
        let making = self.signed.get_or_insert_async(&wanted, async {
            let stored = self.stored(wanted.encode, wanted.rendition.clone()).await?;
            let signed = self.sign(&stored, &wanted, &mut work.signed_segments);
            Ok::<_, Problem>(Arc::new(Signed::new(signed.map_err(|error| unreadable(&wanted, &error))?)))
        });
        let signed = Box::pin(making).await?;
        Ok((signed, work))
    }

    async fn stored(&self, encode: EncodeId, rendition: Option<RenditionName>) -> Result<Arc<str>, Problem> {
        let key = (encode, rendition);
        self.stored
            .get_or_insert_async(&key, async {
                let object = match key.1.clone() {
                    None => MediaKey::Master(encode),
                    Some(name) => MediaKey::RenditionPlaylist(encode, name),
                };
                let found = self.service.bucket.read_text(&object).await?;
                // The encode was superseded a moment ago, or deleted.
                found.map(Arc::from).ok_or_else(Problem::no_such_video)
            })
            .await
    }

    /// Segments are signed; renditions are led through the API with a playback token, so that a
    /// user's own token never stands in a playlist.
    fn sign(&self, stored: &str, wanted: &Wanted, segments: &mut u32) -> Result<String, PlaylistError> {
        let secrets = self.service.secrets();
        let secret = &secrets.signing_secret;
        let Wanted { short_id, encode, rendition, token, expires } = wanted;
        let folder = match rendition {
            None => format!("/hls/{encode}/"),
            Some(name) => format!("/hls/{encode}/{name}/"),
        };
        playlist::map_uris(stored, |uri| {
            let path = playlist::resolve(&folder, uri)?;
            if !uri.ends_with(".m3u8") {
                *segments += 1;
                return Ok(secret.signed_url(&path, *expires));
            }
            let token = token.as_ref().ok_or_else(|| PlaylistError::ForeignUri(uri.to_owned()))?;
            Ok(format!("/api/videos/{short_id}/hls/{uri}?token={token}"))
        })
    }
}

fn unreadable(wanted: &Wanted, error: &PlaylistError) -> Problem {
    tracing::error!(encode = %wanted.encode, %error, "a stored playlist cannot be signed");
    let detail = "The stored playlist is damaged: ask the owner to have the video prepared again.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}
