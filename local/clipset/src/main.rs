//! The `clipset` command.

use std::process::ExitCode;

use clap::Parser as _;
use clipset::{args::Cli, output, run};

fn main() -> ExitCode {
    clipset_child::enter_if_asked();
    // Bad usage ends here with exit code 2.
    let cli = Cli::parse();
    // Two are enough for what waits on the network and the disk, and keep memory small.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(cli)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::failure(&error);
            ExitCode::FAILURE
        }
    }
}
