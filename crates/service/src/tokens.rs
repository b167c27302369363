//! Tokens: HS256 JWTs for access and for playback (contract, section 3).

use std::sync::{Arc, PoisonError, RwLock};

use clipset_core::{
    account::Role,
    id::{ShareId, ShortId, Username},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

/// How long an access token lives.
pub const ACCESS_LIFE_SECONDS: u64 = 3600;

/// Clocks may differ by this much (the contract allows 30 s, some of which the gate's memory takes).
const LEEWAY_SECONDS: u64 = 25;

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claims {
    /// Who asks.
    Access {
        /// The member who asks.
        username: Username,
        /// As when it was issued.
        role: Role,
        /// Unix seconds.
        issued: i64,
    },
    /// One video may be watched.
    Playback {
        /// The clip that may be watched.
        video: ShortId,
        /// By whom, and how long.
        pass: Pass,
    },
}

/// What a playback token says beside its video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Who may watch with it.
    pub holder: Holder,
    /// Unix seconds; `None` in tokens of the version before, which end within one life.
    pub issued: Option<i64>,
    /// Unix seconds.
    pub expires: u64,
}

/// Who may watch with a playback token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A member.
    Member {
        /// The name they sign in with.
        username: Username,
        /// What they may do; only where there is no account to say it.
        role: Option<Role>,
    },
    /// Whoever opened this share.
    Share(ShareId),
    /// A member, whose name tokens of the version before do not say.
    Unnamed,
}

/// A token that is malformed, forged, run out, or of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct TokenError;

/// Issues and verifies tokens. Clones share their keys.
#[derive(Clone)]
pub struct Tokens {
    keys: Arc<RwLock<Keys>>,
    validation: Validation,
}

struct Keys {
    signer: EncodingKey,
    verifiers: Vec<DecodingKey>,
}

