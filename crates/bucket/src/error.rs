//! What can go wrong between us and the object store.

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};

/// A failed operation. The message is for logs: it names the key and the store's own words.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// A conditional write found something else there.
    #[error("{key} was changed by someone else")]
    Conflict {
        /// The object.
        key: String,
    },
    /// The object is not there.
    #[error("{key} is not in the bucket")]
    Missing {
        /// The object.
        key: String,
    },
    /// The store is away, slow, or refuses us.
    #[error("the object store failed to {operation} {key}: {message}")]
    Store {
        /// In words, such as `read`.
        operation: &'static str,
        /// The object or prefix.
        key: String,
        /// The store's words.
        message: String,
    },
    /// The object is not the document that it should be.
    #[error("{key} cannot be read as its kind of document: {reason}")]
    Malformed {
        /// The object.
        key: String,
        /// What the parser said.
        reason: serde_json::Error,
    },
    /// The store has the object, and says that its bytes are not those that were written.
    #[error("{key} is damaged in the store")]
    Damaged {
        /// The object.
        key: String,
    },
    /// The store has no space left.
    #[error("the object store has no space left for {key}")]
    Full {
        /// The object.
        key: String,
    },
    /// The local file of a transfer failed.
    #[error("{operation} failed on the local disk: {reason}")]
    Local {
        /// In words, such as `download`.
        operation: &'static str,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The store does not do what the documents need.
    #[error(
        "the object store ignores {0}, so two writers could overwrite each other; use a store that \
         honours conditional writes (AWS S3, MinIO, SeaweedFS, R2)"
    )]
    NoConditionalWrites(&'static str),
    /// The store does for anyone what only the holder of its key may.
    #[error(
        "the object store grants {asked} of {key} to whoever asks, without a signature or with a wrong one, so everybody \
         could have every original: start it with authentication, and let its policy open nothing but what the edge reads"
    )]
    OpenToStrangers {
        /// In words, such as `a read`.
        asked: &'static str,
        /// The object or bucket.
        key: String,
    },
    /// The edge asks without a key, and is refused.
    #[error(
        "the object store lets nobody read below {0} without a key, so the edge could serve nothing: let its policy allow \
         GetObject there to anyone"
    )]
    ClosedToTheEdge(String),
}

/// Below it stands what was set aside, each under the key that it had.
pub const DAMAGED_FOLDER: &str = "damaged/";

/// The code with which the embedded bucket answers 500 for an object whose bytes changed on its disk.
pub const DAMAGED: &str = "ObjectDamaged";

impl BucketError {
    /// The object is there, and nobody can read it as what it should be: asking again gives the same.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::Damaged { .. })
    }
}

/// Why a document was not updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E> {
    /// The change itself refused.
    #[error(transparent)]
    Refused(E),
    /// There is no such document.
    #[error("there is no such document")]
    Missing,
    /// The store failed, or others won every race within the bound.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

/// `key` as a log may hold it: who has the id of a share may open it, so of that it says the video and no more.
pub fn loggable(key: &str) -> String {
    match key.split_once("shares/") {
        Some((before @ ("" | DAMAGED_FOLDER), id)) => format!("{before}shares/{}…", id.get(..10).unwrap_or_default()),
        _ => key.to_owned(),
    }
}

/// Turns an SDK error into ours by its HTTP status.
pub(crate) fn sdk<E>(operation: &'static str, key: impl ToString, error: SdkError<E>) -> BucketError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let key = loggable(&key.to_string());
    match error.raw_response().map(|response| response.status().as_u16()) {
        // S3 answers 409 while another conditional write of the key is under way.
        Some(412 | 409) => BucketError::Conflict { key },
        Some(404) => BucketError::Missing { key },
        Some(507) => BucketError::Full { key },
        Some(500) if error.code() == Some(DAMAGED) => BucketError::Damaged { key },
        _ => {
            let request = error.raw_response().and_then(|response| response.request_id());
            let request = request.map(|id| format!(" (request {id})")).unwrap_or_default();
            BucketError::Store { operation, key, message: format!("{}{request}", in_words(&error)) }
        }
    }
}

/// What the store said, else what the error and its causes say, once each. The SDK's own text adds the whole request and
/// answer, as Rust writes them.
fn in_words<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(code) = error.code() {
        return format!("{code}: {}", error.message().unwrap_or("no more is said"));
    }
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut words: Vec<String> = Vec::new();
    for said in causes.map(ToString::to_string) {
        if !words.iter().any(|before| before.contains(&said)) {
            words.push(said);
        }
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_never_holds_what_opens_a_share() {
        assert_eq!(loggable("shares/aB3dE6gH9jsecretsecretsecretse.json"), "shares/aB3dE6gH9j…");
        let aside = loggable("damaged/shares/aB3dE6gH9jsecretsecretsecretse.json");
        assert_eq!(aside, "damaged/shares/aB3dE6gH9j…");
        assert_eq!(loggable("catalog/videos/aB3dE6gH9j.json"), "catalog/videos/aB3dE6gH9j.json");
    }
}
