//! What happens without anybody asking: the sweep, and what AWS tells of jobs.
//!
//! A sweep finds what a kill, a deletion or a new publication left behind. It is planned from a
//! fresh look at the bucket and each of its steps can be done twice, so two sweeps at once and a
//! sweep that was killed do no harm. Events are dealt with in the same spirit: any may come twice,
//! late or never.
//!
//! | Module | What it does |
//! |---|---|
//! | [`look`], [`note`], [`plan`], `action`, `sweep` | the sweep: what is seen, since when it has been so, what follows, done |
//! | `step`, `due`, `tend`, `walk` | the same in bounded parts: what is due, then a walk that goes on where it ended |
//! | `removal` | one deleted video, at once |
//! | [`buried`] | when the edge may forget it |
//! | `whole` | whether a stream may stand for its original |
//! | [`event`], `handler` | what AWS tells, read and dealt with |
//! | `dispatcher`, [`dispatch`] | jobs given to a backend, followed, and begun again |
//! | [`backend`] | the port to the services that run jobs |
//! | `outputs` | our playlists over what MediaConvert wrote |
//! | `aws` (feature `aws`) | AWS Batch, MediaConvert and CloudFront by their SDKs, which `clipset serve` does without |

mod action;
#[cfg(feature = "aws")]
pub mod aws;
pub mod backend;
pub mod buried;
pub mod dispatch;
mod dispatcher;
mod due;
mod ended;
pub mod event;
mod handler;
mod look;
pub mod note;
mod outputs;
mod plan;
mod removal;
mod step;
mod sweep;
mod tend;
mod walk;
mod whole;

pub use action::{Action, Held, Rule};
pub use dispatcher::{Dispatcher, PATIENCE};
pub use due::work_due;
pub use handler::{Edge, EventError, Events};
pub use look::look;
pub use plan::{Plan, Snapshot, plan};
pub use removal::{Removal, remove_deleted};
pub use step::{Bounds, step, step_at};
pub use sweep::{Swept, sweep, sweep_at};
pub use walk::Walk;
