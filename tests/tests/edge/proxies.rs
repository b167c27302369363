//! Behind other proxies: who is believed about where a request came from.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use clipset_tests::namespace::{Own, in_a_namespace};
use clipset_tests::nginx::{Nginx, Setup, check};

use crate::client::send;
use crate::world::{World, wait_until};

/// What turns `TRUSTED_PROXIES` into the template's lines in a container.
fn script(trusted: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx/trusted-proxies.envsh");
    let source = ". \"$0\" && printf %s \"$REAL_IP_FROM\"";
    Command::new("sh").args(["-ec", source]).arg(script).env("TRUSTED_PROXIES", trusted).output().unwrap()
}

fn lines(trusted: &str) -> String {
    let output = script(trusted);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn edge(trusted: &str) -> World {
    World::with(|setup| setup.real_ip_from = lines(trusted))
}

/// A proxy as people put before us for TLS: it appends whom it saw. It asks from `address`, so that one machine can play
/// several.
struct Proxy {
    entrance: SocketAddr,
    nginx: Nginx,
}

impl Proxy {
    fn start(address: &str, before: SocketAddr) -> Self {
        // Not where nginx gets its own port: between choosing a port and its bind it is anybody's.
        let entrance = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 9), 0)).unwrap().local_addr().unwrap();
        let more = format!(
            "server {{ listen {entrance}; location / {{ proxy_pass http://{before}; proxy_bind {address};
               proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}"
        );
        let nginx = Nginx::start(&Setup { more, ..Setup::default() }).unwrap();
        // nginx opens its ports one after the other, and this one last.
        wait_until(Duration::from_secs(10), || TcpStream::connect(entrance).is_ok());
        Self { entrance, nginx }
    }
}

/// What the API is told of a client that enters at `entrance` and names another address.
fn seen(world: &World, entrance: SocketAddr, proxies: &[&Proxy]) -> String {
    let named = [("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6")];
    let answer = send(entrance, "GET", "/api/videos", &named, b"");
    let logs: Vec<_> = proxies.iter().map(|proxy| &proxy.nginx).chain([&world.nginx]).map(Nginx::error_log).collect();
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), logs.join("\n"));
    let all = world.api.seen();
    let last = all.last().unwrap();
    assert_eq!(last.header("x-real-ip"), last.header("x-forwarded-for"));
    last.header("x-forwarded-for").unwrap().to_owned()
}

#[test]
fn without_trusted_proxies_whoever_connects_is_the_client() {
    if !in_a_namespace("proxies::without_trusted_proxies_whoever_connects_is_the_client", Own::Network) {
        return;
    }
    let world = edge("");
    assert_eq!(seen(&world, world.nginx.address(), &[]), "127.0.0.1");
    let proxy = Proxy::start("127.0.0.2", world.nginx.address());
    assert_eq!(seen(&world, proxy.entrance, &[&proxy]), "127.0.0.2");
}

#[test]
fn a_trusted_proxy_says_who_the_client_is() {
    if !in_a_namespace("proxies::a_trusted_proxy_says_who_the_client_is", Own::Network) {
        return;
    }
    let world = edge("127.0.0.2/32");
    let proxy = Proxy::start("127.0.0.2", world.nginx.address());
    assert_eq!(seen(&world, proxy.entrance, &[&proxy]), "127.0.0.1", "what the client wrote itself stands before it");
    let log = || world.nginx.access_log();
    wait_until(Duration::from_secs(10), || log().contains(" 127.0.0.1 GET /api/videos"));
}

#[test]
fn whoever_is_not_trusted_cannot_name_another_address() {
    if !in_a_namespace("proxies::whoever_is_not_trusted_cannot_name_another_address", Own::Network) {
        return;
    }
    let world = edge("10.0.0.0/8, 2001:db8::/32");
    assert_eq!(seen(&world, world.nginx.address(), &[]), "127.0.0.1");
    let proxy = Proxy::start("127.0.0.3", world.nginx.address());
    assert_eq!(seen(&world, proxy.entrance, &[&proxy]), "127.0.0.3");
}

#[test]
fn of_a_chain_every_proxy_has_to_be_trusted() {
    if !in_a_namespace("proxies::of_a_chain_every_proxy_has_to_be_trusted", Own::Network) {
        return;
    }
    for (trusted, expected) in
        [("127.0.0.2, 127.0.0.3", "127.0.0.1"), ("127.0.0.3", "127.0.0.2"), ("127.0.0.2", "127.0.0.3")]
    {
        let world = edge(trusted);
        let inner = Proxy::start("127.0.0.3", world.nginx.address());
        let outer = Proxy::start("127.0.0.2", inner.entrance);
        assert_eq!(seen(&world, outer.entrance, &[&inner, &outer]), expected, "{trusted}");
    }
}

#[test]
fn what_is_no_network_ends_the_start_in_words() {
    for bad in ["proxy.example", "10.0.0.0/8;", "0.0.0.0/0", "10.0.0.0/8,::/0", "10", "10.0.0.0/8/8", "$(id)"] {
        let output = script(bad);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("TRUSTED_PROXIES has"), "{bad}: {said}");
    }
    // The digits are nginx's to judge.
    let refused = check(&Setup { real_ip_from: lines("10.0.0.0/40"), ..Setup::default() }).unwrap();
    assert!(!refused.status.success());
    assert!(
        check(&Setup { real_ip_from: lines("10.1.2.3/8 , 2001:db8::1"), ..Setup::default() }).unwrap().status.success()
    );
}
