//! Invitations, members, and the first administrator.

use clipset_api::{AccountError, ensure_first_admin};
use clipset_core::{
    Timestamp,
    account::{Account, Invitation, Role},
    key::DocumentKey,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, PASSWORD, TestApp};

async fn invite(app: &TestApp) -> Value {
    app.post("/api/invitations").bearer(&app.root()).json(json!({})).await.expect(201).json()
}

async fn register(app: &TestApp, invitation: &str, username: &str) -> Answer {
    let body = json!({"invitation": invitation, "username": username, "password": PASSWORD});
    app.post("/api/auth/register").json(body).await
}

fn token_of(invitation: &Value) -> &str {
    invitation["invitation_token"].as_str().unwrap()
}

async fn patch_user(app: &TestApp, name: &str, change: Value) -> Answer {
    app.patch(&format!("/api/users/{name}")).bearer(&app.root()).json(change).await
}

#[tokio::test]
async fn an_invitation_makes_one_member() {
    let app = TestApp::start().await;
    let body = json!({"email": "ada@clips.test", "role": "admin"});
    let invited = app.post("/api/invitations").bearer(&app.root()).json(body).await.expect(201).json();
    let url = invited["url"].as_str().unwrap();
    assert!(url.starts_with("http://clips.test:8080/register#"), "{url}");
    // The link as it stands is taken as well as what it carries.
    let answer = register(&app, url, "Ada").await.expect(201);
    let me = app.get("/api/auth/me").bearer(&answer.access_token()).await.expect(200);
    assert_eq!(me.json(), json!({"username": "ada", "role": "admin"}));
    assert!(answer.cookie().starts_with("clipset_refresh_8080=ada~"));
    app.log_in("ada").await;
    register(&app, token_of(&invited), "bob").await.expect(409);
    register(&app, token_of(&invited), "ada").await.expect(409);
    let listed = app.get("/api/invitations").bearer(&app.root()).await.expect(200);
    assert!(!listed.body.contains(token_of(&invited).split('.').nth(1).unwrap()));
    let one = &listed.json()["invitations"][0];
    assert_eq!(
        (&one["used_by"], &one["open"], &one["email"]),
        (&json!("ada"), &json!(false), &json!("ada@clips.test"))
    );
}

