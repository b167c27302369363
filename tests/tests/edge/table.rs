//! The contract's table of answers, over `vectors/edge-requests.json`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;

use crate::client::Answer;
use crate::signing::{digest, now};
use crate::world::World;

#[derive(Deserialize)]
struct Table {
    secrets: HashMap<String, String>,
    objects: Vec<String>,
    deleted: Vec<String>,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    note: String,
    method: Option<String>,
    path: String,
    query: Option<String>,
    sign: Option<Sign>,
    expected: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    with: String,
    /// Seconds from now.
    expires: Option<String>,
    /// As it stands.
    expires_text: Option<String>,
    path: Option<String>,
}

impl Request {
    fn method(&self) -> &str {
        self.method.as_deref().unwrap_or("GET")
    }

    fn target(&self, secrets: &HashMap<String, String>, now: u64) -> String {
        let long = "a".repeat(1500);
        let path = self.path.replace("{long}", &long);
        let mut query = self.query.clone().unwrap_or_else(|| "md5={md5}&expires={expires}".to_owned());
        if let Some(sign) = &self.sign {
            let expires = match (&sign.expires, &sign.expires_text) {
                (Some(offset), None) => (i64::try_from(now).unwrap() + offset.parse::<i64>().unwrap()).to_string(),
                (None, Some(text)) => text.clone(),
                _ => panic!("{}: one of expires and expires_text", self.note),
            };
            let uri = sign.path.as_deref().unwrap_or(&path);
            let digest = digest(&expires, uri, &secrets[&sign.with]);
            let md5 = URL_SAFE_NO_PAD.encode(digest);
            query = query
                .replace("{md5_other_ending}", &other_ending(&md5))
                .replace("{md5_short}", &md5[..21])
                .replace("{md5_hex}", &digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
                .replace("{md5_swapped_case}", &swapped_case(&md5))
                .replace("{md5}", &md5)
                .replace("{expires}", &expires);
        }
        query = query.replace("{long}", &long);
        assert!(!query.contains('{'), "{}: {query}", self.note);
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }
}

/// The last of 22 characters holds two bits, and the decoder of nginx ignores the other four.
fn other_ending(md5: &str) -> String {
    let (head, last) = md5.split_at(21);
    let other = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        _ => "x",
    };
    format!("{head}{other}")
}

fn swapped_case(md5: &str) -> String {
    md5.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect()
}

fn world_of(table: &Table) -> World {
    let world = World::with(|setup| {
        setup.secret.clone_from(&table.secrets["current"]);
        setup.previous_secret.clone_from(&table.secrets["previous"]);
    });
    for object in &table.objects {
        world.store(object, object.as_bytes());
    }
    for uuid in &table.deleted {
        fs::write(world.nginx.tombstones().join(uuid), "").unwrap();
    }
    world
}

fn table() -> Table {
    serde_json::from_str(include_str!("../../vectors/edge-requests.json")).unwrap()
}

/// The answer, and the target that was asked for; again, if the clock moved on over a signature that ends now.
fn ask(world: &World, request: &Request, secrets: &HashMap<String, String>) -> (String, Answer) {
    loop {
        let began = now();
        let target = request.target(secrets, began);
        let answer = world.send(request.method(), &target, &[("Origin", "https://elsewhere.example")]);
        let at_the_second = request.sign.as_ref().is_some_and(|sign| sign.expires.as_deref() == Some("+0"));
        if !at_the_second || now() == began {
            return (target, answer);
        }
    }
}

#[test]
fn every_request_of_the_table_is_answered_as_the_contract_says() {
    let table = table();
    assert!(table.requests.len() >= 60);
    let world = world_of(&table);
    let mut wrong = Vec::new();
    for request in &table.requests {
        let (target, answer) = ask(&world, request, &table.secrets);
        if answer.status != request.expected {
            wrong.push(format!("{}: {} instead of {}: {target}", request.note, answer.status, request.expected));
        } else if let Err(complaint) = check_answer(request, &answer) {
            wrong.push(format!("{}: {complaint}: {:?}", request.note, answer.headers));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_answer(request: &Request, answer: &Answer) -> Result<(), &'static str> {
    let check = |holds: bool, complaint| if holds { Ok(()) } else { Err(complaint) };
    check(answer.header("access-control-allow-origin") == Some("*"), "no CORS")?;
    check(answer.header("server") == Some("nginx"), "says more of the server than its name")?;
    check(
        !answer.headers.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with("x-a")),
        "a header of the bucket's",
    )?;
    check(answer.header("vary").is_none(), "the bucket's Vary")?;
    let served = request.expected == 200;
    let life = if served { "public, max-age=31536000, immutable" } else { "no-store" };
    check(answer.header("cache-control") == Some(life), "the wrong Cache-Control")?;
    check(!served || answer.header("accept-ranges") == Some("bytes"), "no Accept-Ranges")?;
    check((request.expected == 405) == (answer.header("allow") == Some("GET, HEAD, OPTIONS")), "Allow")?;
    match (request.method(), request.expected) {
        ("HEAD", _) => check(answer.body.is_empty(), "HEAD has a body"),
        (_, 200) => check(answer.text() == request.path, "other bytes"),
        (_, 204) => check(
            answer.header("access-control-allow-headers").is_some_and(|names| names.contains("Range"))
                && answer.header("access-control-allow-methods") == Some("GET, HEAD, OPTIONS"),
            "a preflight that allows no ranges",
        ),
        _ => check(
            answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"))
                && !answer.text().contains("<Error>")
                && !answer.text().contains("nginx"),
            "somebody else's words",
        ),
    }
}

#[test]
fn after_the_whole_table_no_log_holds_a_query() {
    let table = table();
    let world = world_of(&table);
    for request in &table.requests {
        ask(&world, request, &table.secrets);
    }
    let (access, errors) = world.nginx.stop().unwrap();
    assert!(access.lines().count() >= table.requests.len());
    for log in [access, errors] {
        for line in log.lines() {
            assert!(!line.contains("md5=") && !line.contains("expires="), "{line}");
        }
    }
}
