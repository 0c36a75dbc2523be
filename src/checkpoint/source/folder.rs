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
    model_file: Option<String>,
}

impl FolderSource {
    /// A folder, or a `.gguf` file in one.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let is_gguf = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
        match path.file_name().and_then(|name| name.to_str()).filter(|_| is_gguf && !path.is_dir()) {
            Some(name) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                FolderSource { folder: folder.to_path_buf(), model_file: Some(name.into()) }
            }
            None => FolderSource { folder: path.to_path_buf(), model_file: None },
        }
    }

    fn unreadable(&self, file: &str, error: &std::io::Error) -> CheckpointError {
        CheckpointError::Unreadable {
            file: file.into(),
            place: self.folder.display().to_string(),
            reason: error.to_string(),
        }
    }

    fn path(&self, file: &str) -> Result<PathBuf, CheckpointError> {
        if is_plain_name(file) {
            Ok(self.folder.join(file))
        } else {
            Err(CheckpointError::Unreadable {
                file: file.into(),
                place: self.folder.display().to_string(),
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
        match &self.model_file {
            Some(file) => self.folder.join(file).display().to_string(),
            None => self.folder.display().to_string(),
        }
    }

    fn model_file(&self) -> Option<String> {
        self.model_file.clone()
    }

    fn gguf_files(&self) -> Vec<(String, u64)> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<(String, u64)> = entries
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?)))
            .filter(|(name, metadata)| metadata.is_file() && name.to_ascii_lowercase().ends_with(".gguf"))
            .map(|(name, metadata)| (name, metadata.len()))
            .collect();
        files.sort_unstable();
        files
    }

    fn len<'a>(&'a self, file: &'a str) -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>> {
        Box::pin(std::future::ready(self.len_now(file)))
    }

    fn read<'a>(&'a self, file: &'a str, range: Range<u64>) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>> {
        Box::pin(std::future::ready(self.read_now(file, range)))
    }
}
