//! What the tests of the whole system share.

pub mod client;
pub mod disk;
pub mod lambda;
pub mod library;
pub mod measure;
pub mod media;
pub mod memory;
pub mod namespace;
pub mod nginx;
pub mod process;
pub mod stack;
pub mod stores;
pub mod toll;
pub mod wait;
pub mod world;
