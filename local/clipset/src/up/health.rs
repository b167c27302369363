//! Waiting until a child answers.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::time::{Instant, sleep, timeout};

/// How long a child may take to answer after its start; a large bucket is read through once.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a port may be held by what a killed supervisor left, which is just ending.
const LEFTOVERS: Duration = Duration::from_secs(3);

/// Waits until the public address can be bound.
///
/// # Errors
/// A sentence if another program has it, or it is not this machine's.
pub(super) async fn port_is_free(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + LEFTOVERS;
    loop {
        match TcpListener::bind(address) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                if Instant::now() > deadline {
                    bail!("port {} is in use: set CLIPSET_PORT", address.port());
                }
                sleep(PAUSE).await;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                bail!("{} is no address of this machine: set CLIPSET_BIND", address.ip())
            }
            Err(error) => return Err(error).with_context(|| format!("{address} cannot be used")),
        }
    }
}

/// Waits for the address that the bucket writes, and until it answers there.
///
/// # Errors
/// A sentence if it does not in time.
pub(super) async fn bucket(ready_file: &Path, name: &str) -> Result<SocketAddr> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(2)).build()?;
    wait_for("the bucket", async || {
        let address: SocketAddr = std::fs::read_to_string(ready_file).ok()?.trim().parse().ok()?;
        // An object that anyone may ask for and that is not there: any answer will do.
        client.get(format!("http://{address}/{name}/images/0.jpg")).send().await.ok()?;
        Some(address)
    })
    .await
}

/// Waits until the API is healthy on its socket.
///
/// # Errors
/// A sentence if it is not in time.
pub(super) async fn api(socket: &Path) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(2));
    let client = client.unix_socket(socket).build()?;
    wait_for("the API", async || healthy(&client, "http://localhost").await).await
}

/// Waits until the whole is healthy through the public port.
///
/// # Errors
/// A sentence if it is not in time.
pub(super) async fn public(url: &str) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(2)).build()?;
    wait_for("nginx", async || healthy(&client, url).await).await
}

async fn healthy(client: &reqwest::Client, base: &str) -> Option<()> {
    let answer = client.get(format!("{base}/healthz")).send().await.ok()?;
    answer.status().is_success().then_some(())
}

async fn wait_for<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> Result<T> {
    let found = timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(PAUSE).await;
        }
    });
    found.await.with_context(|| format!("{what} did not answer within {} s of its start", PATIENCE.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("its address");
        let error = port_is_free(address).await.expect_err("taken").to_string();
        assert_eq!(error, format!("port {} is in use: set CLIPSET_PORT", address.port()));
        drop(taken);
        port_is_free(address).await.expect("free");
    }
}