impl Keys {
    fn new(key: &[u8], previous: Option<&[u8]>) -> Self {
        Self {
            signer: EncodingKey::from_secret(key),
            verifiers: std::iter::once(key).chain(previous).map(DecodingKey::from_secret).collect(),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<ShortId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<ShareId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    exp: u64,
}

const PLAYBACK: &str = "playback";

impl Tokens {
    /// Signed with `key`; those of `previous` are still good.
    pub fn new(key: &[u8], previous: Option<&[u8]>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        // Both kinds come here; the audience is checked below.
        validation.validate_aud = false;
        Self { keys: Arc::new(RwLock::new(Keys::new(key, previous))), validation }
    }

    /// From now on signed with `key`, here and in every clone.
    pub(crate) fn change_keys(&self, key: &[u8], previous: Option<&[u8]>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys::new(key, previous);
    }

    /// A token of `username` from `now` (unix seconds) for `life` seconds.
    pub fn access(&self, username: &Username, role: Role, now: i64, life: u64) -> String {
        self.sign(&Payload {
            sub: Some(username.to_string()),
            role: Some(role),
            aud: None,
            video: None,
            share: None,
            iat: Some(now),
            exp: now.max(0) as u64 + life,
        })
    }

    /// A token for one video. Equal arguments give equal tokens.
    pub fn playback(&self, video: &ShortId, pass: &Pass) -> String {
        let (sub, role, share) = match &pass.holder {
            Holder::Member { username, role } => (Some(username.to_string()), *role, None),
            Holder::Share(share) => (None, None, Some(share.clone())),
            Holder::Unnamed => (None, None, None),
        };
        self.sign(&Payload {
            sub,
            role,
            aud: Some(PLAYBACK.to_owned()),
            video: Some(video.clone()),
            share,
            iat: pass.issued,
            exp: pass.expires,
        })
    }

    /// What a token says, if it is good.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let verified = keys.verifiers.iter().find_map(|key| decode::<Payload>(token, key, &self.validation).ok());
        let payload = verified.ok_or(TokenError)?.claims;
        let Payload { sub, role, aud, video, share, iat, exp } = payload;
        let sub = sub.map(|sub| sub.parse::<Username>()).transpose().map_err(|_| TokenError)?;
        let holder = match (aud.as_deref(), sub, role, &video, share, iat) {
            (None, Some(username), Some(role), None, None, Some(issued)) => {
                return Ok(Claims::Access { username, role, issued });
            }
            (Some(PLAYBACK), Some(username), role, _, None, Some(_)) => Holder::Member { username, role },
            (Some(PLAYBACK), None, None, _, Some(share), _) => Holder::Share(share),
            (Some(PLAYBACK), None, None, _, None, None) => Holder::Unnamed,
            _ => return Err(TokenError),
        };
        let pass = Pass { holder, issued: iat, expires: exp };
        Ok(Claims::Playback { video: video.ok_or(TokenError)?, pass })
    }

    fn sign(&self, payload: &Payload) -> String {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        encode(&Header::new(Algorithm::HS256), payload, &keys.signer).expect("HMAC signs any payload")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a secret key of at least 32 bytes";

    fn now() -> i64 {
        clipset_core::Timestamp::now().as_second()
    }

    fn ada() -> Username {
        "ada".parse().expect("a name")
    }

    #[test]
    fn a_token_says_who_asks() {
        let tokens = Tokens::new(KEY, None);
        let issued = now();
        let token = tokens.access(&ada(), Role::Admin, issued, 60);
        assert_eq!(tokens.verify(&token), Ok(Claims::Access { username: ada(), role: Role::Admin, issued }));
    }

    #[test]
    fn forged_old_and_unsigned_tokens_are_refused() {
        let tokens = Tokens::new(KEY, None);
        let other = Tokens::new(b"another key of at least 32 bytes!", None);
        assert!(tokens.verify(&other.access(&ada(), Role::Admin, now(), 60)).is_err());
        assert!(tokens.verify(&tokens.access(&ada(), Role::Admin, now() - 100, 60)).is_err());
        assert!(tokens.verify("").is_err());
        // {"alg":"none"} with admin's claims and no signature.
        let token = tokens.access(&ada(), Role::Admin, now(), 60);
        let claims = token.split('.').nth(1).expect("a payload");
        assert!(tokens.verify(&format!("eyJhbGciOiJub25lIn0.{claims}.")).is_err());
        let hs512 = encode(
            &Header::new(Algorithm::HS512),
            &Payload {
                sub: Some("ada".into()),
                role: Some(Role::Admin),
                aud: None,
                video: None,
                share: None,
                iat: Some(now()),
                exp: now() as u64 + 60,
            },
            &EncodingKey::from_secret(KEY),
        );
        assert!(tokens.verify(&hs512.expect("a token")).is_err());
    }

    #[test]
    fn after_a_rotation_old_tokens_are_good_and_new_ones_signed_with_the_new_key() {
        let old = Tokens::new(KEY, None);
        let new = Tokens::new(b"the new key of at least 32 bytes!", Some(KEY));
        assert!(new.verify(&old.access(&ada(), Role::User, now(), 60)).is_ok());
        assert!(old.verify(&new.access(&ada(), Role::User, now(), 60)).is_err());
    }

    #[test]
    fn a_playback_token_says_who_holds_it_and_is_no_access_token() {
        let tokens = Tokens::new(KEY, None);
        let video = ShortId::random();
        let member = |role| Holder::Member { username: ada(), role };
        let issued = Some(now());
        for (holder, issued) in [
            (member(None), issued),
            (member(Some(Role::Admin)), issued),
            (Holder::Share(ShareId::random(&video)), issued),
            // As the version before made them.
            (Holder::Share(ShareId::random(&video)), None),
            (Holder::Unnamed, None),
        ] {
            let pass = Pass { holder, issued, expires: now() as u64 + 60 };
            let token = tokens.playback(&video, &pass);
            assert_eq!(token, tokens.playback(&video, &pass));
            assert_eq!(tokens.verify(&token), Ok(Claims::Playback { video: video.clone(), pass }));
        }
    }

    #[test]
    fn a_playback_token_that_names_nobody_or_two_is_refused() {
        let tokens = Tokens::new(KEY, None);
        let video = ShortId::random();
        let good = Payload {
            sub: Some("ada".into()),
            role: None,
            aud: Some(PLAYBACK.into()),
            video: Some(video.clone()),
            share: None,
            iat: Some(now()),
            exp: now() as u64 + 60,
        };
        assert!(tokens.verify(&tokens.sign(&good)).is_ok());
        for bad in [
            Payload { iat: None, ..good.clone() },
            Payload { share: Some(ShareId::random(&video)), ..good.clone() },
            Payload { sub: None, ..good.clone() },
            Payload { sub: None, role: Some(Role::Admin), iat: None, ..good.clone() },
            Payload { video: None, ..good.clone() },
            Payload { aud: None, role: Some(Role::Admin), ..good.clone() },
            Payload { aud: Some("other".into()), ..good.clone() },
            Payload { sub: Some("../ada".into()), ..good },
        ] {
            assert!(tokens.verify(&tokens.sign(&bad)).is_err());
        }
    }
}
