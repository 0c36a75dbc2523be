//! The mathematics of Glitchscope: arrays in, arrays out. Nothing here knows a file, a vocabulary or a model family.
//!
//! A crate of its own for the sake of its compiler settings: the kernels are worth every minute of optimising, and relaxed
//! SIMD, while the pipeline around them runs once a file or once a token. `glitchscope` shows these modules as its own.

pub mod compute;
pub mod graph;
pub mod rng;
pub mod stats;
