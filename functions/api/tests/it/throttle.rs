//! Wrong passwords, which no restart forgets, and which keep out whoever guesses, not whoever is guessed at.

use clipset_api::behind_cloudfront;
use clipset_core::{
    account::{Account, Role},
    key::DocumentKey,
};
use clipset_service::on_lambda;
use futures_util::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use serde_json::json;

use crate::app::{Answer, Ask, PASSWORD, TestApp, secrets};

async fn fail(app: &TestApp, name: &str, times: usize) {
    for _ in 0..times {
        app.try_log_in(name, "wrong horse").await.expect(401);
    }
}

fn from(app: &TestApp, address: &str, name: &str, password: &str) -> Ask {
    let body = json!({"username": name, "password": password});
    app.post("/api/auth/login").header("x-forwarded-for", address).json(body)
}

#[track_caller]
fn wait(answer: &Answer) -> u64 {
    answer.header("retry-after").expect("a time to wait").parse().unwrap()
}

#[tokio::test]
async fn after_five_failures_even_the_right_password_waits_also_in_a_new_process() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    fail(&app, "ada", 5).await;
    app.prolong_wait("pairs/accounts/ada/nowhere").await;
    let app = app.restarted().await;
    let answer = app.try_log_in("ada", PASSWORD).await.expect(429);
    assert!((1..=64).contains(&wait(&answer)), "{answer:?}");
}

#[tokio::test]
async fn a_success_forgets_the_failures() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    for _ in 0..3 {
        fail(&app, "ada", 4).await;
        app.log_in("ada").await;
    }
}

#[tokio::test]
async fn names_without_an_account_are_slowed_alike() {
    let app = TestApp::start().await;
    fail(&app, "nobody", 5).await;
    app.prolong_wait("pairs/accounts/nobody/nowhere").await;
    app.try_log_in("nobody", PASSWORD).await.expect(429);
}

#[tokio::test]
async fn one_account_does_not_slow_another() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    fail(&app, "bob", 5).await;
    app.log_in("ada").await;
}

#[tokio::test]
async fn many_guesses_at_once_are_no_way_around() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let guesses = join_all((0..20).map(|_| app.try_log_in("ada", "wrong horse"))).await;
    let tried = guesses.iter().filter(|answer| answer.status == 401).count();
    // More than five only where the machine is so slow that the wait is over.
    assert!((5..=7).contains(&tried), "{tried}");
    assert!(guesses.iter().all(|answer| matches!(answer.status.as_u16(), 401 | 429)));
}

#[tokio::test]
async fn strangers_from_many_addresses_do_not_keep_the_administrator_out() {
    let app = TestApp::start().await;
    app.add_user("admin", Role::Admin).await;
    let device = from(&app, "192.0.2.1", "admin", PASSWORD).await.expect(200).device();
    for stranger in 1..=5 {
        for _ in 0..2 {
            from(&app, &format!("198.51.100.{stranger}"), "admin", "wrong horse").await.expect(401);
        }
    }
    // Ten guesses are not yet many: also where this administrator was never before.
    from(&app, "192.0.2.2", "admin", PASSWORD).await.expect(200);
    // A hundred are: strangers wait, and so does the administrator where nothing tells them from a stranger, …
    app.put_failures("strangers/accounts/admin", 100).await;
    let answer = from(&app, "198.51.100.99", "admin", "wrong horse").await.expect(429);
    assert!((1..=30).contains(&wait(&answer)), "{answer:?}");
    from(&app, "192.0.2.2", "admin", PASSWORD).await.expect(429);
    // … but not where they have signed in before, from wherever, not even where all strangers' addresses wait too.
    app.put_failures("addresses/198.51.100.1", 20).await;
    let known = from(&app, "198.51.100.1", "admin", PASSWORD).header("cookie", &device).await.expect(200);
    assert_eq!(app.failures("strangers/accounts/admin").await, 100, "what is refused or known counts for nobody else");
    assert_eq!(known.device().split('~').next(), device.split('~').next(), "it is the same device still");
}

#[tokio::test]
async fn what_is_refused_uses_nobodys_budget_up() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    from(&app, "192.0.2.1", "ada", "wrong horse").await.expect(401);
    app.put_failures("pairs/accounts/ada/192.0.2.1", 12).await;
    for _ in 0..10 {
        from(&app, "192.0.2.1", "ada", "wrong horse").await.expect(429);
    }
    assert_eq!(app.failures("strangers/accounts/ada").await, 1);
    assert_eq!(app.failures("addresses/192.0.2.1").await, 1);
}

