//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use clipset_core::{
    account::Role,
    id::{ShortId, Username},
};

use crate::{listen::Listen, target::Target};

/// Private video clip sharing.
#[derive(Debug, Parser)]
#[command(name = "clipset", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `clipset` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve every function of the HTTP API in one process
    Serve(ServeArgs),
    /// Upload files; goes on where it was if it was stopped
    Upload(UploadArgs),
    /// Show where a clip is on its way
    Status(StatusArgs),
    /// Check a published stream against the rules of HLS
    Check(CheckArgs),
    /// Make an access token, signed with SECRET_KEY
    Token(TokenArgs),
    /// Show a secret that is derived from SECRET_KEY
    Secret(SecretArgs),
    /// Manage accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Rebuild the listing from the videos' documents
    Reindex,
    /// Move older clips to HLS, if the settings want it; tries failed ones again
    Migrate(MigrateArgs),
    /// Remove what nothing leads to any more
    Sweep(SweepArgs),
    /// Look at this machine and the system on it; say what is wrong and what to do
    Doctor(DoctorArgs),
    /// Find records that are damaged; mend what can be mended, and set the rest aside
    Repair(RepairArgs),
    /// Bring the clips of a Clipset installation before this one; run again, it goes on
    Import(ImportArgs),
    /// Give clips back as plain files; run again, it goes on
    Export(ExportArgs),
    /// Copy all that is kept into a folder; again into the same one, only what is new
    Backup(FolderArgs),
    /// Put a backup back into an empty library; run again, it goes on
    Restore(FolderArgs),
    /// Print a completion script for a shell
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Start everything on this machine: what ./local/up runs
    #[command(hide = true)]
    Up(UpArgs),
    /// Verify the embedded bucket, or serve it
    Bucket(BucketArgs),
    /// Make BUCKET on another store, and let the edge read from it
    #[command(hide = true)]
    BucketSetup,
    /// Whether the bucket, or a server at URL, answers: for containers
    #[command(hide = true)]
    Healthy {
        /// Such as http://127.0.0.1:8000/healthz
        url: Option<reqwest::Url>,
    },
}

/// `clipset doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0: nothing is bad; there may be warnings. 1: something will fail.")]
pub struct DoctorArgs {
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// `clipset repair`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: nothing is damaged, or all was mended. 1: an administrator has to look at something."
)]
pub struct RepairArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// `clipset serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen: ADDRESS:PORT or unix:/path
    #[arg(long, default_value = "127.0.0.1:8081")]
    pub listen: Listen,
}

/// Where the server is.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// The server's address; without it the one that ./local/up started
    #[arg(long, env = "CLIPSET_SERVER", value_name = "URL")]
    pub server: Option<String>,
}

/// `clipset upload`.
#[derive(Debug, Args)]
#[command(
    after_help = "Signs in with CLIPSET_TOKEN, or with CLIPSET_USERNAME and CLIPSET_PASSWORD, or, on the machine \
    that ./local/up runs on, with the key in its data folder (CLIPSET_DATA)."
)]
pub struct UploadArgs {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The clip's title; without it the file's name
    #[arg(long)]
    pub title: Option<String>,
    /// Wait until the clip can be watched
    #[arg(long)]
    pub wait: bool,
    /// One JSON document per file
    #[arg(long)]
    pub json: bool,
    /// Where the server is
    #[command(flatten)]
    pub server: ServerArgs,
}

/// `clipset status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The clip's id: the end of its watch address
    pub short_id: ShortId,
    /// Follow it until it ended
    #[arg(long)]
    pub wait: bool,
    /// The video as the API tells it
    #[arg(long)]
    pub json: bool,
    /// Where the server is
    #[command(flatten)]
    pub server: ServerArgs,
}

/// `clipset check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The clip's id, or a folder with the stream as it stands in the bucket
    #[arg(value_name = "SHORT_ID|DIRECTORY")]
    pub target: Target,
    /// The verdicts as JSON
    #[arg(long)]
    pub json: bool,
}

/// `clipset token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Whose
    #[arg(long)]
    pub user: Username,
    /// What they may do
    #[arg(long, default_value = "user")]
    pub role: RoleArg,
    /// Seconds that it lives
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub ttl: u64,
}

/// `clipset secret`.
#[derive(Debug, Args)]
pub struct SecretArgs {
    /// Which
    pub which: SecretKind,
}

/// A secret that others need to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SecretKind {
    /// HLS_SIGNING_SECRET, for nginx or the edge
    Hls,
}

/// `clipset user`.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account; the password is read from standard input, or made and printed once
    Add(UserAddArgs),
}

/// `clipset user add`.
#[derive(Debug, Args)]
pub struct UserAddArgs {
    /// The name to sign in with
    pub name: Username,
    /// What they may do
    #[arg(long, default_value = "user")]
    pub role: RoleArg,
}

/// `clipset migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Wait for the end; exit code 1 if a clip failed
    #[arg(long)]
    pub wait: bool,
}

