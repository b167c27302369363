//! What works on the bucket and the key themselves: accounts, tokens, the listing, the sweep.

use std::{
    env,
    io::{self, IsTerminal as _},
    os::unix::process::CommandExt as _,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use clipset_bucket::Reindexed;
use clipset_core::{migration::Failed, settings::OutputFormat, signing::SigningSecret};
use clipset_service::Service;
use rand::distr::{Alphanumeric, SampleString as _};
use serde_json::json;

use crate::{
    args::{MigrateArgs, SecretArgs, SecretKind, SweepArgs, TokenArgs, UserAddArgs, UserCommand},
    data::DataDir,
    output,
    token::mint,
};

/// Between two looks at a migration that is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// `clipset token`.
///
/// # Errors
/// A sentence if the key is not known.
pub fn token(args: &TokenArgs) -> Result<()> {
    output::line(mint(&secret_key()?, &args.user, args.role.into(), Duration::from_secs(args.ttl))?);
    Ok(())
}

/// `clipset secret`.
///
/// # Errors
/// A sentence if the key is not known or what is set is wrong.
pub fn secret(args: &SecretArgs) -> Result<()> {
    let SecretKind::Hls = args.which;
    // What is named wins, then what runs here was told, then what follows from the key.
    let running =
        || DataDir::find().environment()?.remove("HLS_SIGNING_SECRET").filter(|_| var("SECRET_KEY").is_none());
    let secret = match var("HLS_SIGNING_SECRET").or_else(running) {
        Some(given) => SigningSecret::parse("HLS_SIGNING_SECRET", &given)?,
        None => SigningSecret::derive(secret_key()?.as_bytes()),
    };
    output::line(secret.expose());
    Ok(())
}

/// `clipset reindex`.
///
/// # Errors
/// A sentence about the environment or the bucket.
pub async fn reindex() -> Result<()> {
    enter_local_system()?;
    let service = Service::from_env().await?;
    let Reindexed { videos, updated, removed, unreadable } = service.videos.reindex().await?;
    service.videos.summarise(usize::MAX).await?;
    output::line(format!("{videos} videos: {updated} entries updated, {removed} removed"));
    unreadable.iter().for_each(|id| output::line(format!("the record of {id} cannot be read")));
    Ok(())
}

/// `clipset migrate`.
///
/// # Errors
/// A sentence about the environment or the bucket, or with `--wait` about clips that failed.
pub async fn migrate(args: &MigrateArgs) -> Result<()> {
    enter_local_system()?;
    let service = Service::from_env().await?;
    if service.settings.current().await?.video_output_format != OutputFormat::Hls {
        bail!("the settings want progressive clips: set video_output_format to hls first");
    }
    let mut run = service.migrations.start(true).await?;
    while let Some(going) = run.as_ref().filter(|run| args.wait && run.is_running()) {
        output::line(format!("{} of {} done", going.done, going.total()));
        tokio::time::sleep(LOOK_EVERY).await;
        run = service.migrations.tend().await?;
    }
    let Some(run) = run else {
        output::line("every clip is HLS");
        return Ok(());
    };
    let state = if run.is_running() { "under way" } else { "ended" };
    output::line(format!("{state}: {} of {} done, {} failed", run.done, run.total(), run.failed.len()));
    run.failed.iter().map(Failed::line).for_each(output::line);
    ensure!(!args.wait || run.failed.is_empty(), "{} clips could not be moved; they play as before", run.failed.len());
    Ok(())
}

/// `clipset sweep`.
///
/// # Errors
/// A sentence about the environment or the bucket.
pub async fn sweep(args: &SweepArgs) -> Result<()> {
    enter_local_system()?;
    let service = Service::from_env().await?;
    let now = service.bucket.time().await?;
    if args.dry_run {
        let plan = clipset_events::plan(&clipset_events::look(&service, now, args.force).await?);
        let actions: Vec<String> = plan.actions.iter().map(ToString::to_string).collect();
        let held = plan.held.iter().map(|held| json!({"step": held.action.to_string(), "rule": held.rule.to_string()}));
        match args.json {
            true => output::json(&json!({ "would": actions, "held": held.collect::<Vec<_>>() })),
            false => actions.into_iter().chain(plan.held.iter().map(ToString::to_string)).for_each(output::line),
        }
        return Ok(());
    }
    let swept = clipset_events::sweep_at(&service, now, args.force).await?;
    match args.json {
        true => output::json(&json!({
            "actions": swept.actions,
            "objects": swept.objects,
            "entries": swept.entries,
        })),
        false => output::line(swept.to_string()),
    }
    Ok(())
}

/// `clipset user`.
///
/// # Errors
/// A sentence: the name is taken, the password too short, or the bucket cannot be reached.
pub async fn user(command: &UserCommand) -> Result<()> {
    enter_local_system()?;
    match command {
        UserCommand::Add(args) => add_user(args).await,
    }
}

async fn add_user(args: &UserAddArgs) -> Result<()> {
    let given = given_password()?;
    let password = given.clone().unwrap_or_else(|| Alphanumeric.sample_string(&mut rand::rng(), 20));
    let service = Service::from_env().await?;
    clipset_api::add_user(&service, &args.name, &password, args.role.into()).await?;
    match given {
        Some(_) => output::line(format!("{} may sign in", args.name)),
        None => output::line(format!("{} may sign in with the password {password} (shown this once)", args.name)),
    }
    Ok(())
}

/// The first line of standard input, unless that is a terminal or empty. There is no question on a terminal: a password
/// that is made here is better than one that is thought up.
fn given_password() -> Result<Option<String>> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(None);
    }
    let mut line = String::new();
    stdin.read_line(&mut line).context("the password cannot be read from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    Ok((!password.is_empty()).then(|| password.to_owned()))
}

/// Where `BUCKET` is not set: this very command again, with the environment of the system that runs on the data folder.
///
/// # Errors
/// A sentence if there is no such system.
pub(crate) fn enter_local_system() -> Result<()> {
    if var("BUCKET").is_some() {
        return Ok(());
    }
    let data = DataDir::find();
    let Some(environment) = data.environment() else {
        bail!("set BUCKET and what belongs to it, or start ./local/up: nothing runs on {}", data.root().display());
    };
    // The AWS SDK reads its own variables, and a running process's environment is better left as it is.
    let mut command = Command::new(env::current_exe().context("this program's own path is not known")?);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.args(env::args_os().skip(1)).envs(environment);
    Err(command.exec()).context("this program cannot be started again")
}

/// `SECRET_KEY`, else the data folder's.
fn secret_key() -> Result<String> {
    if let Some(given) = var("SECRET_KEY") {
        return Ok(given);
    }
    let kept = DataDir::find().secret_key().context("the key in the data folder cannot be read")?;
    kept.context("set SECRET_KEY: there is no key in the data folder")
}

fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