#[tokio::test]
async fn ten_racing_registrations_use_an_invitation_once() {
    let app = TestApp::start().await;
    let invited = invite(&app).await;
    let names: Vec<_> = (0..10).map(|number| format!("name{number}")).collect();
    let answers = join_all(names.iter().map(|name| register(&app, token_of(&invited), name))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 9);
    let users = app.get("/api/users").bearer(&app.root()).await.expect(200).json();
    assert_eq!(users["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn ten_racing_registrations_of_one_name_make_one_account() {
    let app = TestApp::start().await;
    let invited = invite(&app).await;
    let answers = join_all((0..10).map(|_| register(&app, token_of(&invited), "ada"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    register(&app, token_of(&invited), "bob").await.expect(409);
}

#[tokio::test]
async fn a_registration_that_was_cut_off_can_be_repeated() {
    let app = TestApp::start().await;
    let invited = invite(&app).await;
    let key = DocumentKey::Invitation(invited["id"].as_str().unwrap().into());
    let spend = |held: &mut Invitation| {
        held.used_by = Some("ada".parse().unwrap());
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.bucket.update(&key, spend).await.unwrap();
    register(&app, token_of(&invited), "bob").await.expect(409);
    register(&app, token_of(&invited), "ada").await.expect(201);
}

#[tokio::test]
async fn a_name_that_is_taken_leaves_the_invitation_open() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let invited = invite(&app).await;
    register(&app, token_of(&invited), "ADA").await.expect(409);
    register(&app, token_of(&invited), "a").await.expect(422);
    let short = json!({"invitation": token_of(&invited), "username": "bob", "password": "short"});
    app.post("/api/auth/register").json(short).await.expect(422);
    register(&app, token_of(&invited), "bob").await.expect(201);
}

#[tokio::test]
async fn invitations_that_ended_were_withdrawn_or_forged_are_not_there() {
    let app = TestApp::start().await;
    let (ended, withdrawn) = (invite(&app).await, invite(&app).await);
    let key = DocumentKey::Invitation(ended["id"].as_str().unwrap().into());
    let end = |held: &mut Invitation| {
        held.expires_at = Timestamp::now();
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.bucket.update(&key, end).await.unwrap();
    register(&app, token_of(&ended), "ada").await.expect(404);
    let path = format!("/api/invitations/{}", withdrawn["id"].as_str().unwrap());
    app.delete(&path).bearer(&app.ada()).await.expect(403);
    app.delete(&path).bearer(&app.root()).await.expect(204);
    app.delete(&path).bearer(&app.root()).await.expect(404);
    app.delete("/api/invitations/nonsense").bearer(&app.root()).await.expect(404);
    let forged = format!("{}.{}", withdrawn["id"].as_str().unwrap(), "x".repeat(32));
    for bad in [token_of(&withdrawn), &forged, "nonsense", ""] {
        register(&app, bad, "ada").await.expect(404);
    }
}

#[tokio::test]
async fn only_administrators_manage_members() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let body = json!({});
    for (token, status) in [(Some(app.ada()), 403), (None, 401), (Some("nonsense".to_owned()), 401)] {
        let with = |ask: crate::app::Ask| match &token {
            Some(token) => ask.bearer(token),
            None => ask,
        };
        with(app.post("/api/invitations").json(&body)).await.expect(status);
        with(app.get("/api/invitations")).await.expect(status);
        with(app.get("/api/users")).await.expect(status);
        with(app.patch("/api/users/bob").json(&body)).await.expect(status);
    }
    app.post("/api/invitations").bearer(&app.root()).json(json!({"role": "king"})).await.expect(422);
    app.post("/api/invitations").bearer(&app.root()).json(json!({"email": "x".repeat(255)})).await.expect(422);
    patch_user(&app, "nobody", json!({"disabled": true})).await.expect(404);
    patch_user(&app, "..", json!({"disabled": true})).await.expect(404);
    patch_user(&app, "bob", json!({"nickname": "Bobby"})).await.expect(422);
}

#[tokio::test]
async fn a_disabled_member_is_out_at_once_and_may_come_back() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let signed_in = app.log_in("bob").await;
    let changed = patch_user(&app, "bob", json!({"disabled": true})).await.expect(200).json();
    assert_eq!(
        (&changed["username"], &changed["disabled"], &changed["role"]),
        (&json!("bob"), &json!(true), &json!("user"))
    );
    app.get("/api/auth/me").bearer(&signed_in.access_token()).await.expect(401);
    app.post("/api/auth/refresh").header("cookie", &signed_in.cookie()).await.expect(401);
    app.get("/api/s3/multipart/x?key=y").header("cookie", &signed_in.cookie()).await.expect(401);
    app.try_log_in("bob", PASSWORD).await.expect(403);
    app.try_log_in("bob", "wrong horse").await.expect(401);
    patch_user(&app, "bob", json!({"disabled": false})).await.expect(200);
    app.get("/api/auth/me").bearer(&signed_in.access_token()).await.expect(401);
    let again = app.log_in("bob").await;
    app.get("/api/auth/me").bearer(&again.access_token()).await.expect(200);
}

#[tokio::test]
async fn a_new_role_counts_at_once() {
    let app = TestApp::start().await;
    app.add_user("eve", Role::Admin).await;
    app.add_user("bob", Role::Admin).await;
    let token = app.log_in("bob").await.access_token();
    app.get("/api/users").bearer(&token).await.expect(200);
    patch_user(&app, "bob", json!({"role": "user"})).await.expect(200);
    app.get("/api/users").bearer(&token).await.expect(401);
    let token = app.log_in("bob").await.access_token();
    app.get("/api/users").bearer(&token).await.expect(403);
}

#[tokio::test]
async fn the_last_active_administrator_stays() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::Admin).await;
    app.add_user("bob", Role::Admin).await;
    patch_user(&app, "bob", json!({"disabled": true})).await.expect(200);
    patch_user(&app, "ada", json!({"role": "user"})).await.expect(409);
    patch_user(&app, "ada", json!({"disabled": true})).await.expect(409);
    patch_user(&app, "bob", json!({"role": "user"})).await.expect(200);
    patch_user(&app, "bob", json!({"disabled": false, "role": "admin"})).await.expect(200);
    patch_user(&app, "ada", json!({"role": "user"})).await.expect(200);
    patch_user(&app, "bob", json!({"disabled": true, "role": "admin"})).await.expect(409);
}

#[tokio::test]
async fn administrators_who_demote_each_other_at_once_leave_one() {
    let app = TestApp::start().await;
    for _ in 0..5 {
        for name in ["ada", "bob"] {
            let account = DocumentKey::Account(name.parse().unwrap());
            app.service.bucket.remove(&account).await.unwrap();
            app.add_user(name, Role::Admin).await;
        }
        let demote = json!({"role": "user"});
        let answers = join_all(["ada", "bob"].map(|name| patch_user(&app, name, demote.clone()))).await;
        assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 409)));
        let users = app.get("/api/users").bearer(&app.root()).await.expect(200).json();
        let users = users["users"].as_array().unwrap().clone();
        assert!(users.iter().any(|user| user["role"] == "admin"), "{users:?}");
    }
}

