//! Secrets from Parameter Store, as MiniStack has it.
#![allow(clippy::unwrap_used, missing_docs)]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use clipset_core::account::Role;
use clipset_service::{ParameterStore, Secrets};
use clipset_tests::{stores, world::World};
use serde_json::json;

async fn aws(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .load()
        .await
}

async fn put(endpoint: &str, name: &str, value: &str) {
    let body = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
    let put = reqwest::Client::builder().tls_certs_only([]).build().unwrap().post(endpoint).body(body.to_string());
    let put = put.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", "AmazonSSM.PutParameter");
    let put = put.header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ssm/aws4_request");
    let answer = put.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn secrets_are_read_from_parameters_and_what_is_wrong_with_them_is_said_without_them() {
    let store = stores::ministack().await;
    let endpoint = store.config.endpoint.clone().unwrap();
    let parameters = ParameterStore::new("/clipset/", &aws(&endpoint).await);

    let missing = Secrets::read(Some(&parameters)).await.unwrap_err().to_string();
    assert!(missing.contains("/clipset/secret-key") && missing.contains("openssl rand -hex 32"), "{missing}");
    put(&endpoint, "/clipset/secret-key", "a short one").await;
    let short = Secrets::read(Some(&parameters)).await.unwrap_err().to_string();
    assert!(short.contains("/clipset/secret-key") && !short.contains("a short one"), "{short}");

    let key = "0123456789abcdef0123456789abcdef";
    put(&endpoint, "/clipset/secret-key", key).await;
    put(&endpoint, "/clipset/hls-signing-secret", "ABCDEFGHIJKLMNOPQRSTUVWXYZ_012345").await;
    let open = Secrets::read(Some(&parameters)).await.unwrap_err().to_string();
    assert!(open.starts_with("ORIGIN_SECRET must have"), "{open}");
    put(&endpoint, "/clipset/origin-secret", "what CloudFront shows, at least 32 characters").await;
    let secrets = Secrets::read(Some(&parameters)).await.unwrap();
    assert_eq!((secrets.secret_key.as_slice(), secrets.secret_key_previous), (key.as_bytes(), None));
    assert_eq!(secrets.signing_secret.expose(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_012345");
}

#[tokio::test]
async fn a_store_that_is_away_is_said_to_be() {
    let parameters = ParameterStore::new("/clipset", &aws("http://127.0.0.1:9").await);
    let away = Secrets::read(Some(&parameters)).await.unwrap_err().to_string();
    assert!(away.starts_with("AWS Systems Manager could not be asked for /clipset"), "{away}");
}

#[tokio::test]
async fn after_a_rotation_old_tokens_are_good_as_long_as_the_old_key_is_the_previous_one() {
    let world = World::new(43_200).await;
    let service = &world.service;
    let (old, token) = (service.secrets(), world.token("bob", Role::User));
    let new = Secrets { secret_key_previous: Some(old.secret_key.clone()), ..Secrets::unknown() };
    service.change_secrets(new.clone());
    assert!(service.tokens.verify(&token).is_ok());
    assert_ne!(service.signing_secret(), old.signing_secret);
    let newer = world.token("bob", Role::User);
    service.change_secrets(Secrets { secret_key_previous: None, ..new });
    assert!(service.tokens.verify(&token).is_err() && service.tokens.verify(&newer).is_ok());
}