#[tokio::test]
async fn a_known_device_has_a_budget_of_its_own_and_no_more() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let (one, other) = (app.log_in("ada").await.device(), app.log_in("ada").await.device());
    assert_ne!(one, other);
    let by = |device: &str, password: &str| from(&app, "192.0.2.1", "ada", password).header("cookie", device);
    for _ in 0..5 {
        by(&one, "wrong horse").await.expect(401);
    }
    let name = one.split_once('=').unwrap().1.split('~').next().unwrap().to_owned();
    app.prolong_wait(&format!("devices/ada/{name}")).await;
    by(&one, PASSWORD).await.expect(429);
    by(&other, PASSWORD).await.expect(200);
    // Its own password is counted by the device too.
    let token = app.log_in("ada").await.access_token();
    let change = |device: &str| {
        let body = json!({"current_password": "wrong horse", "new_password": "battery staple"});
        app.post("/api/auth/password").bearer(&token).header("cookie", device).json(body)
    };
    change(&one).await.expect(429);
    change(&other).await.expect(403);
}

#[tokio::test]
async fn strangers_cannot_keep_a_member_from_changing_the_password() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let token = app.log_in("ada").await.access_token();
    app.put_failures("strangers/accounts/ada", 100).await;
    app.put_failures("addresses/192.0.2.1", 20).await;
    let change = json!({"current_password": PASSWORD, "new_password": "battery staple"});
    let ask = app.post("/api/auth/password").bearer(&token).header("x-forwarded-for", "192.0.2.1").json(change);
    ask.await.expect(200);
}

#[tokio::test]
async fn the_cookie_of_a_device_is_no_scripts_business_and_outlives_the_session() {
    let app = TestApp::start_with(|config| config.public_url = "https://clips.test".into()).await;
    app.add_user("ada", Role::User).await;
    let signed_in = app.log_in("ada").await;
    let cookies: Vec<_> = signed_in.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let device =
        cookies.iter().find(|cookie| cookie.starts_with("clipset_device_443_ada=")).expect("its port and name");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/api", "Secure", "Max-Age=34560000"] {
        assert!(device.contains(attribute), "{device}");
    }
    // Signing out leaves it; whoever was signed in before there were such cookies gets one with the next refresh.
    let refreshed = app.post("/api/auth/refresh").header("cookie", &signed_in.cookie()).await.expect(200);
    assert_eq!(refreshed.device().split('~').next(), signed_in.device().split('~').next());
    let out = app.post("/api/auth/logout").header("cookie", &refreshed.cookie()).await.expect(204);
    assert!(out.headers.get_all("set-cookie").iter().all(|cookie| !cookie.to_str().unwrap().contains("device")));
}

#[tokio::test]
async fn a_device_is_known_to_its_account_alone_and_until_its_cut_off() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    app.add_user("bob", Role::User).await;
    let (old, token) = (app.log_in("ada").await.device(), app.log_in("ada").await.access_token());
    let change = json!({"current_password": PASSWORD, "new_password": "battery staple"});
    let device = app.post("/api/auth/password").bearer(&token).json(change).await.expect(200).device();
    app.put_failures("strangers/accounts/ada", 100).await;
    app.put_failures("strangers/accounts/bob", 100).await;
    let by = |cookie: String, name: &str| from(&app, "192.0.2.1", name, "battery staple").header("cookie", &cookie);
    by(old, "ada").await.expect(429);
    by(device.clone(), "ada").await.expect(200);
    let mut forged = device.clone();
    let last = if forged.pop() == Some('0') { '1' } else { '0' };
    forged.push(last);
    for bad in [forged, device.replace("_ada=", "_bob="), device.replace('~', ""), "clipset_device_8080_ada=".into()] {
        by(bad.clone(), "ada").await.expect(429);
        by(bad, "bob").await.expect(429);
    }
    let disable = |disabled: bool| app.patch("/api/users/ada").bearer(&app.root()).json(json!({"disabled": disabled}));
    disable(true).await.expect(200);
    by(device.clone(), "ada").await.expect(429);
    disable(false).await.expect(200);
    by(device, "ada").await.expect(429);
}

#[tokio::test]
async fn a_member_does_not_queue_behind_strangers() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let device = app.log_in("ada").await.device();
    let guesses = (0..30).map(|number| {
        let ask = from(&app, &format!("198.51.100.{number}"), &format!("name{number}"), "wrong horse");
        async move { ask.await.status.as_u16() }
    });
    let mut strangers: FuturesUnordered<_> = guesses.collect();
    // All of them stand in the queue once one has been answered.
    strangers.next().await;
    let mut member = std::pin::pin!(from(&app, "192.0.2.1", "ada", PASSWORD).header("cookie", &device).into_future());
    let mut answered = 0;
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut member => break answer,
            Some(_) = strangers.next() => answered += 1,
        }
    };
    answer.expect(200);
    assert!(answered < 10, "{answered} strangers went before");
}

