//! JSON documents: conditional writes, and updates that survive races.

use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use bytes::Bytes;
use clipset_core::key::DocumentKey;
use rand::RngExt;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    connection::Bucket,
    error::{BucketError, UpdateError, loggable, sdk},
    unknown,
};

/// How often an update is tried against other writers.
pub(crate) const ATTEMPTS: u32 = 100;
/// The first pause is at most this long, and doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(8);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Names each write, so that a writer whose answer was lost recognises its own work.
const WRITE_ID: &str = "write-id";

/// The version of a document, as the store names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(pub String);

/// A document and its version.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// The document.
    pub value: T,
    /// Its version.
    pub etag: Etag,
}

/// What asking for news of a document gave.
#[derive(Debug, Clone)]
pub enum Stored<T> {
    /// As it was.
    Unchanged,
    /// Gone, or never there.
    Absent,
    /// Another version.
    Changed(Versioned<T>),
}

/// A document as the store gave it.
struct Raw {
    body: Bytes,
    etag: Etag,
    write_id: Option<String>,
}

impl Raw {
    fn parse<T: DeserializeOwned>(&self, key: &DocumentKey) -> Result<T, BucketError> {
        serde_json::from_slice(&self.body)
            .map_err(|reason| BucketError::Malformed { key: loggable(&key.to_string()), reason })
    }

    fn versioned<T: DeserializeOwned>(self, key: &DocumentKey) -> Result<Versioned<T>, BucketError> {
        Ok(Versioned { value: self.parse(key)?, etag: self.etag })
    }
}

/// Makes what it can of the bytes of a document that cannot be read.
type Salvage<T> = fn(&[u8]) -> Option<T>;

impl Bucket {
    /// Reads a document; `None` if it is not there. One that cannot be read and whose kind begins anew
    /// ([`DocumentKey::begins_anew`]) is as good as not there.
    ///
    /// # Errors
    /// [`BucketError::Store`], [`BucketError::Malformed`], [`BucketError::Damaged`].
    pub async fn read<T: DeserializeOwned>(&self, key: &DocumentKey) -> Result<Option<Versioned<T>>, BucketError> {
        match self.read_strictly(key).await {
            Err(error) if error.is_unreadable() && key.begins_anew() => {
                tracing::warn!(%error, "passed over");
                Ok(None)
            }
            read => read,
        }
    }

    /// As [`Bucket::read`], but one that cannot be read is an error whatever its kind.
    ///
    /// # Errors
    /// As [`Bucket::read`].
    pub async fn read_strictly<T: DeserializeOwned>(
        &self,
        key: &DocumentKey,
    ) -> Result<Option<Versioned<T>>, BucketError> {
        self.raw(key).await?.map(|raw| raw.versioned(key)).transpose()
    }

    /// Reads a document unless it still is the version `known`.
    ///
    /// # Errors
    /// As [`Bucket::read`].
    pub async fn read_if_changed<T: DeserializeOwned>(
        &self,
        key: &DocumentKey,
        known: Option<&Etag>,
    ) -> Result<Stored<T>, BucketError> {
        let get = self.client().get_object().bucket(self.name()).key(key.to_string());
        let get = get.set_if_none_match(known.map(|etag| etag.0.clone()));
        match get.send().await {
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 304 => Ok(Stored::Unchanged),
            Err(error) => match sdk("read", key, error) {
                BucketError::Missing { .. } => Ok(Stored::Absent),
                other => Err(other),
            },
            Ok(output) => Ok(Stored::Changed(received(key, output).await?.versioned(key)?)),
        }
    }

    /// Writes a document that is not there yet.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if it is there, [`BucketError::Store`].
    pub async fn create<T: Serialize>(&self, key: &DocumentKey, value: &T) -> Result<Etag, BucketError> {
        self.write(key, body_of(value), None).await
    }

