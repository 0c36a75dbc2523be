//! What a command prints, and how it hears of a cancel.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use glitchscope::progress::{Event, Monitor};
use glitchscope::report::Timing;

use super::failure::Failure;
use super::state_file::StateFile;

/// Characters of a model's answer that stand beside its progress.
const SAID_SHOWN: usize = 40;

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Token text is data from strangers: nothing of it may steer the terminal.
pub fn visible(text: &str, max: usize) -> String {
    let mut shown: String = text
        .chars()
        .map(|character| match character {
            ' ' => '␣',
            '\n' => '⏎',
            '\t' => '⇥',
            '\0'..='\x1f' => char::from_u32(0x2400 + character as u32).unwrap_or('�'),
            '\x7f' => '␡',
            character if character.is_control() || is_bidirectional(character) => '�',
            character => character,
        })
        .collect();
    if shown.chars().count() > max {
        shown = shown.chars().take(max - 1).chain(['…']).collect();
    }
    shown
}

fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Io { what: format!("cannot read {}", path.display()), error })
}

pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    write_bytes(path, text.as_bytes())
}

pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| Failure::Io { what: format!("cannot write {}", path.display()), error })
}

pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let result =
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(end.as_bytes())).and_then(|()| stdout.flush());
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::Pipe,
        _ => Failure::Io { what: "cannot write to standard output".into(), error },
    })
}

/// The first Ctrl-C asks the scan to stop at its next pause; the second ends the process.
pub fn listen_for_ctrl_c() {
    let result = ctrlc::set_handler(|| {
        if CANCELLED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\nstopping; what was found is kept (Ctrl-C again to stop at once)");
    });
    if let Err(error) = result {
        eprintln!("note: Ctrl-C will not keep results: {error}");
    }
}

/// Progress on standard error: one line that rewrites itself on a terminal, one line a stage otherwise.
pub struct Terminal {
    live: bool,
    stage: Option<(String, Instant)>,
    shown: Instant,
    timings: Vec<Timing>,
    /// What a model has said so far in this stage.
    said: String,
    /// Where the scan's state is kept, if it is.
    pub state: Option<StateFile>,
}

impl Terminal {
    pub fn new() -> Self {
        let (live, shown) = (std::io::stderr().is_terminal(), Instant::now());
        Terminal { live, stage: None, shown, timings: Vec::new(), said: String::new(), state: None }
    }

    fn end_stage(&mut self) {
        if let Some((stage, since)) = self.stage.take() {
            self.timings.push(Timing { stage, seconds: since.elapsed().as_secs_f64() });
            if self.live {
                eprint!("\r\x1b[K");
            }
        }
    }

    /// Ends the last stage and gives the times of all.
    pub fn finish(&mut self) -> Vec<Timing> {
        self.end_stage();
        if let Some(state) = &mut self.state {
            state.flush();
        }
        std::mem::take(&mut self.timings)
    }
}

impl Monitor for Terminal {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Stage { stage, detail } => {
                self.end_stage();
                self.said.clear();
                self.stage = Some((stage.to_owned(), Instant::now()));
                eprintln!("{stage}: {detail}");
            }
            Event::Advance { done, total, unit } => {
                if !self.live || self.shown.elapsed().as_millis() < 100 && done < total {
                    return;
                }
                self.shown = Instant::now();
                let seconds = self.stage.as_ref().map_or(0.0, |(_, since)| since.elapsed().as_secs_f64());
                let rate = done as f64 / seconds.max(1e-3);
                let left = total.saturating_sub(done) as f64 / rate.max(1e-9);
                // The end of it, so that the line is not broken.
                let shown = self.said.char_indices().rev().nth(SAID_SHOWN - 1).map_or(0, |(at, _)| at);
                let said = visible(&self.said[shown..], SAID_SHOWN);
                eprint!("\r\x1b[K  {done} of {total} {unit}, {rate:.0} a second, {left:.0} s left  {said}");
            }
            Event::Text { text } => self.said += &text,
            Event::State { line } => {
                if let Some(state) = &mut self.state {
                    state.push(&line);
                }
            }
            Event::Note { text } => eprintln!("note: {text}"),
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        CANCELLED.load(Ordering::SeqCst)
    }
}