#[tokio::test]
async fn one_address_that_tries_many_names_is_slowed() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    for number in 0..20 {
        // Only the last hop counts: the client writes the others itself.
        let hops = format!("10.0.0.{number}, 192.0.2.7");
        from(&app, &hops, &format!("name{number}"), "wrong horse").await.expect(401);
    }
    assert!(app.failures("addresses/192.0.2.7").await >= 19);
    app.put_failures("addresses/192.0.2.7", 20).await;
    let answer = from(&app, "192.0.2.7", "ada", PASSWORD).await.expect(429);
    assert!((1..=60).contains(&wait(&answer)), "{answer:?}");
    from(&app, "192.0.2.8", "ada", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn the_people_of_a_house_may_mistype_and_its_known_devices_never_wait_for_each_other() {
    let app = TestApp::start().await;
    let names = ["ada", "bob", "cleo", "dora"];
    for name in names {
        app.add_user(name, Role::User).await;
        for _ in 0..4 {
            from(&app, "192.0.2.7", name, "wrong horse").await.expect(401);
        }
    }
    let signed_in: Vec<_> = stream::iter(names)
        .then(async |name| from(&app, "192.0.2.7", name, PASSWORD).await.expect(200))
        .collect()
        .await;
    app.put_failures("addresses/192.0.2.7", 20).await;
    // One computer for all of them knows each.
    let cookies: Vec<_> = signed_in.iter().map(Answer::device).collect();
    for name in names {
        let ask = from(&app, "192.0.2.7", name, PASSWORD).header("cookie", &cookies.join("; "));
        ask.await.expect(200);
    }
}

#[tokio::test]
async fn an_ipv6_address_is_its_network() {
    let app = TestApp::start().await;
    for number in 0..3 {
        from(&app, &format!("2001:db8:1:2::{number}"), "ada", "wrong horse").await.expect(401);
    }
    from(&app, "2001:db8:1:3::1", "ada", "wrong horse").await.expect(401);
    assert_eq!(app.failures("addresses/2001_db8_1_2__").await, 3);
    assert_eq!(app.failures("addresses/2001_db8_1_3__").await, 1);
}

#[tokio::test]
async fn a_trusted_proxys_word_counts_and_nobody_elses() {
    let app = TestApp::start_with(|config| config.trusted_proxies = "10.0.0.0/8".parse().unwrap()).await;
    from(&app, "6.6.6.6, 192.0.2.7, 10.0.0.1, 10.0.0.2", "ada", "wrong horse").await.expect(401);
    from(&app, "6.6.6.6, 192.0.2.8", "ada", "wrong horse").await.expect(401);
    let counted = app.service.bucket.keys("accounts/attempts/addresses/").await.unwrap();
    assert_eq!(counted, ["accounts/attempts/addresses/192.0.2.7.json", "accounts/attempts/addresses/192.0.2.8.json"]);
}

#[tokio::test]
async fn on_aws_the_viewers_address_is_what_cloudfront_wrote() {
    let app = TestApp::start().await;
    let ask = |origin: Option<&str>| {
        let service = app.service.clone();
        let router = on_lambda(behind_cloudfront(clipset_api::router(service.clone())), service, None);
        let app = TestApp { router, service: app.service.clone(), http: app.http.clone(), folder: app.folder.clone() };
        let ask = from(&app, "6.6.6.6", "ada", "wrong horse").header("x-clipset-viewer", "2001:db8::7");
        origin.iter().fold(ask, |ask, origin| ask.header("x-clipset-origin", origin))
    };
    // Without a secret that only CloudFront knows, the header could be anybody's.
    ask(None).await.expect(401);
    assert!(app.service.bucket.keys("accounts/attempts/addresses/").await.unwrap().is_empty());
    let mut known = secrets();
    known.origin = vec!["o".repeat(43)];
    app.service.change_secrets(known);
    ask(None).await.expect(403);
    ask(Some(&"o".repeat(43))).await.expect(401);
    let counted = app.service.bucket.keys("accounts/attempts/addresses/").await.unwrap();
    assert_eq!(counted, ["accounts/attempts/addresses/2001_db8__.json"]);
}

#[tokio::test]
async fn a_count_that_cannot_be_read_is_begun_anew() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let key = "accounts/attempts/pairs/accounts/ada/192.0.2.1.json";
    app.service.bucket.write_raw(key, b"{\"fail".to_vec().into()).await.unwrap();
    from(&app, "192.0.2.1", "ada", "wrong horse").await.expect(401);
    assert_eq!(app.failures("pairs/accounts/ada/192.0.2.1").await, 1);
    let account = app.service.bucket.read::<Account>(&DocumentKey::Account("ada".parse().unwrap())).await.unwrap();
    assert!(account.is_some());
}
