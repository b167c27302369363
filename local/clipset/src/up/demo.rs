//! The demo clip of a new library.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clipset_child::{ChildSpec, Output};
use indicatif::ProgressBar;

use super::{console::Console, folder::Secrets, plan::Plan};
use crate::{
    client::{Client, Credentials, Server},
    output, upload,
};

/// It is made once in the life of a data folder, also if it is deleted later.
const MARK: &str = "demo-made";

/// The system is ready without it: it must not hold up the start.
const LIMIT: Duration = Duration::from_secs(90);

/// Makes and uploads the clip if the library is empty and never had one; gives its watch address.
/// That it cannot be made is told and stops nothing.
///
/// # Errors
/// Only if the data folder cannot be written.
pub(super) async fn make(plan: &Plan, secrets: &Secrets, console: Console) -> Result<Option<String>> {
    let mark = plan.data.path(MARK);
    if mark.exists() {
        return Ok(None);
    }
    let limit = tokio::time::timeout(LIMIT, try_make(plan, secrets, console)).await;
    let made = match limit.context("it took too long; can PUBLIC_URL be reached from here?").flatten() {
        Ok(made) => made,
        Err(error) => {
            console.say(format!("no demo clip was made: {}", output::sentence(&error)));
            return Ok(None);
        }
    };
    fs::write(&mark, "").context("the data folder cannot be written")?;
    Ok(made)
}

async fn try_make(plan: &Plan, secrets: &Secrets, console: Console) -> Result<Option<String>> {
    let username = secrets.administrator.username.parse()?;
    let credentials = Credentials::key(&secrets.secret_key, username);
    let client = Client::new(Server::parse(&plan.local_url)?, credentials)?;
    if !client.library_is_empty().await? {
        return Ok(None);
    }
    console.say("making a demo clip");
    let file = plan.data.run().join("demo.mp4");
    record(&file).await?;
    let states = plan.data.run().join("uploads");
    let uploaded = upload::upload(&client, &file, Some("Demo clip"), &states, &ProgressBar::hidden()).await;
    let _ = fs::remove_file(&file);
    Ok(Some(uploaded?.url))
}

/// Twenty seconds of FFmpeg's test picture and a tone, with a keyframe every two seconds.
async fn record(file: &Path) -> Result<()> {
    let spec = ChildSpec::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
        .args(["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=20"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=20"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"])
        .args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"])
        .args(["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-movflags", "+faststart"])
        .arg(file)
        .stderr(Output::Piped);
    let finished = spec.spawn()?.finish(Duration::from_secs(120), 1 << 20).await?;
    let said = String::from_utf8_lossy(&finished.stderr);
    ensure!(finished.status.success(), "ffmpeg failed: {}", said.lines().last().unwrap_or("it said nothing"));
    Ok(())
}
