//! Where files come from: a folder, picked files, a URL. Files are read by ranges and never whole.

use std::ops::Range;

use super::CheckpointError;
use crate::progress::LocalBoxFuture;

/// A folder of files that can be read in parts.
pub trait Source {
    /// How the user named it: a path, a URL, `specimen`.
    fn name(&self) -> String;

    /// Length of a file in bytes; `None` when there is no such file.
    fn len<'a>(&'a self, file: &'a str)
    -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>>;

    /// The bytes of a range. Fewer bytes than asked for is an error of the source, not of the caller.
    fn read<'a>(
        &'a self,
        file: &'a str,
        range: Range<u64>,
    ) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>>;
}
