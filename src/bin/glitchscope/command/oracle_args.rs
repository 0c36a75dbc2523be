//! Which oracles, and how they ask.

use clap::{Args, ValueEnum};
use glitchscope::report::{PromptForm, ScanOptions, TaskName};
use glitchscope::session::Session;

use super::failure::Failure;

#[derive(Clone, Copy, ValueEnum)]
pub enum TaskArg {
    Repetition,
    Spelling,
    Length,
}

impl From<TaskArg> for TaskName {
    fn from(task: TaskArg) -> Self {
        match task {
            TaskArg::Repetition => TaskName::Repetition,
            TaskArg::Spelling => TaskName::Spelling,
            TaskArg::Length => TaskName::Length,
        }
    }
}

#[derive(Args)]
pub struct OracleArgs {
    /// Oracles by id, separated by commas; the first one leads, the others are asked about the same tokens
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub oracle: Vec<String>,
    /// Put questions as plain text or through the model's chat template (auto: the template when there is one)
    #[arg(long, value_enum, default_value_t = FormArg::Auto)]
    pub form: FormArg,
    /// Answers that repetition-sampled draws of each token
    #[arg(long, default_value_t = 10)]
    pub attempts: u32,
    /// Of repetition-sampled (0.7: glitcher's)
    #[arg(long, default_value_t = 0.7)]
    pub temperature: f64,
    /// Of repetition-sampled (0.9: glitcher's)
    #[arg(long, default_value_t = 0.9)]
    pub top_p: f64,
    /// Scan a model that fails ordinary words all the same; whatever comes of it says so
    #[arg(long)]
    pub despite_controls: bool,
}

impl OracleArgs {
    pub fn options(&self) -> ScanOptions {
        ScanOptions {
            oracles: self.oracle.clone(),
            form: match self.form {
                FormArg::Auto => PromptForm::Auto,
                FormArg::Plain => PromptForm::Plain,
                FormArg::Chat => PromptForm::Chat,
            },
            attempts: self.attempts,
            temperature: self.temperature,
            top_p: self.top_p,
            despite_controls: self.despite_controls,
            ..ScanOptions::default()
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum FormArg {
    Auto,
    Plain,
    Chat,
}

pub fn resolution(text: &str, session: &Session) -> Result<f64, Failure> {
    match text {
        "scaled" => Ok(glitchscope::glitch::scaled_resolution(session.info.model.embedding_rows as usize)),
        number => number
            .parse()
            .map_err(|_| Failure::Usage(format!("--resolution is {number:?}, expected a number or `scaled`"))),
    }
}
