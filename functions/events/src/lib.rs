//! What happens without anybody asking: the sweep.
//!
//! A sweep finds what a kill, a deletion or a new publication left behind. It is planned from a
//! fresh look at the bucket and each of its steps can be done twice, so two sweeps at once and a
//! sweep that was killed do no harm.

mod ended;
mod plan;
mod sweep;

pub use plan::{Action, plan};
pub use sweep::{Swept, sweep};
