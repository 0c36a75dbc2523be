//! What ends a command early.

use glitchscope::error::Error;

/// What ends a command early.
pub enum Failure {
    Core(Error),
    Io {
        what: String,
        error: std::io::Error,
    },
    Usage(String),
    /// The reader of standard output went away, as `| head` does.
    Pipe,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Core(error) => {
                write!(f, "error: {error}")?;
                match error.hint() {
                    Some(hint) => write!(f, "\nhint: {hint}"),
                    None => Ok(()),
                }
            }
            Failure::Io { what, error } => write!(f, "error: {what}: {error}"),
            Failure::Usage(message) => write!(f, "error: {message}"),
            Failure::Pipe => Ok(()),
        }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Core(error.into())
    }
}