#[tokio::test]
async fn a_password_is_reset_by_a_link_that_works_once() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let old = app.log_in("bob").await;
    let changed = patch_user(&app, "bob", json!({"reset_password": true})).await.expect(200).json();
    let url = changed["reset_url"].as_str().unwrap();
    assert!(url.starts_with("http://clips.test:8080/reset#"), "{url}");
    app.get("/api/auth/me").bearer(&old.access_token()).await.expect(200);
    let reset = |password: &str| app.post("/api/auth/register").json(json!({"invitation": url, "password": password}));
    reset("short").await.expect(422);
    let answer = reset("battery staple").await.expect(200);
    app.get("/api/auth/me").bearer(&answer.access_token()).await.expect(200);
    app.get("/api/auth/me").bearer(&old.access_token()).await.expect(401);
    app.post("/api/auth/refresh").header("cookie", &old.cookie()).await.expect(401);
    reset("battery staple 2").await.expect(409);
    app.try_log_in("bob", PASSWORD).await.expect(401);
    app.try_log_in("bob", "battery staple").await.expect(200);
}

#[tokio::test]
async fn members_are_listed_by_name_and_without_secrets() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    app.add_user("ada", Role::Admin).await;
    let users = app.get("/api/users").bearer(&app.root()).await.expect(200);
    assert!(!users.body.contains("argon2"));
    let names: Vec<_> = users.json()["users"].as_array().unwrap().iter().map(|user| user["username"].clone()).collect();
    assert_eq!(names, [json!("ada"), json!("bob")]);
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let app = TestApp::start().await;
    let other = app.restarted().await;
    let made = futures_util::future::join(
        ensure_first_admin(&app.service, "Root", PASSWORD),
        ensure_first_admin(&other.service, "root", "another password"),
    );
    let (one, two) = made.await;
    assert_eq!(u8::from(one.unwrap()) + u8::from(two.unwrap()), 1);
    assert!(!ensure_first_admin(&app.service, "second", PASSWORD).await.unwrap());
    let account = app.service.bucket.read::<Account>(&DocumentKey::Account("root".parse().unwrap())).await.unwrap();
    assert_eq!(account.unwrap().value.role, Role::Admin);
}

#[tokio::test]
async fn the_command_line_is_told_what_is_wrong() {
    let app = TestApp::start().await;
    let bad_name = ensure_first_admin(&app.service, "x", PASSWORD).await;
    assert!(matches!(bad_name, Err(AccountError::Name(_))));
    assert!(matches!(ensure_first_admin(&app.service, "root", "short").await, Err(AccountError::Password)));
    app.add_user("ada", Role::User).await;
    let again = clipset_api::add_user(&app.service, &"ada".parse().unwrap(), PASSWORD, Role::User).await;
    assert_eq!(again.unwrap_err().to_string(), "there is an account named ada already");
}

/// An administrator `eve`, not the only one, and a token of hers.
async fn eve(app: &TestApp) -> String {
    app.add_user("chief", Role::Admin).await;
    app.add_user("eve", Role::Admin).await;
    app.log_in("eve").await.access_token()
}

async fn invited_by(app: &TestApp, token: &str) -> Value {
    app.post("/api/invitations").bearer(token).json(json!({"role": "admin"})).await.expect(201).json()
}

