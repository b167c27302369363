//! Random faults over a running system under load: nothing that was acknowledged is lost, and what was hit says so.
//!
//! Ten faults with a fixed seed run with the suite; `./local/test faults` runs a hundred with a new seed, which is printed.
//! `CLIPSET_FAULTS` and `CLIPSET_FAULT_SEED` choose both.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod damage;
mod fault;
mod judge;
mod ledger;
mod load;

use std::{env, str::FromStr, sync::Arc, time::Duration};

use clipset_tests::{
    namespace::{Own, in_a_namespace},
    stack::Stack,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use self::{fault::Fault, ledger::Ledger};

const FAULTS: usize = 10;
const SEED: u64 = 20_261_127;

/// More than a runner asks for before it begins; memory is taken only while the disk is filled.
const DISK_MEGABYTES: u32 = 1500;

#[test]
fn nothing_acknowledged_is_lost_whatever_fails() {
    if in_a_namespace("nothing_acknowledged_is_lost_whatever_fails", Own::Mounts) {
        tokio::runtime::Runtime::new().unwrap().block_on(run());
    }
}

async fn run() {
    let (faults, seed) = (chosen("CLIPSET_FAULTS", FAULTS), chosen("CLIPSET_FAULT_SEED", SEED));
    println!("{faults} faults, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);

    let stack = Stack::start_on_disk_of(DISK_MEGABYTES).await;
    let ledger = Arc::new(Ledger::default());
    let (stop, stopped) = watch::channel(false);
    let load = load::prepared(&stack, ledger.clone(), stopped).await;

    let mut done = Vec::new();
    let strikes = async {
        while done.len() < faults {
            tokio::time::sleep(Duration::from_millis(random.random_range(500..2500))).await;
            ledger.note_objects(&stack).await;
            let fault = Fault::any(&mut random, &done);
            if fault.strike(&stack, &ledger, &mut random).await {
                println!("{:3}: {fault}", done.len() + 1);
                done.push(fault);
            }
        }
        stop.send_replace(true);
    };
    tokio::join!(load(), strikes);
    judge::judge(&stack, &ledger, &done).await;
}

fn chosen<T: FromStr>(name: &str, standard: T) -> T {
    env::var(name).ok().map_or(standard, |text| text.parse().ok().unwrap_or_else(|| panic!("{name} is no number")))
}
