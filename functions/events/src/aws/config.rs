//! What the events function is told by its environment of the services that it uses.

/// AWS Batch's queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchConfig {
    /// `BATCH_QUEUE` and `BATCH_JOB_DEFINITION`: where all jobs go first.
    pub first: Queue,
    /// `BATCH_FALLBACK_QUEUE` and `BATCH_FALLBACK_JOB_DEFINITION`: where those go that do not begin there.
    pub fallback: Option<Queue>,
}

/// A queue, and what its machines run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name or ARN.
    pub queue: String,
    /// A definition whose command takes the parameter `job`.
    pub definition: String,
}

/// AWS Elemental MediaConvert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertConfig {
    /// The bucket that it reads and writes.
    pub bucket: String,
    /// `MEDIACONVERT_ROLE_ARN`: the role in which it does so.
    pub role: String,
    /// `MEDIACONVERT_QUEUE_ARN`; its own default queue, if none.
    pub queue: Option<String>,
}

/// What CloudFront serves by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeConfig {
    /// `TOMBSTONES_KVS_ARN`: the key value store that its function reads.
    pub store: Option<String>,
    /// `DISTRIBUTION_ID`: whose cache forgets what was deleted.
    pub distribution: Option<String>,
}

/// A variable that is missing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not set: JOB_BACKEND={1} needs it; `terraform output` of infra/ names it")]
pub struct BackendConfigError(&'static str, &'static str);

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl BatchConfig {
    /// From the environment. A fall-back without a definition of its own runs the first one's.
    ///
    /// # Errors
    /// [`BackendConfigError`].
    pub fn from_env() -> Result<Self, BackendConfigError> {
        Self::from_vars(var)
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, BackendConfigError> {
        let need = |name: &'static str| var(name).ok_or(BackendConfigError(name, "batch"));
        let first = Queue { queue: need("BATCH_QUEUE")?, definition: need("BATCH_JOB_DEFINITION")? };
        let fallback = var("BATCH_FALLBACK_QUEUE").map(|queue| Queue {
            queue,
            definition: var("BATCH_FALLBACK_JOB_DEFINITION").unwrap_or_else(|| first.definition.clone()),
        });
        Ok(Self { first, fallback })
    }
}

impl ConvertConfig {
    /// From the environment, for `bucket`.
    ///
    /// # Errors
    /// [`BackendConfigError`].
    pub fn from_env(bucket: String) -> Result<Self, BackendConfigError> {
        let missing = BackendConfigError("MEDIACONVERT_ROLE_ARN", "mediaconvert");
        Ok(Self { bucket, role: var("MEDIACONVERT_ROLE_ARN").ok_or(missing)?, queue: var("MEDIACONVERT_QUEUE_ARN") })
    }
}

impl EdgeConfig {
    /// From the environment; `None` where nothing is served by CloudFront.
    pub fn from_env() -> Option<Self> {
        let config = Self { store: var("TOMBSTONES_KVS_ARN"), distribution: var("DISTRIBUTION_ID") };
        (config.store.is_some() || config.distribution.is_some()).then_some(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_queue_is_named_and_a_fall_back_is_not_needed() {
        let vars = |vars: &'static [(&str, &str)]| {
            move |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let missing = BatchConfig::from_vars(vars(&[("BATCH_QUEUE", "q")])).expect_err("no definition");
        assert!(missing.to_string().starts_with("BATCH_JOB_DEFINITION is not set"), "{missing}");
        let one = BatchConfig::from_vars(vars(&[("BATCH_QUEUE", "q"), ("BATCH_JOB_DEFINITION", "d")]));
        assert_eq!(one.map(|config| config.fallback), Ok(None));
    }
}
