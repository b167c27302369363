//! `clipset import`: the clips of a Clipset installation before this one.
//!
//! | Module | What it does |
//! |---|---|
//! | [`database`] | reads its SQLite database, whatever its columns are called |
//! | [`files`] | finds each video's files in its upload folder, and reads all of them |
//! | [`owners`] | gives its members names and accounts here |
//! | [`record`] | what is noted of each video, and what it becomes |
//! | [`bring`] | one video: noted, written, read back, published |

pub mod bring;
pub mod database;
pub mod files;
pub mod owners;
pub mod record;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use clipset_core::{Timestamp, id::Username};
use clipset_service::Service;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use self::{
    bring::{Import, Outcome},
    database::{Library, Row},
    files::Uploads,
    owners::Owners,
};
use crate::{args::ImportArgs, manage::enter_local_system, output};

/// `clipset import`.
///
/// # Errors
/// A sentence: the database or the folder cannot be read, or some of the videos did not come.
pub async fn import(args: &ImportArgs) -> Result<()> {
    enter_local_system()?;
    let library = database::read(&args.database)?;
    let service = Service::from_env().await?;
    let settings = service.settings.current().await?;
    for missing in &library.missing {
        output::note(format!("note: {missing}"));
    }
    let owners = Owners::new(&library, args.owner.clone());
    let owned: Vec<_> = library.videos.iter().map(|row| (row, owners.of(row))).collect();
    let owned_by: BTreeSet<_> = owned.iter().filter_map(|(_, owner)| owner.clone()).collect();
    let accounts = match args.dry_run {
        true => Vec::new(),
        false => Owners::make_accounts(&service.bucket, &owned_by, Timestamp::now()).await?,
    };
    let uploads = Uploads::open(&args.uploads)?;
    let import = Import { service: &service, settings, uploads, dry_run: args.dry_run, verify: args.verify };
    let mut report = Report { accounts, ..Report::default() };
    let mut seen = BTreeSet::new();
    let (rows, twice): (Vec<_>, Vec<_>) = owned.into_iter().partition(|(row, _)| seen.insert(row.short_id.clone()));
    for (row, _) in twice {
        report.add(args.json, row, Err(anyhow::anyhow!("another clip there has the same short id")));
    }
    let import = &import;
    let brought = stream::iter(rows).map(|(row, owner)| async move {
        let outcome = import.bring(row, owner.as_ref()).await;
        (row, outcome)
    });
    let mut brought = std::pin::pin!(brought.buffer_unordered(args.parallel.into()));
    while let Some((row, outcome)) = brought.next().await {
        report.add(args.json, row, outcome);
    }
    report.end(args, &library)
}

#[derive(Default)]
struct Report {
    imported: Vec<String>,
    already: Vec<String>,
    failed: Vec<(String, String)>,
    accounts: Vec<Username>,
}

impl Report {
    fn add(&mut self, json: bool, row: &Row, outcome: Result<Outcome>) {
        let id = &row.short_id;
        let line = match outcome {
            Ok(Outcome::Imported(shape)) => {
                self.imported.push(id.clone());
                format!("imported {id} {:?}: {shape}", row.title)
            }
            Ok(Outcome::Would(shape)) => {
                self.imported.push(id.clone());
                format!("would import {id} {:?}: {shape}", row.title)
            }
            Ok(Outcome::Already(why)) => {
                self.already.push(id.clone());
                format!("unchanged {id} {:?}: {why}", row.title)
            }
            Err(error) => {
                let reason = output::sentence(&error);
                self.failed.push((id.clone(), reason.clone()));
                format!("failed {id} {:?}: {reason}", row.title)
            }
        };
        if !json {
            output::line(line);
        }
    }

    fn end(self, args: &ImportArgs, library: &Library) -> Result<()> {
        let Self { imported, already, failed, accounts } = self;
        let verb = if args.dry_run { "would be imported" } else { "imported" };
        if args.json {
            let failed: Vec<_> = failed.iter().map(|(id, why)| json!({"short_id": id, "reason": why})).collect();
            output::json(&json!({
                "dry_run": args.dry_run, "imported": imported, "unchanged": already, "failed": failed,
                "accounts": accounts, "missing": library.missing, "video_output_format": library.output_format,
            }));
        } else {
            for account in &accounts {
                output::line(format!(
                    "made the account {account}: disabled until an administrator enables it and gives it a password link"
                ));
            }
            if let Some(format) = &library.output_format {
                output::line(format!("its video_output_format was {format}; the settings here stay as they are"));
            }
            let counts = [imported.len(), already.len(), failed.len()];
            output::line(format!("{} {verb}, {} unchanged, {} failed", counts[0], counts[1], counts[2]));
        }
        if !failed.is_empty() {
            let ids: Vec<_> = failed.iter().map(|(id, _)| id.as_str()).collect();
            bail!("{} of {} clips did not come: {}", failed.len(), library.videos.len(), ids.join(", "));
        }
        Ok(())
    }
}
