//! `clipset bucket`: the embedded bucket as a process of its own.

use std::{env, fs, net::SocketAddr};

use anyhow::{Context as _, Result};
use clipset_core::key::EDGE_PREFIXES;
use clipset_local_bucket::{Config, Server};
use clipset_logs::init_logs;

use crate::{args::BucketArgs, data::write_private, serve::stop_signal};

/// Serves the bucket until it is told to stop. Its keys come as `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
///
/// # Errors
/// A sentence: the folder or the address cannot be used, or the keys are missing.
pub async fn serve(args: &BucketArgs) -> Result<()> {
    init_logs();
    let key = |name: &'static str| env::var(name).with_context(|| format!("{name} is not set"));
    let config = Config {
        root: args.root.clone(),
        bucket: args.bucket.clone(),
        access_key: key("AWS_ACCESS_KEY_ID")?,
        secret_key: key("AWS_SECRET_ACCESS_KEY")?,
        anonymous_prefixes: EDGE_PREFIXES.map(str::to_owned).to_vec(),
    };
    // Others know where it was: a restart must not move it.
    let before = args.ready_file.as_ref().and_then(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    let listen: SocketAddr = before.unwrap_or(args.listen);
    let stop = stop_signal()?;
    let server = Server::bind(config, listen).await?;
    let address = server.local_addr();
    if let Some(file) = &args.ready_file {
        write_private(file, address.to_string().as_bytes()).context("the ready file cannot be written")?;
    }
    tracing::info!(%address, "listening");
    server.serve(stop).await;
    Ok(())
}
