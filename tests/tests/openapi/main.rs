//! The description of the API: fresh, complete, and kept by the server.
#![allow(clippy::unwrap_used, missing_docs)]

mod fresh;
mod kept;
