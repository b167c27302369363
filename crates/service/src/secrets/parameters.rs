//! Parameters of AWS Systems Manager: one signed request, without the service's SDK.
//!
//! Connection, time-outs and retries are the SDK's own machinery, which the bucket's client has in
//! the program already; the SDK of the service would add its hundreds of operations' worth.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    client::{
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        result::SdkError,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig, timeout::TimeoutConfig};
use clipset_bucket::SdkConfig;
use serde::Deserialize;
use serde_json::json;

const SERVICE: &str = "ssm";

/// For one attempt. A function may wait for it with a client on the line.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The parameters below one path.
#[derive(Debug, Clone)]
pub struct ParameterStore {
    prefix: String,
    endpoint: String,
    region: String,
    aws: SdkConfig,
}

/// Why parameters could not be read; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// There is nobody to ask as.
    #[error("there are no AWS credentials to read {0} with: give the function a role, or set the AWS_ variables")]
    Credentials(String),
    /// AWS refused.
    #[error(
        "AWS Systems Manager does not give {path} ({code}): the role needs ssm:GetParameters on it, and kms:Decrypt \
         where another key than AWS's own encrypts it"
    )]
    Refused {
        /// The path.
        path: String,
        /// AWS's name for the reason.
        code: String,
    },
    /// AWS did not answer, or not in a way that can be read.
    #[error("AWS Systems Manager could not be asked for {0}: {1}")]
    Unreachable(String, String),
}

/// What the operation itself can fail with.
#[derive(Debug, thiserror::Error)]
#[error("status {status}, {code}")]
struct Answer {
    status: StatusCode,
    code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

/// The SDK's machinery may log what it got.
impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parameters", self.parameters.len())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: String,
}

impl ParameterStore {
    /// The parameters below `prefix`, such as `/clipset`, as whoever `aws` says. `AWS_ENDPOINT_URL_SSM` and
    /// `AWS_ENDPOINT_URL` lead elsewhere than to AWS. Nothing is sent yet.
    pub fn new(prefix: &str, aws: &SdkConfig) -> Self {
        let region = aws.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        let given = std::env::var("AWS_ENDPOINT_URL_SSM").ok().filter(|url| !url.is_empty());
        let given = given.or_else(|| aws.endpoint_url().map(str::to_owned));
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = given.unwrap_or_else(|| format!("https://{SERVICE}.{region}.{domain}"));
        let endpoint = format!("{}/", endpoint.trim_end_matches('/'));
        Self { prefix: prefix.trim_end_matches('/').to_owned(), endpoint, region, aws: aws.clone() }
    }

    /// The full name of a parameter.
    pub fn name_of(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// The values of `names`, decrypted; those that do not exist are left out.
    ///
    /// # Errors
    /// [`ParameterError`].
    pub async fn get(&self, names: &[&str]) -> Result<BTreeMap<String, String>, ParameterError> {
        let full: Vec<_> = names.iter().map(|name| self.name_of(name)).collect();
        let request = self.signed(json!({"Names": full, "WithDecryption": true}).to_string()).await?;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
        let mut operation = Operation::builder()
            .service_name(SERVICE)
            .operation_name("GetParameters")
            .endpoint_url(&self.endpoint)
            .no_auth()
            .with_connection_poisoning()
            .timeout_config(timeouts)
            .standard_retry(&RetryConfig::standard().with_max_attempts(3))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Answer>::new());
        if let Some(client) = self.aws.http_client() {
            operation = operation.http_client(client);
        }
        if let Some(sleep) = self.aws.sleep_impl() {
            operation = operation.sleep_impl(sleep);
        }
        let operation = operation
            .serializer(move |(): ()| Ok(request.try_clone().expect("its body is in memory")))
            .deserializer(read)
            .build();
        let found = operation.invoke(()).await.map_err(|error| self.failed(&error))?;
        let below = format!("{}/", self.prefix);
        let named = found.parameters.into_iter();
        Ok(named.filter_map(|found| Some((found.name.strip_prefix(&below)?.to_owned(), found.value))).collect())
    }

    /// Signature version 4 (AWS, "Signing AWS API requests") over a request of the JSON 1.1 protocol.
    async fn signed(&self, body: String) -> Result<HttpRequest, ParameterError> {
        let nobody = || ParameterError::Credentials(self.prefix.clone());
        let provider = self.aws.credentials_provider().ok_or_else(nobody)?;
        let identity = provider.provide_credentials().await.map_err(|_| nobody())?.into();
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AmazonSSM.GetParameters")];
        let unusable = |what: String| ParameterError::Unreachable(self.prefix.clone(), what);
        let signable =
            SignableRequest::new("POST", &self.endpoint, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let signable = signable.map_err(|error| unusable(error.to_string()))?;
        let signed = sign(signable, &params.into()).map_err(|error| unusable(error.to_string()))?;
        let mut request = http::Request::post(&self.endpoint);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(SdkBody::from(body)).map_err(|error| unusable(error.to_string()))?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        HttpRequest::try_from(request).map_err(|error| unusable(error.to_string()))
    }

    fn failed(&self, error: &SdkError<Answer, HttpResponse>) -> ParameterError {
        let path = format!("{}/*", self.prefix);
        match error {
            SdkError::ServiceError(refused) if refused.err().status.is_client_error() => {
                ParameterError::Refused { path, code: refused.err().code.clone() }
            }
            SdkError::ServiceError(refused) => ParameterError::Unreachable(path, refused.err().to_string()),
            SdkError::TimeoutError(_) => ParameterError::Unreachable(path, "it did not answer in time".into()),
            SdkError::DispatchFailure(_) => ParameterError::Unreachable(path, "no connection".into()),
            _ => ParameterError::Unreachable(path, "its answer cannot be read".into()),
        }
    }
}

/// The parameters in an answer, or AWS's name for what went wrong (`AccessDeniedException`).
fn read(response: &HttpResponse) -> Result<Found, OrchestratorError<Answer>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return serde_json::from_slice(body).map_err(|error| OrchestratorError::other(error.to_string()));
    }
    let kind = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.kind).unwrap_or_default();
    let code = kind.rsplit('#').next().filter(|code| !code.is_empty()).unwrap_or("no reason given").to_owned();
    Err(OrchestratorError::operation(Answer { status: response.status(), code }))
}
