//! `clipset status`, and waiting until a clip can be watched.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::{
    args::{ServerArgs, StatusArgs},
    bars::Bars,
    client::{Client, Credentials, Video, find_server},
    data::DataDir,
    output,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// A client for the server that was named or found.
///
/// # Errors
/// A sentence that says what to set.
pub fn client(server: &ServerArgs) -> Result<Client> {
    let data = DataDir::find();
    let server = find_server(server.server.as_deref(), &data)?;
    let credentials = Credentials::find(&server, &data)?;
    Ok(Client::new(server, credentials)?)
}

/// `clipset status`.
///
/// # Errors
/// A sentence; with `--wait` also if the clip failed.
pub async fn status(args: &StatusArgs) -> Result<()> {
    let client = client(&args.server)?;
    let id = args.short_id.as_str();
    let outcome = if args.wait { wait(&client, id, &Bars::default()).await } else { Ok(()) };
    if args.json {
        output::json(&client.video_document(id).await?);
    } else {
        describe(&client, &client.video(id).await?);
    }
    outcome
}

/// Follows a clip until it can be watched.
///
/// # Errors
/// The clip's own sentence if it failed, or one about the server.
pub async fn wait(client: &Client, short_id: &str, bars: &Bars) -> Result<()> {
    let mut video = client.video(short_id).await?;
    let bar = bars.processing(&video.title);
    while !video.has_ended() {
        bar.set_position((video.progress * 1000.0) as u64);
        bar.set_message(video.note.clone().unwrap_or_else(|| video.processing_status.clone()));
        tokio::time::sleep(PAUSE).await;
        video = client.video(short_id).await?;
    }
    bar.finish_and_clear();
    if video.processing_status == "failed" {
        bail!("{}: {}", video.title, video.error.as_deref().unwrap_or("it failed and nothing is known about why"));
    }
    Ok(())
}

fn describe(client: &Client, video: &Video) {
    output::line(&video.title);
    let status = match video.processing_status.as_str() {
        "processing" => format!("processing, {:.0} %", video.progress * 100.0),
        other => other.to_owned(),
    };
    let status = video.note.as_ref().map_or(status.clone(), |note| format!("{status}, {note}"));
    output::line(status);
    if let Some(error) = &video.error {
        output::line(error);
    }
    for note in &video.notes {
        output::line(format!("- {note}"));
    }
    output::line(client.watch_url(&video.short_id));
}
