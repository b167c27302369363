//! The transcoder with the real FFmpeg, on sources made on the fly, and with the embedded bucket.
#![allow(clippy::unwrap_used)]

mod colours;
mod damage;
mod jobs;
mod made;
mod media;
mod plans;
mod refusals;
mod sound;
mod sparse;
mod step;
mod system;
mod turns;
mod world;
