//! Failed attempts, which no restart forgets.

use clipset_core::{
    Timestamp,
    account::{Attempts, Role},
    key::DocumentKey,
};
use futures_util::future::join_all;

use crate::app::{PASSWORD, TestApp};

async fn fail(app: &TestApp, name: &str, times: usize) {
    for _ in 0..times {
        app.try_log_in(name, "wrong horse").await.expect(401);
    }
}

#[tokio::test]
async fn after_five_failures_even_the_right_password_waits_also_in_a_new_process() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    fail(&app, "ada", 5).await;
    app.prolong_wait("account-ada").await;
    let app = app.restarted().await;
    let answer = app.try_log_in("ada", PASSWORD).await.expect(429);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=64).contains(&seconds), "{seconds}");
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
    app.prolong_wait("account-nobody").await;
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
async fn one_address_that_tries_many_names_is_slowed() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let from = |hops: &str, name: &str, password: &str| {
        let body = serde_json::json!({"username": name, "password": password});
        app.post("/api/auth/login").header("x-forwarded-for", hops).json(body)
    };
    for number in 0..20 {
        // Only the last hop counts: the client writes the others itself.
        from(&format!("10.0.0.{number}, 192.0.2.7"), &format!("name{number}"), "wrong horse").await.expect(401);
    }
    let key = DocumentKey::Attempts("address-192.0.2.7".into());
    let prolong = |attempts: &mut Attempts| {
        assert_eq!(attempts.failures, 20);
        (attempts.failures, attempts.last) = (40, Some(Timestamp::now()));
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.bucket.update(&key, prolong).await.unwrap();
    from("192.0.2.7", "ada", PASSWORD).await.expect(429);
    from("192.0.2.8", "ada", PASSWORD).await.expect(200);
}
