//! The transcoder: claims jobs from the bucket, and turns uploads into HLS with FFmpeg.
//!
//! What can be copied is copied and published within seconds; the rest is encoded, all sizes from
//! one decode. The modules, from the decision to the deed:
//!
//! | Module | What it does |
//! |---|---|
//! | [`probe`], [`packets`], [`cuts`] | asks ffprobe what a file is, what it holds, and where its key frames are |
//! | [`plan`] | decides from that and the settings: copy, encode or refuse, with reasons in words |
//! | [`arguments`] | turns the plan into FFmpeg's argument lists |
//! | [`ffmpeg`] | runs it: without network, within limits, with progress and last words |
//! | [`segments`], [`mpegts`] | checks each segment by its bytes and uploads it while FFmpeg goes on |
//! | [`ladder`] | writes playlists from what was measured |
//! | [`source`], [`scratch`] | the upload on the local disk |
//! | [`held`], [`failure`] | the lease with its heartbeat; what a failure means |
//! | [`work`] | one job from its claim to its end |
//! | `phases`, `make`, `publish` | what each kind of job does: the run of FFmpeg, the write that publishes |
//! | [`extras`], [`storyboard`] | what follows a publication: poster, MP4, sprites with their index |
//! | [`watch`], [`encoders`], [`config`] | the runner around it |

pub mod arguments;
pub mod config;
pub mod cuts;
pub mod encoders;
pub mod extras;
pub mod failure;
pub mod ffmpeg;
pub mod held;
pub mod ladder;
mod make;
mod messages;
pub mod mpegts;
pub mod packets;
mod phases;
pub mod plan;
pub mod probe;
mod publish;
pub mod scratch;
pub mod segments;
pub mod source;
pub mod storyboard;
pub mod watch;
pub mod work;
