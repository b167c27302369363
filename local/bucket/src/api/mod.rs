//! The S3 operations, handed to one file per family.

mod attributes;
mod list;
mod multipart;
mod read;
mod write;

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};
use tokio::task::spawn_blocking;

use crate::Error;
use crate::store::{Store, Tag};

/// S3 over the store. Who may call what was decided in [`access`](crate::access) before.
pub(crate) struct Api {
    pub(crate) store: Arc<Store>,
    pub(crate) bucket: String,
}

type Answer<T> = S3Result<S3Response<T>>;

impl Api {
    /// File work, off the async threads. It goes on to its end even if the client has gone.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> S3Result<T> {
        let store = self.store.clone();
        let result = spawn_blocking(move || work(&store)).await;
        Ok(result.map_err(S3Error::internal_error)??)
    }
}

fn etag(tag: Tag) -> ETag {
    ETag::Strong(tag.to_string())
}

#[async_trait::async_trait]
impl S3 for Api {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let bucket = Bucket { name: Some(self.bucket.clone()), ..Bucket::default() };
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(vec![bucket]), ..ListBucketsOutput::default() }))
    }

    /// The bucket is there from the start; making it again changes nothing.
    async fn create_bucket(&self, _: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", self.bucket)) }))
    }

    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(&self, _: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        self.get(req.input).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        self.head(req.input).await
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        self.put(req).await
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        self.copy(req.input).await
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        self.delete(req.input).await
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        self.delete_many(req.input).await
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        self.list_v1(req.input).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        self.list_v2(req.input).await
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        self.create_upload(req.input).await
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        self.put_part(req).await
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        self.parts(req.input).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        self.complete_upload(req.input).await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        self.abort_upload(req.input).await
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        self.uploads(req.input).await
    }
}
