//! PutObject, CopyObject, DeleteObject and DeleteObjects.

use s3s::dto::{
    self, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, MetadataDirective, PutObjectInput,
    PutObjectOutput,
};
use s3s::{S3Error, S3Request, S3Response, s3_error};

use super::attributes::{attributes_of, checksums_of, set_checksum};
use super::{Answer, Api, etag};
use crate::Error;
use crate::incoming::{Claims, receive};
use crate::store::{Attributes, Condition, Expected};

/// Most keys in one DeleteObjects, by S3's rules.
const MAX_DELETED: usize = 1000;

impl Api {
    pub(super) async fn put(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let S3Request { mut input, headers, trailing_headers, .. } = req;
        let attributes = attributes_of!(input)?;
        let claims = Claims {
            content_length: input.content_length,
            content_md5: input.content_md5.as_deref(),
            checksums: checksums_of!(input),
            headers: &headers,
            trailers: trailing_headers,
        };
        let mut received = receive(&self.store, attributes, input.body.take(), claims).await?;
        let is_document = received.is_document();
        let condition = Condition { if_match: input.if_match, if_none_match: input.if_none_match };
        let mut work = move |store: &crate::store::Store| {
            // A write that is too late already need not wait for the disk.
            store.check(&input.key, &condition)?;
            store.commit(received.seal()?, &condition)
        };
        let work = move |store: &crate::store::Store| match is_document {
            true => store.space().in_reserve(|| work(store)),
            false => work(store),
        };
        let header = self.blocking(work).await?;
        let mut output = PutObjectOutput { e_tag: Some(etag(header.summary.tag)), ..PutObjectOutput::default() };
        set_checksum!(output, header.checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn copy(&self, input: CopyObjectInput) -> Answer<CopyObjectOutput> {
        let CopySource::Bucket { bucket, key: source, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "Access points are not supported."));
        };
        if **bucket != *self.bucket {
            return Err(s3_error!(NoSuchBucket));
        }
        let replace = input.metadata_directive.as_ref().is_some_and(|it| it.as_str() == MetadataDirective::REPLACE);
        if **source == *input.key && !replace {
            return Err(s3_error!(
                InvalidRequest,
                "An object cannot be copied to itself without changing its metadata."
            ));
        }
        let source = source.to_string();
        let replaced = if replace { Some(attributes_of!(input)?) } else { None };
        let source_condition =
            Condition { if_match: input.copy_source_if_match, if_none_match: input.copy_source_if_none_match };
        let work = move |store: &crate::store::Store| {
            let opened = store.read(&source)?;
            let summary = opened.header.summary;
            check_source(&source_condition, &summary.tag.to_string())?;
            let kept = Attributes { key: input.key, upload_id: None, ..opened.header.attributes.clone() };
            let mut staged = store.stage(replaced.unwrap_or(kept), &[], summary.size)?;
            staged.append(opened, false, true)?;
            store.commit(staged.seal(&Expected::default(), Some(summary.tag))?, &Condition::default())
        };
        let header = self.blocking(work).await?;
        let result = CopyObjectResult {
            e_tag: Some(etag(header.summary.tag)),
            last_modified: Some(header.summary.modified().into()),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
    }

    pub(super) async fn delete(&self, input: DeleteObjectInput) -> Answer<DeleteObjectOutput> {
        let condition = Condition { if_match: input.if_match, if_none_match: None };
        let work = move |store: &crate::store::Store| store.space().in_reserve(|| store.delete(&input.key, &condition));
        self.blocking(work).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    pub(super) async fn delete_many(&self, input: DeleteObjectsInput) -> Answer<DeleteObjectsOutput> {
        if input.delete.objects.len() > MAX_DELETED {
            return Err(s3_error!(MalformedXML, "More than {MAX_DELETED} keys."));
        }
        if input.delete.objects.iter().any(|object| object.e_tag.is_some()) {
            return Err(s3_error!(NotImplemented, "Conditions on DeleteObjects are not supported."));
        }
        let keys: Vec<String> = input.delete.objects.into_iter().map(|object| object.key).collect();
        let work = move |store: &crate::store::Store| {
            let results = store.delete_all(&keys);
            Ok(keys.into_iter().zip(results).collect::<Vec<_>>())
        };
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for (key, result) in self.blocking(work).await? {
            match result {
                Ok(()) => deleted.push(DeletedObject { key: Some(key), ..DeletedObject::default() }),
                Err(error) => errors.push(not_deleted(key, error)),
            }
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            ..DeleteObjectsOutput::default()
        }))
    }
}

fn not_deleted(key: String, error: Error) -> dto::Error {
    let error = S3Error::from(error);
    dto::Error {
        key: Some(key),
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        ..dto::Error::default()
    }
}

/// Both are answered with 412 in a copy.
fn check_source(condition: &Condition, tag: &str) -> Result<(), Error> {
    let matches = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == tag,
    };
    let holds =
        condition.if_match.as_ref().is_none_or(matches) && !condition.if_none_match.as_ref().is_some_and(matches);
    if holds { Ok(()) } else { Err(Error::PreconditionFailed) }
}
