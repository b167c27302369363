//! `clipset-transcoder`: one job (`run`), or all that come (`watch`).

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use clipset_core::id::JobId;
use clipset_logs::init_logs;
use clipset_transcoder::{
    config::TranscoderConfig,
    watch::{stopped, watch},
    work::{Outcome, Worker},
};
use tokio::signal::unix::{SignalKind, signal};

/// Turns uploads into HLS. The environment says which bucket: BUCKET, AWS_REGION, AWS_ENDPOINT_URL_S3.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does one job. Exit code 0: done; 1: failed, with the reason on standard error.
    Run {
        /// Such as aB3dE6gH9j-first-1.
        job: JobId,
    },
    /// Does jobs as they come, until SIGTERM or SIGINT; then gives back what it is at.
    Watch,
}

fn main() -> ExitCode {
    clipset_child::enter_if_asked();
    let cli = Cli::parse();
    init_logs();
    match begin(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "clipset-transcoder: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn begin(command: Command) -> anyhow::Result<()> {
    let config = TranscoderConfig::from_env()?;
    let worker = Worker::connect(config).await?;
    let (tell, stop) = tokio::sync::watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tell.send_replace(true);
        // Dropping `tell` later would look like a stop as well; by then it is one.
    });
    match command {
        Command::Watch => {
            Box::pin(watch(worker, stop)).await;
            Ok(())
        }
        Command::Run { job } => {
            let claimed = Box::pin(worker.claim(&job)).await;
            let (job, lease) = claimed.with_context(|| format!("the job {job} cannot be had"))?;
            let outcome = Box::pin(worker.run(job, lease, None, stopped(stop))).await;
            // Nobody else may be there to move a migration on.
            worker.tend().await;
            // A container's name does not last; that of its queue on AWS Batch does, and its machines are alike.
            if let Ok(queue) = std::env::var("AWS_BATCH_JQ_NAME") {
                worker.report_encoders(&queue).await;
            }
            match outcome {
                Outcome::Done => Ok(()),
                Outcome::Failed(reason) | Outcome::Released(reason) => anyhow::bail!(reason),
                Outcome::Lost => anyhow::bail!("the job went to another runner, or the bucket is away"),
            }
        }
    }
}
