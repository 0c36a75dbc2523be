//! A folder on disk, for the native command and for tests.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{Source, is_plain_name};
use crate::checkpoint::CheckpointError;
use crate::progress::LocalBoxFuture;

/// Reads the files of one folder, and nothing outside it: names with a path in them are refused.
#[derive(Clone, Debug)]
pub struct FolderSource {
    folder: PathBuf,
}

impl FolderSource {
    pub fn new(folder: impl AsRef<Path>) -> Self {
        FolderSource { folder: folder.as_ref().to_path_buf() }
    }

    fn unreadable(&self, file: &str, error: &std::io::Error) -> CheckpointError {
        CheckpointError::Unreadable { file: file.into(), place: self.name(), reason: error.to_string() }
    }

    fn path(&self, file: &str) -> Result<PathBuf, CheckpointError> {
        if is_plain_name(file) {
            Ok(self.folder.join(file))
        } else {
            Err(CheckpointError::Unreadable {
                file: file.into(),
                place: self.name(),
                reason: "it is no plain file name".into(),
            })
        }
    }

    fn len_now(&self, file: &str) -> Result<Option<u64>, CheckpointError> {
        match std::fs::metadata(self.path(file)?) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable(file, &error)),
        }
    }

    fn read_now(&self, file: &str, range: Range<u64>) -> Result<Vec<u8>, CheckpointError> {
        let short = |got_bytes: u64| CheckpointError::ShortRead {
            file: file.into(),
            offset: range.start,
            expected_bytes: range.end.saturating_sub(range.start),
            got_bytes,
        };
        let mut open = File::open(self.path(file)?).map_err(|error| self.unreadable(file, &error))?;
        // Asked before the buffer is made, so that a range beyond the file costs no memory.
        let bytes = open.metadata().map_err(|error| self.unreadable(file, &error))?.len();
        if range.end > bytes || range.end < range.start {
            return Err(short(bytes.saturating_sub(range.start)));
        }
        let count = usize::try_from(range.end - range.start).map_err(|_| short(0))?;
        open.seek(SeekFrom::Start(range.start)).map_err(|error| self.unreadable(file, &error))?;
        let mut part = Vec::with_capacity(count);
        open.take(count as u64).read_to_end(&mut part).map_err(|error| self.unreadable(file, &error))?;
        if part.len() == count { Ok(part) } else { Err(short(part.len() as u64)) }
    }
}

impl Source for FolderSource {
    fn name(&self) -> String {
        self.folder.display().to_string()
    }

    fn len<'a>(&'a self, file: &'a str) -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>> {
        Box::pin(std::future::ready(self.len_now(file)))
    }

    fn read<'a>(&'a self, file: &'a str, range: Range<u64>) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>> {
        Box::pin(std::future::ready(self.read_now(file, range)))
    }
}
