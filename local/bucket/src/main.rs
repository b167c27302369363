//! The bucket as a program of its own: for tests, which kill it, and for a look at a folder without the rest of Clipset.
//!
//! `clipset-local-bucket ROOT ADDRESS BUCKET ACCESS_KEY SECRET_KEY [ANONYMOUS_PREFIX…]`; writes the address it listens on
//! to standard output once it is ready, and ends on SIGTERM. Keeps a MiB for documents.

use std::error::Error;
use std::io::{Write, stdout};
use std::process::ExitCode;

use clipset_local_bucket::{Config, Reserve, Server};
use tokio::signal::unix::{SignalKind, signal};

/// Sent to a process that writes beyond its file size limit, and deadly unless handled.
const SIGXFSZ: i32 = 25;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed as well.
            let _ = writeln!(std::io::stderr(), "clipset-local-bucket: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name| arguments.next().ok_or(format!("{name} is missing"));
    let (root, address) = (next("ROOT")?, next("ADDRESS")?.parse()?);
    let config = Config {
        root: root.into(),
        bucket: next("BUCKET")?,
        access_key: next("ACCESS_KEY")?,
        secret_key: next("SECRET_KEY")?,
        reserve: Reserve { bytes: 1 << 20, media_prefixes: vec!["hls/".into(), "originals/".into()] },
        anonymous_prefixes: arguments.collect(),
    };
    let _ignored = signal(SignalKind::from_raw(SIGXFSZ))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::bind(config, address).await?;
    writeln!(stdout(), "{}", server.local_addr())?;
    server.serve(async { terminate.recv().await.unwrap_or_default() }).await;
    Ok(())
}
