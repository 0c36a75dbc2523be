//! Glitchscope finds out where a language model breaks.
//!
//! The pipeline, which is also the list of folders:
//!
//! ```text
//! checkpoint → tokenizer → engine → scan / lab → report → view
//! ```
//!
//! `compute`, `graph` and `stats` are mathematics: arrays in, arrays out. `checkpoint`, `tokenizer`, `engine`,
//! `glitch`, `labs` and `report` are the pipeline. `wasm` alone knows JavaScript, `compute::gpu` alone knows the GPU.

#[cfg(feature = "bench")]
pub mod bench;
pub mod checkpoint;
pub mod corpus;
pub mod engine;
pub mod error;
pub mod glitch;
pub mod labs;
pub mod progress;
pub mod repair;
pub mod report;
pub mod session;
pub mod tokenizer;
#[cfg(all(target_arch = "wasm32", any(feature = "gpu", not(feature = "database"))))]
pub mod wasm;
// A surface of its own: the file with SQLite has no model in it, and is built without the other. Lints see both at once.
#[cfg(all(target_arch = "wasm32", feature = "database"))]
#[path = "wasm/database.rs"]
pub mod wasm_database;

pub use error::{Error, Result};
pub use glitchscope_math::{compute, graph, rng, stats};

/// The version that reports carry in their provenance.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
