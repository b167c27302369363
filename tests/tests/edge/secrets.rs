//! An empty, missing or weak secret is a start that fails, never an open edge.

use std::path::Path;
use std::process::{Command, Output};

use clipset_tests::nginx::{Setup, check};

use crate::signing::{CURRENT, PREVIOUS, good, signed};
use crate::world::{SEGMENT, World};

const GOOD: &str = "kQ3v-Zs_81TnXw0pLr5yEg";
const WEAK: [&str; 7] = [
    " ",
    "weak",
    "123456789012345678901",
    "0123456789abcdef 0123456789abcdef",
    "0123456789abcdef0123456789abcde$",
    "0123456789abcdef0123456789abcde\n",
    "éééééééééééééééééééééé",
];

fn check_secrets(secret: Option<&str>, previous: Option<&str>) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx/check-secrets.sh");
    let mut command = Command::new(script);
    for (name, value) in [("HLS_SIGNING_SECRET", secret), ("HLS_SIGNING_SECRET_PREVIOUS", previous)] {
        command.env_remove(name);
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.output().unwrap()
}

#[test]
fn the_check_lets_good_secrets_start() {
    for previous in [None, Some(""), Some(GOOD)] {
        assert!(check_secrets(Some(GOOD), previous).status.success());
    }
}

#[test]
fn the_check_refuses_every_other_secret_and_says_what_to_do() {
    let refused = [(None, None), (Some(""), None), (Some(""), Some(GOOD))];
    let weak = WEAK.into_iter().flat_map(|weak| [(Some(weak), None), (Some(GOOD), Some(weak))]);
    for (secret, previous) in refused.into_iter().chain(weak) {
        let output = check_secrets(secret, previous);
        assert_eq!(output.status.code(), Some(1), "{secret:?} {previous:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("HLS_SIGNING_SECRET") && said.contains("clipset secret hls"), "{said}");
        for value in [secret, previous].into_iter().flatten().filter(|value| value.len() > 1) {
            assert!(!said.contains(value), "a secret is not printed: {said}");
        }
    }
}

#[test]
fn nginx_itself_refuses_a_template_that_was_rendered_without_a_secret() {
    let with = |secret: &str| check(&Setup { secret: secret.to_owned(), ..Setup::default() }).unwrap();
    assert!(with(CURRENT).status.success());
    for secret in ["", " ", "${HLS_SIGNING_SECRET}"] {
        let output = with(secret);
        assert!(!output.status.success(), "{secret:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("emerg"), "{secret:?}");
    }
}

#[test]
fn a_weak_secret_that_was_rendered_all_the_same_opens_nothing() {
    for weak in ["short", "0123456789abcdef01234"] {
        let world = World::with(|setup| {
            setup.secret = weak.to_owned();
            setup.previous_secret = weak.to_owned();
        });
        world.store(SEGMENT, "bytes");
        for secret in [weak, "", CURRENT] {
            assert_eq!(world.get(&signed(SEGMENT, secret, 60)).status, 403, "{weak:?} {secret:?}");
        }
    }
}

#[test]
fn with_no_previous_secret_the_empty_one_is_not_accepted() {
    let world = World::with(|setup| setup.previous_secret = String::new());
    world.store(SEGMENT, "bytes");
    assert_eq!(world.get(&good(SEGMENT)).status, 200);
    for secret in ["", PREVIOUS] {
        for ttl in [60, 3600] {
            let answer = world.get(&signed(SEGMENT, secret, ttl));
            assert_eq!(answer.status, 403);
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        }
    }
}

#[test]
fn a_previous_secret_is_accepted_beside_the_current_one_and_the_empty_one_never() {
    let world = World::start();
    world.store(SEGMENT, "bytes");
    for (secret, status) in [(CURRENT, 200), (PREVIOUS, 200), ("", 403), ("fedcba9876543210fedcba9876543210", 403)] {
        assert_eq!(world.get(&signed(SEGMENT, secret, 60)).status, status, "{secret:?}");
    }
}
