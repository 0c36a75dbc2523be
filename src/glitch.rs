//! The glitch scan: oracles, GlitchHunter, the exhaustive scan.

pub mod oracle;

pub use crate::report::Probe;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    #[error("option {option} is {got}, expected {expected}")]
    Option {
        option: &'static str,
        got: String,
        expected: String,
    },
}

impl ScanError {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
