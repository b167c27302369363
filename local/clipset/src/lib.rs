//! The `clipset` command: the server in one process, the client, and the supervisor of a whole system on one machine.
//!
//! | Module | What it does |
//! |---|---|
//! | [`args`] | the command line |
//! | [`serve`] | every function of the HTTP API in one process |
//! | [`up`] | bucket, API, transcode runner and nginx, started in order and kept alive |
//! | [`client`], [`upload`], [`watch`] | the client of the HTTP API |
//! | [`manage`] | what works on the bucket itself: accounts, listing, migration, sweep |
//! | [`doctor`] | looks at the machine and the system, and says what to do |
//! | [`repair`] | finds damaged documents, mends them or sets them aside |
//! | [`check`] | holds a published stream against the rules of HLS |
//! | [`import`], [`export`] | clips from an older installation; clips as plain files |
//! | [`backup`], [`containers`] | all that is kept, copied and put back; what containers need |
//! | [`data`] | the data folder of `./local/up` |

pub mod args;
pub mod backup;
pub mod bars;
pub mod bucket;
pub mod check;
pub mod checksum;
pub mod client;
pub mod containers;
pub mod data;
pub mod disk;
pub mod doctor;
pub mod export;
pub mod import;
pub mod listen;
pub mod manage;
pub mod output;
pub mod repair;
pub mod serve;
pub mod target;
pub mod token;
pub mod up;
pub mod upload;
pub mod watch;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::args::{Cli, Command};

/// Does what the command line says.
///
/// # Errors
/// Why it could not be done, in one sentence.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Serve(args) => serve::serve(&args).await,
        Command::Bucket(args) => bucket::bucket(&args).await,
        Command::Up(args) => up::up(&args).await,
        Command::Upload(args) => upload::command::run(&args).await,
        Command::Status(args) => watch::status(&args).await,
        Command::Check(args) => check::check(&args).await,
        Command::Token(args) => manage::token(&args),
        Command::Secret(args) => manage::secret(&args),
        Command::User(command) => manage::user(&command).await,
        Command::Reindex => manage::reindex().await,
        Command::Migrate(args) => manage::migrate(&args).await,
        Command::Sweep(args) => manage::sweep(&args).await,
        Command::Doctor(args) => doctor::doctor(&args).await,
        Command::Repair(args) => repair::repair(&args).await,
        Command::Import(args) => import::import(&args).await,
        Command::Export(args) => export::export(&args).await,
        Command::Backup(args) => backup::backup(&args).await,
        Command::Restore(args) => backup::restore(&args).await,
        Command::BucketSetup => containers::bucket_setup().await,
        Command::Healthy { url } => containers::healthy(url).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "clipset", &mut std::io::stdout());
            Ok(())
        }
    }
}