/// `clipset sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Only list what would be removed and what is held back, and why
    #[arg(long)]
    pub dry_run: bool,
    /// Remove orphans even if they are more than 1 % of all there is
    #[arg(long)]
    pub force: bool,
    /// What was removed, or would be and what is held back, as JSON
    #[arg(long)]
    pub json: bool,
}

/// `clipset import`.
#[derive(Debug, Args)]
#[command(after_help = "Stop the other installation first. Only its files are read; nothing is written to them.")]
pub struct ImportArgs {
    /// Its upload folder, such as /data/uploads
    #[arg(long, value_name = "DIR")]
    pub uploads: PathBuf,
    /// Its database
    #[arg(long, value_name = "FILE")]
    pub database: PathBuf,
    /// Whose the clips are that have no owner there
    #[arg(long, value_name = "NAME")]
    pub owner: Option<Username>,
    /// Show what would happen and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also read again what came before, and compare its checksums
    #[arg(long)]
    pub verify: bool,
    /// Clips on their way at once
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub parallel: u8,
    /// The report as JSON
    #[arg(long)]
    pub json: bool,
}

/// `clipset export`.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true, group = clap::ArgGroup::new("which").required(true))]
pub struct ExportArgs {
    /// The clip
    #[arg(group = "which")]
    pub short_id: Option<ShortId>,
    /// Every clip
    #[arg(long, group = "which")]
    pub all: bool,
    /// The folder that they are written to
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// `clipset backup` and `clipset restore`.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The folder that holds the backup
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// `clipset up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// The public port
    #[arg(long, env = "CLIPSET_PORT", default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// The address that the public port is bound to
    #[arg(long, env = "CLIPSET_BIND", default_value = "127.0.0.1")]
    pub bind: std::net::IpAddr,
    /// Everything that is kept
    #[arg(long, env = "CLIPSET_DATA")]
    pub data: Option<PathBuf>,
    /// The built pages
    #[arg(long, env = "PAGES_DIR")]
    pub pages: Option<PathBuf>,
    /// nginx's templates; without it those of the repository that this program was built in
    #[arg(long)]
    pub nginx_dir: Option<PathBuf>,
    /// Make no demo clip at the first start
    #[arg(long)]
    pub no_demo: bool,
}

/// `clipset bucket`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BucketArgs {
    /// Without one, it is served
    #[command(subcommand)]
    pub command: Option<BucketCommand>,
    /// How it is served
    #[command(flatten)]
    pub serve: Option<BucketServeArgs>,
}

/// What else can be done with the embedded bucket.
#[derive(Debug, Subcommand)]
pub enum BucketCommand {
    /// Read every stored object and list all damage; also while it is being served
    Verify(BucketVerifyArgs),
}

/// `clipset bucket verify`.
#[derive(Debug, Args)]
pub struct BucketVerifyArgs {
    /// The folder that holds the objects; without it the one of ./local/up (CLIPSET_DATA)
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// What was found, as JSON
    #[arg(long)]
    pub json: bool,
}

/// The embedded bucket as a process.
#[derive(Debug, Args)]
pub struct BucketServeArgs {
    /// The folder that holds the objects
    #[arg(long)]
    pub root: PathBuf,
    /// The bucket's name
    #[arg(long)]
    pub bucket: String,
    /// Where to listen; port 0 lets the system choose
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
    /// Gets the address once it listens; if one stands in it, a restarted bucket takes it again
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
    /// MiB of the disk that only small documents may use, at most an eighth of it; without it CLIPSET_BUCKET_RESERVE, else 64
    #[arg(long, value_name = "MIB")]
    pub reserve: Option<u32>,
}

/// [`Role`] as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Everything
    Admin,
    /// Upload, watch, and change what is theirs
    User,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Admin => Self::Admin,
            RoleArg::User => Self::User,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_bucket_is_served_or_verified() {
        let parse = |line: &str| match Cli::try_parse_from(line.split(' ')).expect(line).command {
            Command::Bucket(args) => args,
            _ => panic!("{line}"),
        };
        let served = parse("clipset bucket --root data --bucket clips");
        assert!(served.command.is_none() && served.serve.is_some_and(|serve| serve.reserve.is_none()));
        let verified = parse("clipset bucket verify --root data --json");
        assert!(verified.serve.is_none());
        assert!(
            matches!(verified.command, Some(BucketCommand::Verify(verify)) if verify.json && verify.root.is_some())
        );
    }

    #[test]
    fn what_is_wrong_is_refused_before_anything_happens() {
        for line in [
            "clipset upload",
            "clipset status nope",
            "clipset check no/such/folder",
            "clipset token --user ada --ttl 0",
            "clipset token --user ../ada",
            "clipset token --user ada --role king",
            "clipset serve --listen nowhere",
            "clipset secret",
            "clipset bucket",
            "clipset bucket --root data",
            "clipset import --uploads here",
            "clipset export folder",
            "clipset export aB3dE6gH9j --all folder",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
