//! Passwords: argon2id, one at a time, so that twenty sign-ins at once need the memory of one.

use std::time::Duration;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use clipset_service::Problem;
use http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};

/// OWASP's second choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// glibc gives memory of this size back to the system when it is freed, whatever was freed before
/// (`DEFAULT_MMAP_THRESHOLD_MAX`); less could stay with each thread. Untouched pages cost nothing.
const RESERVED_BLOCKS: usize = 33 * 1024;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

static TURNS: Semaphore = Semaphore::const_new(1);

/// Where strangers wait: one of them at most stands between a member and the next turn.
static STRANGERS: Semaphore = Semaphore::const_new(1);

/// The right to compute one password at a time. It moves through every computation, so that a
/// request that was given up keeps others waiting until its computation has ended.
pub(crate) struct Turn {
    _permits: Vec<SemaphorePermit<'static>>,
}

impl Turn {
    /// Waits for it.
    ///
    /// # Errors
    /// [`Problem`] 429 where too many wait.
    pub(crate) async fn take() -> Result<Self, Problem> {
        Self::pass(&[&TURNS]).await
    }

    /// Waits for it behind whoever is known here.
    ///
    /// # Errors
    /// [`Problem`] 429 where too many wait.
    pub(crate) async fn take_as_stranger() -> Result<Self, Problem> {
        Self::pass(&[&STRANGERS, &TURNS]).await
    }

    async fn pass(doors: &[&'static Semaphore]) -> Result<Self, Problem> {
        let passed = async {
            let mut permits = Vec::new();
            for door in doors {
                permits.push(door.acquire().await.ok()?);
            }
            Some(Self { _permits: permits })
        };
        match tokio::time::timeout(PATIENCE, passed).await {
            Ok(Some(turn)) => Ok(turn),
            _ => Err(Problem::too_many_attempts(PATIENCE.as_secs())),
        }
    }

    /// Whether `password` is the one of `hash`. Without a hash it takes as long, and is not.
    ///
    /// # Errors
    /// [`Problem`] 500 if the computation fails.
    pub(crate) async fn verify(self, password: String, hash: Option<String>) -> Result<(Self, bool), Problem> {
        self.blocking(move || {
            let expected = hash.as_deref().and_then(|text| PasswordHash::new(text).ok());
            let good = expected.as_ref().and_then(|expected| {
                let params = Params::try_from(expected).ok()?;
                let version = Version::try_from(expected.version?).ok()?;
                let algorithm = Algorithm::new(expected.algorithm.as_str()).ok()?;
                let found = derive(algorithm, version, params, &password, expected.salt.as_ref()?)?;
                // `Output` compares in constant time.
                Some(found == expected.hash?)
            });
            match good {
                Some(good) => Some(good),
                None => derive(Algorithm::Argon2id, Version::V0x13, params()?, &password, &[0; 16]).map(|_| false),
            }
        })
        .await
    }

    /// The PHC string of `password` with a salt of its own.
    ///
    /// # Errors
    /// [`Problem`] 500 if the computation fails.
    pub(crate) async fn hash(self, password: String) -> Result<(Self, String), Problem> {
        self.blocking(move || hash(&password)).await
    }

    async fn blocking<T: Send + 'static>(
        self,
        compute: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<(Self, T), Problem> {
        let computed = tokio::task::spawn_blocking(move || (self, compute())).await;
        match computed {
            Ok((turn, Some(value))) => Ok((turn, value)),
            _ => {
                Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The password could not be processed: try again."))
            }
        }
    }
}

/// 422 unless it has 8 to 256 characters.
///
/// # Errors
/// [`Problem`] 422.
pub(crate) fn require_good(password: &str) -> Result<(), Problem> {
    if is_good(password) { Ok(()) } else { Err(Problem::invalid("Choose a password of 8 to 256 characters.")) }
}

/// See [`require_good`].
pub(crate) fn is_good(password: &str) -> bool {
    (8..=256).contains(&password.chars().count())
}

fn hash(password: &str) -> Option<String> {
    let salt = Salt::new(&rand::random::<[u8; 16]>()).ok()?;
    let params = params()?;
    let output = derive(Algorithm::Argon2id, Version::V0x13, params.clone(), password, &salt)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).ok()?,
        salt: Some(salt),
        hash: Some(output),
    };
    Some(hash.to_string())
}

fn params() -> Option<Params> {
    Params::new(MEMORY_KIB, PASSES, 1, None).ok()
}

fn derive(algorithm: Algorithm, version: Version, params: Params, password: &str, salt: &[u8]) -> Option<Output> {
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let blocks = params.block_count();
    let mut memory = Vec::with_capacity(blocks.max(RESERVED_BLOCKS));
    memory.resize(blocks, Block::default());
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..length)?;
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory[..]).ok()?;
    Output::new(output).ok()
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn hashes_are_phc_strings_that_others_can_check() {
        let hash = hash("correct horse").expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(Argon2::default().verify_password(b"correct horse", hash.as_str()).is_ok());
        assert!(Argon2::default().verify_password(b"wrong horse", hash.as_str()).is_err());
    }

    #[tokio::test]
    async fn only_the_right_password_is_good() {
        let turn = Turn::take().await.expect("a turn");
        let (turn, hash) = turn.hash("correct horse".into()).await.expect("a hash");
        let (turn, good) = turn.verify("correct horse".into(), Some(hash.clone())).await.expect("computed");
        assert!(good);
        let (turn, good) = turn.verify("wrong horse".into(), Some(hash)).await.expect("computed");
        assert!(!good);
        let (turn, good) = turn.verify("correct horse".into(), None).await.expect("computed");
        assert!(!good);
        let (_turn, good) = turn.verify("correct horse".into(), Some("nonsense".into())).await.expect("computed");
        assert!(!good);
    }

    #[test]
    fn passwords_have_8_to_256_characters() {
        assert!(is_good("12345678") && is_good(&"é".repeat(256)));
        assert!(!is_good("1234567") && !is_good(&"é".repeat(257)));
    }
}
