//! The checksums that S3 clients send beside the content, and their comparison with what arrived.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto;

/// Algorithm of an `x-amz-checksum-…` header. The numbers are part of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Crc32 = 1,
    Crc32c = 2,
    Crc64Nvme = 3,
    Sha1 = 4,
    Sha256 = 5,
}

/// A checksum of known algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    kind: Kind,
    value: [u8; 32],
}

impl Kind {
    pub(crate) const ALL: [Kind; 5] = [Kind::Crc32, Kind::Crc32c, Kind::Crc64Nvme, Kind::Sha1, Kind::Sha256];

    /// Name of the header or trailer that carries it.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Kind::Crc32 => "x-amz-checksum-crc32",
            Kind::Crc32c => "x-amz-checksum-crc32c",
            Kind::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Kind::Sha1 => "x-amz-checksum-sha1",
            Kind::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(crate) fn start(self, hasher: &mut ChecksumHasher) {
        match self {
            Kind::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Kind::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Kind::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Kind::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Kind::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
    }

    /// The value of this algorithm, in base64, among all.
    pub(crate) fn of(self, all: &dto::Checksum) -> Option<&str> {
        match self {
            Kind::Crc32 => all.checksum_crc32.as_deref(),
            Kind::Crc32c => all.checksum_crc32c.as_deref(),
            Kind::Crc64Nvme => all.checksum_crc64nvme.as_deref(),
            Kind::Sha1 => all.checksum_sha1.as_deref(),
            Kind::Sha256 => all.checksum_sha256.as_deref(),
        }
    }

    fn length(self) -> usize {
        match self {
            Kind::Crc32 | Kind::Crc32c => 4,
            Kind::Crc64Nvme => 8,
            Kind::Sha1 => 20,
            Kind::Sha256 => 32,
        }
    }
}

impl Checksum {
    /// `None` if the text is not base64 of the right length.
    pub(crate) fn parse(kind: Kind, base64: &str) -> Option<Self> {
        let bytes = STANDARD.decode(base64).ok()?;
        let mut value = [0; 32];
        value.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        (bytes.len() == kind.length()).then_some(Self { kind, value })
    }

    /// From the number and the bytes in a stored header.
    pub(crate) fn restore(kind: u8, bytes: &[u8]) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|known| *known as u8 == kind)?;
        let mut value = [0; 32];
        value[..kind.length()].copy_from_slice(bytes.get(..kind.length())?);
        Some(Self { kind, value })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.value[..self.kind.length()]
    }

    /// As an answer carries it.
    pub(crate) fn to_dto(self) -> dto::Checksum {
        let mut all = dto::Checksum::default();
        let field = match self.kind {
            Kind::Crc32 => &mut all.checksum_crc32,
            Kind::Crc32c => &mut all.checksum_crc32c,
            Kind::Crc64Nvme => &mut all.checksum_crc64nvme,
            Kind::Sha1 => &mut all.checksum_sha1,
            Kind::Sha256 => &mut all.checksum_sha256,
        };
        *field = Some(STANDARD.encode(self.bytes()));
        all
    }
}