    /// Writes a document over the version `etag`. What a newer version of this program wrote in it stays.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if it is another version or gone, [`BucketError::Store`].
    pub async fn replace<T>(&self, key: &DocumentKey, value: &T, etag: &Etag) -> Result<Etag, BucketError>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let Some(raw) = self.raw(key).await?.filter(|raw| raw.etag == *etag) else {
            return Err(BucketError::Conflict { key: loggable(&key.to_string()) });
        };
        let body = match raw.parse::<T>(key) {
            Ok(before) => unknown::carried(&raw.body, &before, value),
            Err(_) => body_of(value),
        };
        self.write(key, body, Some(etag)).await
    }

    /// Writes a document over whatever is there. For what only one writer owns.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn put<T: Serialize>(&self, key: &DocumentKey, value: &T) -> Result<Etag, BucketError> {
        let put = self.put_document(key, body_of(value), &Uuid::new_v4().to_string());
        let output = put.send().await.map_err(|error| sdk("write", key, error))?;
        Ok(Etag(output.e_tag().unwrap_or_default().to_owned()))
    }

    /// Reads a document, applies `change` and writes it back; again, with a jittered pause, when
    /// another writer was faster. `change` may run several times, on fresh copies.
    ///
    /// # Errors
    /// [`UpdateError::Refused`] of `change` (nothing is written), [`UpdateError::Missing`],
    /// [`UpdateError::Bucket`].
    pub async fn update<T, E>(
        &self,
        key: &DocumentKey,
        mut change: impl FnMut(&mut T) -> Result<(), E>,
    ) -> Result<Versioned<T>, UpdateError<E>>
    where
        T: Serialize + DeserializeOwned + PartialEq + Clone,
    {
        self.upsert(key, |found: Option<T>| match found {
            None => Err(UpdateError::Missing),
            Some(mut value) => {
                change(&mut value).map_err(UpdateError::Refused)?;
                Ok(value)
            }
        })
        .await
    }

    /// As [`Bucket::update`], for a document that may not be there yet. What a newer version of this program wrote in
    /// it stays.
    ///
    /// # Errors
    /// Those of `change`, [`UpdateError::Bucket`].
    pub async fn upsert<T, E>(
        &self,
        key: &DocumentKey,
        change: impl FnMut(Option<T>) -> Result<T, UpdateError<E>>,
    ) -> Result<Versioned<T>, UpdateError<E>>
    where
        T: Serialize + DeserializeOwned + PartialEq + Clone,
    {
        let salvage: Option<Salvage<T>> = key.begins_anew().then_some(|_| None);
        self.change(key, salvage, ATTEMPTS, |_, _| Vec::new(), change).await
    }

    /// As [`Bucket::update`]; before the document is written, the empty documents that `notes` names for what it was and
    /// will be are. A kill in between leaves a note of something that did not happen.
    ///
    /// # Errors
    /// As [`Bucket::update`].
    pub(crate) async fn update_noting<T, E>(
        &self,
        key: &DocumentKey,
        notes: impl Fn(Option<&T>, &T) -> Vec<DocumentKey>,
        mut change: impl FnMut(&mut T) -> Result<(), E>,
    ) -> Result<Versioned<T>, UpdateError<E>>
    where
        T: Serialize + DeserializeOwned + PartialEq + Clone,
    {
        let change = |found: Option<T>| {
            let mut value = found.ok_or(UpdateError::Missing)?;
            change(&mut value).map_err(UpdateError::Refused)?;
            Ok(value)
        };
        self.change(key, None, ATTEMPTS, notes, change).await
    }

    /// As [`Bucket::upsert`], tried so many times: of a document that cannot be read, `change` gets what `salvage` makes of
    /// it.
    pub(crate) async fn upsert_salvaged<T, E>(
        &self,
        key: &DocumentKey,
        salvage: Salvage<T>,
        attempts: u32,
        change: impl FnMut(Option<T>) -> Result<T, UpdateError<E>>,
    ) -> Result<Versioned<T>, UpdateError<E>>
    where
        T: Serialize + DeserializeOwned + PartialEq + Clone,
    {
        self.change(key, Some(salvage), attempts, |_, _| Vec::new(), change).await
    }

    async fn change<T, E>(
        &self,
        key: &DocumentKey,
        salvage: Option<Salvage<T>>,
        attempts: u32,
        notes: impl Fn(Option<&T>, &T) -> Vec<DocumentKey>,
        mut change: impl FnMut(Option<T>) -> Result<T, UpdateError<E>>,
    ) -> Result<Versioned<T>, UpdateError<E>>
    where
        T: Serialize + DeserializeOwned + PartialEq + Clone,
    {
        for attempt in 0..attempts {
            let raw = match self.raw(key).await {
                // The store names no version of it: whoever writes last has written it.
                Err(error @ BucketError::Damaged { .. }) if salvage.is_some() => {
                    let value = change(None)?;
                    tracing::warn!(%error, "begun anew");
                    let etag = self.put(key, &value).await?;
                    return Ok(Versioned { value, etag });
                }
                raw => raw?,
            };
            let read = raw.as_ref().map(|raw| (raw, raw.parse::<T>(key)));
            let (before, saved) = match (read, salvage) {
                (None, _) => (None, None),
                (Some((raw, Ok(value))), _) => (Some((raw, value)), None),
                (Some((raw, Err(error))), Some(salvage)) => {
                    tracing::warn!(%error, "begun anew");
                    (None, salvage(&raw.body))
                }
                (Some((_, Err(error))), None) => return Err(error.into()),
            };
            let after = change(before.as_ref().map(|(_, value)| value.clone()).or(saved))?;
            let body = match &before {
                Some((raw, value)) if *value == after => {
                    return Ok(Versioned { value: after, etag: raw.etag.clone() });
                }
                Some((raw, value)) => unknown::carried(&raw.body, value, &after),
                None => body_of(&after),
            };
            for note in notes(before.as_ref().map(|(_, value)| value), &after) {
                self.put(&note, &()).await?;
            }
            match self.write(key, body, raw.as_ref().map(|raw| &raw.etag)).await {
                Ok(etag) => return Ok(Versioned { value: after, etag }),
                Err(BucketError::Conflict { .. }) => tokio::time::sleep(pause(attempt)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(BucketError::Conflict { key: loggable(&key.to_string()) }.into())
    }

    /// Removes a document. One that is not there is no error.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn remove(&self, key: &DocumentKey) -> Result<(), BucketError> {
        let delete = self.client().delete_object().bucket(self.name()).key(key.to_string());
        delete.send().await.map(drop).map_err(|error| sdk("remove", key, error))
    }

    /// The bytes of the document at `key`, whatever it is; `None` if it is not there. For copies of the whole bucket.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn read_raw(&self, key: &str) -> Result<Option<Bytes>, BucketError> {
        let get = self.client().get_object().bucket(self.name()).key(key);
        match get.send().await.map_err(|error| sdk("read", key, error)) {
            Ok(output) => output.body.collect().await.map(|body| Some(body.into_bytes())).map_err(|error| {
                BucketError::Store { operation: "read", key: key.to_owned(), message: error.to_string() }
            }),
            Err(BucketError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts back what [`Bucket::read_raw`] gave, over whatever is there.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn write_raw(&self, key: &str, body: Bytes) -> Result<(), BucketError> {
        let put = self.client().put_object().bucket(self.name()).key(key).content_type("application/json");
        put.body(body.into()).send().await.map(drop).map_err(|error| sdk("write", key, error))
    }

    async fn raw(&self, key: &DocumentKey) -> Result<Option<Raw>, BucketError> {
        let get = self.client().get_object().bucket(self.name()).key(key.to_string());
        match get.send().await {
            Ok(output) => received(key, output).await.map(Some),
            Err(error) => match sdk("read", key, error) {
                BucketError::Missing { .. } => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Writes over `etag`, or where nothing is. A refusal may be the echo of our own write whose
    /// answer was lost on the way: the write id tells.
    async fn write(&self, key: &DocumentKey, body: Vec<u8>, over: Option<&Etag>) -> Result<Etag, BucketError> {
        let id = Uuid::new_v4().to_string();
        let put = self.put_document(key, body, &id);
        let put = match over {
            Some(etag) => put.if_match(&etag.0),
            None => put.if_none_match("*"),
        };
        match put.send().await {
            Ok(output) => Ok(Etag(output.e_tag().unwrap_or_default().to_owned())),
            Err(error) => match sdk("write", key, error) {
                conflict @ BucketError::Conflict { .. } => match self.raw(key).await {
                    Ok(Some(raw)) if raw.write_id.as_deref() == Some(&id) => Ok(raw.etag),
                    Err(error) if !error.is_unreadable() => Err(error),
                    _ => Err(conflict),
                },
                // Over a version of something that is gone.
                BucketError::Missing { key } => Err(BucketError::Conflict { key }),
                other => Err(other),
            },
        }
    }

    fn put_document(
        &self,
        key: &DocumentKey,
        body: Vec<u8>,
        id: &str,
    ) -> aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder {
        self.client()
            .put_object()
            .bucket(self.name())
            .key(key.to_string())
            .content_type("application/json")
            .metadata(WRITE_ID, id)
            .body(body.into())
    }
}

async fn received(
    key: &DocumentKey,
    output: aws_sdk_s3::operation::get_object::GetObjectOutput,
) -> Result<Raw, BucketError> {
    let etag = Etag(output.e_tag().unwrap_or_default().to_owned());
    let write_id = output.metadata().and_then(|metadata| metadata.get(WRITE_ID)).cloned();
    let body = output.body.collect().await.map_err(|error| BucketError::Store {
        operation: "read",
        key: loggable(&key.to_string()),
        message: error.to_string(),
    })?;
    Ok(Raw { body: body.into_bytes(), etag, write_id })
}

fn body_of(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("documents have string keys")
}

/// Full jitter: anything from nothing to the bound of this attempt.
pub(crate) fn pause(attempt: u32) -> Duration {
    let bound = FIRST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
    bound.mul_f64(rand::rng().random())
}
