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
    error::{BucketError, UpdateError, sdk},
};

/// How often an update is tried against other writers.
const ATTEMPTS: u32 = 100;
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

struct Read<T> {
    document: Versioned<T>,
    write_id: Option<String>,
}

impl Bucket {
    /// Reads a document; `None` if it is not there.
    ///
    /// # Errors
    /// [`BucketError::Store`], [`BucketError::Malformed`].
    pub async fn read<T: DeserializeOwned>(&self, key: &DocumentKey) -> Result<Option<Versioned<T>>, BucketError> {
        Ok(self.read_with_id(key).await?.map(|read| read.document))
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
            Ok(output) => Ok(Stored::Changed(parse(key, output).await?.document)),
        }
    }

    /// Writes a document that is not there yet.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if it is there, [`BucketError::Store`].
    pub async fn create<T: Serialize>(&self, key: &DocumentKey, value: &T) -> Result<Etag, BucketError> {
        self.write(key, value, None).await
    }

    /// Writes a document over the version `etag`.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if it is another version or gone, [`BucketError::Store`].
    pub async fn replace<T: Serialize>(&self, key: &DocumentKey, value: &T, etag: &Etag) -> Result<Etag, BucketError> {
        self.write(key, value, Some(etag)).await
    }

    /// Writes a document over whatever is there. For what only one writer owns.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn put<T: Serialize>(&self, key: &DocumentKey, value: &T) -> Result<Etag, BucketError> {
        let put = self.put_document(key, value, &Uuid::new_v4().to_string());
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

    /// As [`Bucket::update`], for a document that may not be there yet.
    ///
    /// # Errors
    /// Those of `change`, [`UpdateError::Bucket`].
    pub async fn upsert<T, E>(
        &self,
        key: &DocumentKey,
        mut change: impl FnMut(Option<T>) -> Result<T, UpdateError<E>>,
    ) -> Result<Versioned<T>, UpdateError<E>>
    where
        T: Serialize + DeserializeOwned + PartialEq + Clone,
    {
        for attempt in 0..ATTEMPTS {
            let found = self.read(key).await?;
            let (before, etag) = found.map(|found| (found.value, found.etag)).unzip();
            let after = change(before.clone())?;
            if before.as_ref() == Some(&after)
                && let Some(etag) = etag
            {
                return Ok(Versioned { value: after, etag });
            }
            match self.write(key, &after, etag.as_ref()).await {
                Ok(etag) => return Ok(Versioned { value: after, etag }),
                Err(BucketError::Conflict { .. }) => tokio::time::sleep(pause(attempt)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(BucketError::Conflict { key: key.to_string() }.into())
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

    async fn read_with_id<T: DeserializeOwned>(&self, key: &DocumentKey) -> Result<Option<Read<T>>, BucketError> {
        let get = self.client().get_object().bucket(self.name()).key(key.to_string());
        match get.send().await {
            Ok(output) => parse(key, output).await.map(Some),
            Err(error) => match sdk("read", key, error) {
                BucketError::Missing { .. } => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Writes over `etag`, or where nothing is. A refusal may be the echo of our own write whose
    /// answer was lost on the way: the write id tells.
    async fn write<T: Serialize>(
        &self,
        key: &DocumentKey,
        value: &T,
        over: Option<&Etag>,
    ) -> Result<Etag, BucketError> {
        let id = Uuid::new_v4().to_string();
        let put = self.put_document(key, value, &id);
        let put = match over {
            Some(etag) => put.if_match(&etag.0),
            None => put.if_none_match("*"),
        };
        match put.send().await {
            Ok(output) => Ok(Etag(output.e_tag().unwrap_or_default().to_owned())),
            Err(error) => match sdk("write", key, error) {
                conflict @ BucketError::Conflict { .. } => match self.read_with_id::<serde_json::Value>(key).await? {
                    Some(read) if read.write_id.as_deref() == Some(&id) => Ok(read.document.etag),
                    _ => Err(conflict),
                },
                // Over a version of something that is gone.
                BucketError::Missing { key } => Err(BucketError::Conflict { key }),
                other => Err(other),
            },
        }
    }

    fn put_document<T: Serialize>(
        &self,
        key: &DocumentKey,
        value: &T,
        id: &str,
    ) -> aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder {
        let body = serde_json::to_vec(value).expect("documents have string keys");
        self.client()
            .put_object()
            .bucket(self.name())
            .key(key.to_string())
            .content_type("application/json")
            .metadata(WRITE_ID, id)
            .body(body.into())
    }
}

async fn parse<T: DeserializeOwned>(
    key: &DocumentKey,
    output: aws_sdk_s3::operation::get_object::GetObjectOutput,
) -> Result<Read<T>, BucketError> {
    let etag = Etag(output.e_tag().unwrap_or_default().to_owned());
    let write_id = output.metadata().and_then(|metadata| metadata.get(WRITE_ID)).cloned();
    let body = output.body.collect().await.map_err(|error| BucketError::Store {
        operation: "read",
        key: key.to_string(),
        message: error.to_string(),
    })?;
    let value = serde_json::from_slice(&body.into_bytes())
        .map_err(|source| BucketError::Malformed { key: key.to_string(), source })?;
    Ok(Read { document: Versioned { value, etag }, write_id })
}

/// Full jitter: anything from nothing to the bound of this attempt.
fn pause(attempt: u32) -> Duration {
    let bound = FIRST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
    bound.mul_f64(rand::rng().random())
}
