//! The secrets that sign tokens and media URLs, and where they come from.
//!
//! They stand in the environment, or below a path of AWS Systems Manager Parameter Store
//! (`SECRETS_PREFIX`), from where they are read again every few minutes, so that a rotation needs
//! no deployment. See docs/decisions/secrets.md.

mod keeper;
mod parameters;

use std::{collections::BTreeMap, fmt};

use clipset_core::signing::SigningSecret;

pub(crate) use keeper::Keeper;
pub use parameters::{ParameterError, ParameterStore};

use crate::ConfigError;

/// Variables with their parameters below `SECRETS_PREFIX`. The previous signing secret is the
/// edge's alone.
const NAMES: [(&str, &str); 5] = [
    ("SECRET_KEY", "secret-key"),
    ("SECRET_KEY_PREVIOUS", "secret-key-previous"),
    ("HLS_SIGNING_SECRET", "hls-signing-secret"),
    ("ORIGIN_SECRET", "origin-secret"),
    ("ORIGIN_SECRET_PREVIOUS", "origin-secret-previous"),
];

/// One set of secrets, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// `SECRET_KEY`: signs tokens.
    pub secret_key: Vec<u8>,
    /// `SECRET_KEY_PREVIOUS`: still verifies them.
    pub secret_key_previous: Option<Vec<u8>>,
    /// `HLS_SIGNING_SECRET`, or derived from the secret key.
    pub signing_secret: SigningSecret,
    /// `ORIGIN_SECRET` and `ORIGIN_SECRET_PREVIOUS`: CloudFront shows one of them with each request. Empty where
    /// nothing but the edge can reach us.
    pub origin: Vec<String>,
}

impl Secrets {
    /// From the environment: where `SECRET_KEY` is not set and `SECRETS_PREFIX` is, the variables
    /// that are not set are read from the parameters of `store`.
    ///
    /// # Errors
    /// [`ConfigError`] with what to do.
    pub async fn read(store: Option<&ParameterStore>) -> Result<Self, ConfigError> {
        let mut found = BTreeMap::new();
        if let Some(store) = store {
            let names = NAMES.map(|(_, parameter)| parameter);
            let parameters = store.get(&names).await?;
            for (variable, parameter) in NAMES {
                found.extend(parameters.get(parameter).map(|value| (variable, value.trim().to_owned())));
            }
        }
        let named = |variable: &'static str| match (store, NAMES.iter().find(|(name, _)| *name == variable)) {
            (Some(store), Some((_, parameter))) => store.name_of(parameter),
            _ => variable.to_owned(),
        };
        for (variable, _) in NAMES {
            if let Ok(value) = std::env::var(variable)
                && !value.is_empty()
            {
                found.insert(variable, value);
            }
        }
        let secrets = Self::check(&found, named)?;
        // Parameters are for functions behind CloudFront: without the secret their own address would be an open door.
        if store.is_some() && secrets.origin.is_empty() {
            return Err(ConfigError::OriginSecret);
        }
        Ok(secrets)
    }

    /// Made up, and known to nobody: for a function that neither signs nor verifies.
    pub fn unknown() -> Self {
        let secret_key = rand::random::<[u8; 32]>().to_vec();
        Self {
            signing_secret: SigningSecret::derive(&secret_key),
            secret_key,
            secret_key_previous: None,
            origin: Vec::new(),
        }
    }

    fn check(
        found: &BTreeMap<&'static str, String>,
        named: impl Fn(&'static str) -> String,
    ) -> Result<Self, ConfigError> {
        let key = |variable: &'static str, value: &str| match value.len() {
            32.. => Ok(value.as_bytes().to_vec()),
            _ => Err(ConfigError::SecretKey(named(variable))),
        };
        let secret_key = key("SECRET_KEY", found.get("SECRET_KEY").map_or("", String::as_str))?;
        let previous = found.get("SECRET_KEY_PREVIOUS");
        let secret_key_previous = previous.map(|value| key("SECRET_KEY_PREVIOUS", value)).transpose()?;
        let signing_secret = match found.get("HLS_SIGNING_SECRET") {
            Some(secret) => SigningSecret::parse("HLS_SIGNING_SECRET", secret)?,
            None => SigningSecret::derive(&secret_key),
        };
        let origin =
            ["ORIGIN_SECRET", "ORIGIN_SECRET_PREVIOUS"].iter().filter_map(|name| found.get(name)).map(|secret| {
                match secret.len() {
                    32.. => Ok(secret.clone()),
                    _ => Err(ConfigError::OriginSecret),
                }
            });
        Ok(Self { secret_key, secret_key_previous, signing_secret, origin: origin.collect::<Result<_, _>>()? })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("SECRET_KEY", "0123456789abcdef0123456789abcdef");

    fn secrets(found: &[(&'static str, &str)]) -> Result<Secrets, ConfigError> {
        let found = found.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Secrets::check(&found, str::to_owned)
    }

    #[test]
    fn a_missing_or_short_secret_key_stops_the_start_and_says_how_to_make_one() {
        for found in [&[][..], &[("SECRET_KEY", "short")], &[KEY, ("SECRET_KEY_PREVIOUS", "short")]] {
            let Err(refused) = secrets(found) else { panic!("accepted") };
            let message = refused.to_string();
            assert!(message.contains("openssl rand -hex 32") && message.contains("SECRET_KEY"), "{message}");
            assert!(!message.contains("short"), "{message}");
        }
    }

    #[test]
    fn the_signing_secret_is_derived_unless_it_is_set_and_never_weak() {
        let derived = secrets(&[KEY]).expect("valid");
        assert_eq!(derived.signing_secret, SigningSecret::derive(KEY.1.as_bytes()));
        assert!(secrets(&[KEY, ("HLS_SIGNING_SECRET", "weak")]).is_err());
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", secrets(&[KEY]).expect("valid")), "Secrets(…)");
        assert_ne!(Secrets::unknown(), Secrets::unknown());
    }
}
