//! `clipset bucket`: the embedded bucket as a process of its own, and what is damaged in it.

use std::{
    env, fs,
    io::{IsTerminal as _, stderr},
    net::SocketAddr,
};

use anyhow::{Context as _, Result, bail, ensure};
use clipset_core::path::EDGE_PREFIXES;
use clipset_local_bucket::{Config, Reserve, Server};
use clipset_logs::init_logs;

use crate::{
    args::{BucketArgs, BucketCommand, BucketServeArgs, BucketVerifyArgs},
    data::{DataDir, write_private},
    output,
    serve::stop_signal,
};

/// MiB, unless another number is given.
const RESERVE: u32 = 64;
/// Said once for so many files, on a terminal.
const PROGRESS: u64 = 1000;

/// Serves or verifies it.
///
/// # Errors
/// A sentence.
pub async fn bucket(args: &BucketArgs) -> Result<()> {
    match (&args.command, &args.serve) {
        (Some(BucketCommand::Verify(args)), _) => verify(args),
        (None, Some(args)) => serve(args).await,
        (None, None) => bail!("--root and --bucket say what to serve"),
    }
}

/// Serves the bucket until it is told to stop. Its keys come as `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
async fn serve(args: &BucketServeArgs) -> Result<()> {
    init_logs();
    let key = |name: &'static str| env::var(name).with_context(|| format!("{name} is not set"));
    let config = Config {
        root: args.root.clone(),
        bucket: args.bucket.clone(),
        access_key: key("AWS_ACCESS_KEY_ID")?,
        secret_key: key("AWS_SECRET_ACCESS_KEY")?,
        anonymous_prefixes: EDGE_PREFIXES.map(str::to_owned).to_vec(),
        reserve: Reserve { bytes: reserve(args)?, media_prefixes: media_prefixes() },
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

/// Bytes that are kept for documents.
fn reserve(args: &BucketServeArgs) -> Result<u64> {
    let mib = match (args.reserve, env::var("CLIPSET_BUCKET_RESERVE")) {
        (Some(mib), _) => mib,
        (None, Ok(text)) => text.trim().parse().context("CLIPSET_BUCKET_RESERVE is not a number of MiB")?,
        (None, Err(_)) => RESERVE,
    };
    Ok(u64::from(mib) << 20)
}

/// What fills a disk.
fn media_prefixes() -> Vec<String> {
    EDGE_PREFIXES.into_iter().chain(["originals/"]).map(str::to_owned).collect()
}

/// Prints what is damaged.
fn verify(args: &BucketVerifyArgs) -> Result<()> {
    let root = args.root.clone().unwrap_or_else(|| DataDir::find().path("bucket"));
    let told = stderr().is_terminal() && !args.json;
    let progress = |files: u64| {
        if told && files.is_multiple_of(PROGRESS) {
            output::note(format!("{files} files read"));
        }
    };
    let report = clipset_local_bucket::verify(&root, &progress)?;
    if args.json {
        output::json(&report);
    } else {
        for finding in &report.damage {
            let key = finding.key.as_deref().unwrap_or("unknown key");
            output::line(format!("{key}: {}: {}", finding.file.display(), finding.reason));
        }
        let (objects, bytes, damaged) = (report.objects, report.bytes, report.damage.len());
        output::line(format!("{objects} objects, {bytes} bytes read, {damaged} damaged"));
        if report.unchecked > 0 {
            let unchecked = report.unchecked;
            output::line(format!(
                "{unchecked} of an earlier version have no checksums: only their headers were checked"
            ));
        }
    }
    ensure!(report.damage.is_empty(), "{} is damaged", root.display());
    Ok(())
}
