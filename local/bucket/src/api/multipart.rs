//! Multipart uploads: created, filled, listed, completed, aborted.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CompletedPart, CreateMultipartUploadInput, CreateMultipartUploadOutput, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, Part, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::attributes::{attributes_of, checksums_of, set_checksum};
use super::list::{encoder, limit};
use super::{Answer, Api, etag};
use crate::incoming::{Claims, parse_checksums, receive};
use crate::store::{Attributes, Checksum, Completion, Condition, ListedPart, NamedPart, Upload};

/// Highest number of a part, by S3's rules.
const MAX_PARTS: u16 = 10_000;

impl Api {
    pub(super) async fn create_upload(&self, input: CreateMultipartUploadInput) -> Answer<CreateMultipartUploadOutput> {
        let attributes = attributes_of!(input)?;
        let id = self.blocking(move |store| store.create_upload(attributes)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..CreateMultipartUploadOutput::default()
        }))
    }

    pub(super) async fn put_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let S3Request { mut input, headers, trailing_headers, .. } = req;
        let number = part_number(input.part_number)?;
        let (key, id) = (input.key.clone(), input.upload_id.clone());
        // Before the body, which may be long and in vain.
        self.blocking(move |store| store.upload(&key, &id)).await?;
        let claims = Claims {
            content_length: input.content_length,
            content_md5: input.content_md5.as_deref(),
            checksums: checksums_of!(input),
            headers: &headers,
            trailers: trailing_headers,
        };
        let attributes = Attributes { key: input.key.clone(), ..Attributes::default() };
        let mut received = receive(&self.store, attributes, input.body.take(), claims).await?;
        let work = move |store: &crate::store::Store| store.commit_part(&input.upload_id, number, received.seal()?);
        let header = self.blocking(work).await?;
        let mut output = UploadPartOutput { e_tag: Some(etag(header.summary.tag)), ..UploadPartOutput::default() };
        set_checksum!(output, header.checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn parts(&self, input: ListPartsInput) -> Answer<ListPartsOutput> {
        let max_parts = limit(input.max_parts)?;
        let after = input.part_number_marker.unwrap_or(0).clamp(0, u16::MAX.into()) as u16;
        let (key, id) = (input.key.clone(), input.upload_id.clone());
        let work = move |store: &crate::store::Store| {
            store.upload(&key, &id)?;
            store.parts(&id, after, max_parts)
        };
        let (parts, more) = self.blocking(work).await?;
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: Some(max_parts as i32),
            is_truncated: Some(more),
            part_number_marker: Some(after.into()),
            next_part_number_marker: parts.last().map(|part| part.number.into()),
            parts: Some(parts.iter().map(part).collect()),
            ..ListPartsOutput::default()
        }))
    }

    pub(super) async fn complete_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        if parts.is_empty() {
            return Err(s3_error!(MalformedXML, "You must specify at least one part."));
        }
        let completion = Completion {
            parts: parts.into_iter().map(named_part).collect::<S3Result<_>>()?,
            condition: Condition { if_match: input.if_match, if_none_match: input.if_none_match },
            checksums: whole_checksums(checksums_of!(input))?,
            size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
        };
        let guard = self.store.ending(&input.upload_id).await;
        let (key, id) = (input.key.clone(), input.upload_id);
        let work = move |store: &crate::store::Store| {
            let _guard = guard;
            store.complete_upload(&key, &id, &completion)
        };
        let header = self.blocking(work).await?;
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(etag(header.summary.tag)),
            ..CompleteMultipartUploadOutput::default()
        };
        set_checksum!(output, header.checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn abort_upload(&self, input: AbortMultipartUploadInput) -> Answer<AbortMultipartUploadOutput> {
        let guard = self.store.ending(&input.upload_id).await;
        let work = move |store: &crate::store::Store| {
            let _guard = guard;
            store.abort_upload(&input.key, &input.upload_id)
        };
        self.blocking(work).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) async fn uploads(&self, input: ListMultipartUploadsInput) -> Answer<ListMultipartUploadsOutput> {
        if input.delimiter.as_deref().is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(s3_error!(NotImplemented, "A delimiter is not supported here."));
        }
        let max_uploads = limit(input.max_uploads)?;
        let encode = encoder(input.encoding_type.as_ref())?;
        let mut uploads = self.blocking(|store| store.all_uploads()).await?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let id_marker = input.upload_id_marker.as_deref();
        let behind = |upload: &Upload| match input.key_marker.as_deref() {
            None | Some("") => true,
            Some(marker) => {
                let key = upload.header.attributes.key.as_str();
                key > marker || key == marker && id_marker.is_some_and(|id| upload.id.as_str() > id)
            }
        };
        uploads.retain(|upload| upload.header.attributes.key.starts_with(prefix) && behind(upload));
        let more = uploads.len() > max_uploads && max_uploads > 0;
        uploads.truncate(max_uploads);
        let last = uploads.last().filter(|_| more);
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            max_uploads: Some(max_uploads as i32),
            is_truncated: Some(more),
            next_key_marker: last.map(|upload| encode(&upload.header.attributes.key)),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            prefix: Some(encode(prefix)),
            key_marker: input.key_marker.as_deref().map(encode),
            upload_id_marker: input.upload_id_marker,
            encoding_type: input.encoding_type,
            uploads: Some(uploads.into_iter().map(|upload| listed(upload, encode)).collect()),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}

fn part_number(number: i32) -> S3Result<u16> {
    let number = u16::try_from(number).ok().filter(|number| (1..=MAX_PARTS).contains(number));
    number.ok_or_else(|| s3_error!(InvalidArgument, "Part number must be an integer between 1 and {MAX_PARTS}."))
}

fn named_part(part: CompletedPart) -> S3Result<NamedPart> {
    let (Some(number), Some(tag)) = (part.part_number, &part.e_tag) else {
        return Err(s3_error!(MalformedXML, "A part needs a number and an entity tag."));
    };
    Ok(NamedPart {
        number: part_number(number)?,
        tag: tag.value().to_owned(),
        checksums: parse_checksums(&checksums_of!(part))?,
    })
}

/// Of the whole object. A checksum of the parts' checksums, which ends in their number, says nothing that the entity tag
/// and the parts' own checksums do not say.
fn whole_checksums(mut named: s3s::dto::Checksum) -> S3Result<Vec<Checksum>> {
    let fields = [
        &mut named.checksum_crc32,
        &mut named.checksum_crc32c,
        &mut named.checksum_crc64nvme,
        &mut named.checksum_sha1,
        &mut named.checksum_sha256,
    ];
    for field in fields {
        field.take_if(|value| value.contains('-'));
    }
    parse_checksums(&named)
}

fn part(listed: &ListedPart) -> Part {
    let summary = &listed.header.summary;
    let mut part = Part {
        part_number: Some(listed.number.into()),
        e_tag: Some(etag(summary.tag)),
        size: Some(summary.size as i64),
        last_modified: Some(summary.modified().into()),
        ..Part::default()
    };
    set_checksum!(part, listed.header.checksum);
    part
}

fn listed(upload: Upload, encode: fn(&str) -> String) -> MultipartUpload {
    MultipartUpload {
        key: Some(encode(&upload.header.attributes.key)),
        initiated: Some(upload.header.summary.modified().into()),
        upload_id: Some(upload.id),
        ..MultipartUpload::default()
    }
}
