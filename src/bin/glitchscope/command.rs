//! The subcommands, one file each.

mod attention;
mod attention_lens;
mod chat;
mod compare;
mod compare_models;
mod diff;
mod export;
mod failure;
mod generate;
mod holobench;
mod info;
mod logits;
mod loss;
mod merge;
mod model_args;
mod oracle_args;
mod oracles;
mod prevalence;
mod repair;
mod scan;
mod state_file;
mod terminal;
mod tokens;
mod train;

use clap::{Parser, Subcommand};
use failure::Failure;

/// Finds out where a language model breaks.
#[derive(Parser)]
#[command(version, about, after_help = "Every command takes the built-in model when --model is left out.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find the tokens a model cannot repeat
    Scan(scan::Scan),
    /// Every way of finding glitch tokens against an exhaustive scan, over several seeds
    Compare(compare::Compare),
    /// Scan two models, or one in two precisions, and say what changed
    CompareModels(compare_models::CompareModels),
    /// Join the parts of a scan that machines have shared
    Merge(merge::Merge),
    /// A saved report as CSV, Markdown, HTML or a list of strings
    Export(export::Export),
    /// What changed between two saved reports
    Diff(diff::Diff),
    /// The oracles there are, with the bytes of their questions
    Oracles(oracles::Oracles),
    /// How often a report's glitch tokens occur in files of text
    Prevalence(prevalence::PrevalenceArgs),
    /// Make glitch tokens unreachable, or give them other rows, and show what that does
    #[command(subcommand)]
    Repair(repair::Repair),
    /// Logits of every position of a sequence of token ids
    Logits(logits::Logits),
    /// Continue a sequence of token ids greedily
    Generate(generate::Generate),
    /// Loss of rows of token ids, and its gradient
    Loss(loss::Loss),
    /// What each token of a sequence attends to, in every layer and head
    Attention(attention::Attention),
    /// How much attention marked words get, in one model or compared between up to three
    AttentionLens(attention_lens::AttentionLens),
    /// Questions over a database whose rows stand in the context as sentences
    #[command(subcommand)]
    Holobench(holobench::Holobench),
    /// Train a model on rows of token ids
    Train(train::Train),
    /// Split a text into tokens
    Tokens(tokens::Tokens),
    /// What a model folder holds
    Info(info::Info),
}

pub fn main() -> i32 {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Without a desktop, Mesa's device-selection layer writes "error: XDG_RUNTIME_DIR …" to standard error for
        // every adapter, which reads like a failure of this program. There is nothing for it to select.
        // SAFETY: no other thread exists yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Scan(args) => scan::scan(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::CompareModels(args) => compare_models::compare_models(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Export(args) => export::export(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Oracles(args) => oracles::oracles(&args),
        Command::Prevalence(args) => prevalence::prevalence_of(&args),
        Command::Repair(args) => repair::repair(&args),
        Command::Logits(args) => logits::logits(&args),
        Command::Generate(args) => generate::generate(&args),
        Command::Loss(args) => loss::loss(&args),
        Command::Attention(args) => attention::attention(&args),
        Command::AttentionLens(args) => attention_lens::attention_lens(&args),
        Command::Holobench(command) => holobench::holobench(&command),
        Command::Train(args) => train::train(&args),
        Command::Tokens(args) => tokens::tokens(&args),
        Command::Info(args) => info::info(&args),
    };
    match result {
        Ok(code) => code,
        Err(Failure::Pipe) => 0,
        Err(failure) => {
            eprintln!("{failure}");
            1
        }
    }
}
