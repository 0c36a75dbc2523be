//! The file in which a scan's state is kept.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use glitchscope::glitch::ScanState;

use super::failure::Failure;
use super::terminal::read;

/// What a killed process loses at most, besides the batch it was at.
const BETWEEN_WRITES: Duration = Duration::from_secs(2);

/// A journal: lines are added at its end, and a line that was cut off by the end of the process is cut off again by the
/// next one. It comes into being whole, by a rename.
pub struct StateFile {
    path: PathBuf,
    file: Option<File>,
    waiting: String,
    written: Instant,
    has_failed: bool,
}

impl StateFile {
    /// The file, and the state in it when it is there.
    pub fn open(path: &Path) -> Result<(StateFile, Option<ScanState>), Failure> {
        let mut state = StateFile {
            path: path.to_owned(),
            file: None,
            waiting: String::new(),
            written: Instant::now(),
            has_failed: false,
        };
        if !path.exists() {
            return Ok((state, None));
        }
        let bytes = read(path)?;
        let kept = ScanState::read(&bytes)?;
        let failure = |error| Failure::Io { what: format!("cannot write {}", path.display()), error };
        let file = OpenOptions::new().append(true).open(path).map_err(failure)?;
        let torn = bytes.len() - kept.whole_bytes;
        eprintln!("resuming from {}: {} answers are known", path.display(), kept.answered);
        if torn > 0 {
            file.set_len(kept.whole_bytes as u64).map_err(failure)?;
            eprintln!(
                "note: the last {torn} bytes of {} were not whole; what they held is asked again",
                path.display()
            );
        }
        state.file = Some(file);
        Ok((state, Some(kept)))
    }

    /// Takes a line, and writes every few seconds.
    pub fn push(&mut self, line: &str) {
        self.waiting += line;
        if self.file.is_none() || self.written.elapsed() >= BETWEEN_WRITES {
            self.flush();
        }
    }

    /// Writes what waits. A disk that is full does not end a scan; it is said once.
    pub fn flush(&mut self) {
        if self.waiting.is_empty() || self.has_failed {
            return;
        }
        if let Err(error) = self.write() {
            eprintln!(
                "note: the state cannot be written to {} any more: {error}; the scan goes on",
                self.path.display()
            );
            self.has_failed = true;
        }
        self.waiting.clear();
        self.written = Instant::now();
    }

    fn write(&mut self) -> std::io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(self.waiting.as_bytes())?;
            return file.sync_data();
        }
        let mut part = self.path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut file = File::create(&part)?;
        file.write_all(self.waiting.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, &self.path)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        Ok(())
    }

    /// The scan came to its end: there is nothing to resume.
    pub fn remove(self) {
        drop(self.file);
        if let Err(error) = std::fs::remove_file(&self.path) {
            eprintln!("note: {} is of no use any more and cannot be removed: {error}", self.path.display());
        }
    }
}