async fn reset_by(app: &TestApp, token: &str, name: &str) -> String {
    let asked = app.patch(&format!("/api/users/{name}")).bearer(token).json(json!({"reset_password": true}));
    asked.await.expect(200).json()["reset_url"].as_str().unwrap().to_owned()
}

async fn reset(app: &TestApp, url: &str) -> Answer {
    app.post("/api/auth/register").json(json!({"invitation": url, "password": "battery staple"})).await
}

async fn open_links(app: &TestApp) -> usize {
    let listed = app.get("/api/invitations").bearer(&app.root()).await.expect(200).json();
    listed["invitations"].as_array().unwrap().iter().filter(|one| one["open"] == true).count()
}

#[tokio::test]
async fn links_of_an_administrator_end_with_the_disabling_and_do_not_come_back() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let token = eve(&app).await;
    let (invitation, link) = (invited_by(&app, &token).await, reset_by(&app, &token, "bob").await);
    assert_eq!(open_links(&app).await, 2);
    patch_user(&app, "eve", json!({"disabled": true})).await.expect(200);
    register(&app, token_of(&invitation), "mallory").await.expect(404);
    reset(&app, &link).await.expect(404);
    assert_eq!(open_links(&app).await, 0);
    patch_user(&app, "eve", json!({"disabled": false})).await.expect(200);
    register(&app, token_of(&invitation), "mallory").await.expect(404);
    reset(&app, &link).await.expect(404);
    app.log_in("bob").await;
    // What she makes from now on counts again.
    let token = app.log_in("eve").await.access_token();
    register(&app, token_of(&invited_by(&app, &token).await), "carl").await.expect(201);
    let link = reset_by(&app, &token, "bob").await;
    reset(&app, &link).await.expect(200);
}

#[tokio::test]
async fn links_end_when_whoever_made_them_is_no_administrator_any_more_or_is_gone() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let token = eve(&app).await;
    let links = [(invited_by(&app, &token).await, reset_by(&app, &token, "bob").await)];
    patch_user(&app, "eve", json!({"role": "user"})).await.expect(200);
    for (invitation, link) in &links {
        register(&app, token_of(invitation), "mallory").await.expect(404);
        reset(&app, link).await.expect(404);
    }
    patch_user(&app, "eve", json!({"role": "admin"})).await.expect(200);
    register(&app, token_of(&links[0].0), "mallory").await.expect(404);
    let token = app.log_in("eve").await.access_token();
    let invitation = invited_by(&app, &token).await;
    app.service.bucket.remove(&DocumentKey::Account("eve".parse().unwrap())).await.unwrap();
    register(&app, token_of(&invitation), "mallory").await.expect(404);
    // Whoever holds the secret key needs no account.
    register(&app, token_of(&invite(&app).await), "carl").await.expect(201);
}

#[tokio::test]
async fn a_newer_reset_link_ends_older_ones_and_a_used_one_ends_all() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    app.add_user("carl", Role::User).await;
    let root = app.root();
    let others = reset_by(&app, &root, "carl").await;
    let older = reset_by(&app, &root, "bob").await;
    let newer = reset_by(&app, &root, "bob").await;
    reset(&app, &older).await.expect(404);
    app.log_in("bob").await;
    reset(&app, &newer).await.expect(200);
    for used in [&older, &newer] {
        assert!(matches!(reset(&app, used).await.status.as_u16(), 404 | 409));
    }
    reset(&app, &others).await.expect(200);
    // Two that are used at once set one password.
    let links = [reset_by(&app, &root, "bob").await, reset_by(&app, &root, "bob").await];
    let answers = join_all(links.iter().map(|link| reset(&app, link))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[tokio::test]
async fn links_of_the_version_before_still_open_and_end_each_other_too() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let root = app.root();
    let links = [reset_by(&app, &root, "bob").await, reset_by(&app, &root, "bob").await];
    let forget = |account: &mut Account| {
        account.reset_link = None;
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.bucket.update(&DocumentKey::Account("bob".parse().unwrap()), forget).await.unwrap();
    reset(&app, &links[0]).await.expect(200);
    reset(&app, &links[1]).await.expect(404);
}
