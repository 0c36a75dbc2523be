//! `glitchscope attention-lens`

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use glitchscope::labs::attention::comparison::{AttentionComparison, ConceptDifference, MODELS_MAX};
use glitchscope::labs::attention::npy::write_npy;
use glitchscope::labs::attention::request::{AttentionRequest, Exclusion, Preset};
use glitchscope::labs::attention::result::{AttentionResult, AttentionWarning, TextResult};
use glitchscope::labs::attention::statistics::{Statistics, StatisticsOptions};
use glitchscope::labs::attention::{compare, example, measure, parse_marks, read_csv, write_csv};

use super::failure::Failure;
use super::model_args::{DeviceArg, ModelArgs, WeightsArg, open};
use super::terminal::{Terminal, listen_for_ctrl_c, print, read, visible, write, write_bytes};

/// The built-in pair: the specimen, and the same model continued on legal-style text.
const BUILT_IN: [&str; 2] = ["www/public/specimen", "www/public/specimen-legal"];

/// Heads that are named at the end.
const RECURRENT_SHOWN: usize = 5;

#[derive(Args)]
#[command(after_help = "Without --model the built-in pair is compared; without a text, on the built-in sentences. \
                        A difference is the later model's share minus the earlier one's.")]
pub struct AttentionLens {
    /// Folder or .gguf file; up to three times: base, continued, instruct
    #[arg(long, value_name = "DIR")]
    model: Vec<PathBuf>,
    /// Text with its concepts marked, [[words]] or [[name|words]]; may be given several times
    #[arg(long)]
    text: Vec<String>,
    /// The same from a file; may be given several times
    #[arg(long, value_name = "FILE")]
    text_file: Vec<PathBuf>,
    /// A whole request as JSON, as the page saves it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "text_file", "exclude"])]
    request: Option<PathBuf>,
    /// Tokens left out as keys: paper-12, paper-11, bos-only, none, or vocabulary entries, one each time
    #[arg(long, value_name = "PRESET|ENTRY", default_value = "paper-12")]
    exclude: Vec<String>,
    /// Statistics of a table of shares, such as the study's own, instead of models
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "text", "text_file", "request"])]
    import: Option<PathBuf>,
    /// Bins of the histogram of differences
    #[arg(long, default_value_t = 11)]
    bins: u32,
    /// Resamples of the bootstrap over layers
    #[arg(long, default_value_t = 2000)]
    resamples: u32,
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Also write shares and differences of all heads as CSV to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also write a .npy file of shares for each concept and model to this folder
    #[arg(long, value_name = "DIR")]
    npy: Option<PathBuf>,
    /// Round the weights while they are loaded
    #[arg(long, value_enum, default_value_t = WeightsArg::Stored)]
    weights: WeightsArg,
    /// Where to compute; auto takes the GPU when there is one and says which it took
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    device: DeviceArg,
    /// Results and comparison as one JSON value on standard output and nothing else
    #[arg(long)]
    json: bool,
}

pub fn attention_lens(args: &AttentionLens) -> Result<i32, Failure> {
    let options = StatisticsOptions {
        bins: args.bins,
        resamples: args.resamples,
        seed: args.seed,
        ..StatisticsOptions::default()
    };
    options.check()?;
    let (results, comparison) = match &args.import {
        Some(file) => (Vec::new(), read_csv(&file.display().to_string(), &read(file)?, &options)?),
        None => {
            let results = measure_all(args)?;
            let comparison = compare(&results, &options)?;
            (results, comparison)
        }
    };
    if let Some(file) = &args.csv {
        write(file, &write_csv(&comparison)?)?;
    }
    if let Some(folder) = &args.npy {
        write_arrays(&comparison, folder)?;
    }
    if args.json {
        let value = serde_json::json!({ "results": results, "comparison": comparison });
        print(&value.to_string())?;
    } else {
        print(&shown(&results, &comparison))?;
    }
    Ok(0)
}

fn measure_all(args: &AttentionLens) -> Result<Vec<AttentionResult>, Failure> {
    let request = request(args)?;
    let built_in = BUILT_IN.map(PathBuf::from);
    let models = if args.model.is_empty() { &built_in[..] } else { &args.model };
    if models.len() > MODELS_MAX {
        return Err(Failure::Usage(format!(
            "--model was given {} times; {MODELS_MAX} are compared at most",
            models.len()
        )));
    }
    listen_for_ctrl_c();
    let mut results = Vec::new();
    // One after the other, so that the models are never in memory together.
    for model in models {
        let model = ModelArgs { model: model.clone(), weights: args.weights, device: args.device, json: args.json };
        let mut monitor = Terminal::new();
        let mut session = open(&model, &mut monitor)?;
        results.push(pollster::block_on(measure(&mut session, &request, &mut monitor))?);
        monitor.finish();
    }
    Ok(results)
}

fn request(args: &AttentionLens) -> Result<AttentionRequest, Failure> {
    if let Some(file) = &args.request {
        return serde_json::from_slice(&read(file)?)
            .map_err(|error| Failure::Usage(format!("{} is not a request: {error}", file.display())));
    }
    let mut marked: Vec<(String, String)> = Vec::new();
    for text in &args.text {
        marked.push((format!("text {}", marked.len() + 1), text.clone()));
    }
    for file in &args.text_file {
        let name = file.file_stem().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let text =
            String::from_utf8(read(file)?).map_err(|_| Failure::Usage(format!("{} is not UTF-8", file.display())))?;
        marked.push((name, text.trim().to_owned()));
    }
    if marked.is_empty() {
        return Ok(AttentionRequest { exclusion: exclusion(&args.exclude), ..example() });
    }
    let texts = marked.iter().map(|(name, text)| parse_marks(name, text)).collect::<Result<Vec<_>, _>>()?;
    Ok(AttentionRequest { texts, exclusion: exclusion(&args.exclude) })
}

/// One preset, or a list of entries.
fn exclusion(given: &[String]) -> Exclusion {
    let preset =
        |name: &String| serde_json::from_value::<Preset>(name.as_str().into()).ok().filter(|p| *p != Preset::Custom);
    match given {
        [name] if preset(name).is_some() => Exclusion { preset: preset(name).unwrap_or_default(), pieces: Vec::new() },
        pieces => Exclusion { preset: Preset::Custom, pieces: pieces.to_vec() },
    }
}

fn write_arrays(comparison: &AttentionComparison, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Io { what: format!("cannot make {}", folder.display()), error })?;
    for (c, concept) in comparison.concepts.iter().enumerate() {
        for (m, model) in comparison.models.iter().enumerate() {
            let name = format!("{}-{}-{}.npy", c + 1, file_name(&concept.name), file_name(&model.name));
            write_bytes(&folder.join(name), &write_npy(comparison, c, m)?)?;
        }
    }
    Ok(())
}

fn file_name(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

fn shown(results: &[AttentionResult], comparison: &AttentionComparison) -> String {
    let mut out = String::new();
    for result in results {
        // OK because writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{}: {} ({})", result.model.name, result.device.name, result.device.precision);
        for text in &result.texts {
            for warning in &text.warnings {
                let _ = writeln!(out, "  {}: {}", visible(&text.tokens.name, 40), said(warning, text));
            }
        }
    }
    for note in &comparison.notes {
        let _ = writeln!(out, "note: {note}");
    }
    let results_of = |concept: usize| {
        results.iter().map(move |result| result.texts.iter().flat_map(|text| &text.concepts).nth(concept))
    };
    for (c, concept) in comparison.concepts.iter().enumerate() {
        let _ = writeln!(out, "\n{}", visible(&concept.name, 80));
        let mut found = results_of(c);
        for (model, statistics) in comparison.models.iter().zip(&concept.statistics) {
            let name = visible(&model.name, 24);
            let _ = write!(out, "  share  {name:<24} {}", of_statistics(statistics.as_ref()));
            if let Some(Some(found)) = found.next() {
                let number = |value: Option<f64>| value.map_or("undefined".into(), |value| format!("{value:.3}"));
                let _ = write!(out, ", uniform {}, lift {}", number(found.uniform), number(found.lift));
            }
            out.push('\n');
        }
        for pair in &comparison.pairs {
            let name = |model: u32| visible(&comparison.models[model as usize].name, 24);
            let difference = &pair.concepts[c];
            let _ = writeln!(out, "  {} minus {}: {}", name(pair.new), name(pair.old), of_difference(difference));
        }
    }
    for pair in comparison.pairs.iter().filter(|pair| !pair.recurrent.is_empty()) {
        let name = |model: u32| visible(&comparison.models[model as usize].name, 24);
        let heads: Vec<String> = pair
            .recurrent
            .iter()
            .take(RECURRENT_SHOWN)
            .map(|head| {
                format!(
                    "L{} H{} {:.4} ({} of {} with one sign)",
                    head.layer, head.head, head.mean_size, head.agreeing, head.concepts
                )
            })
            .collect();
        let _ = writeln!(
            out,
            "\nheads that differ most, {} minus {}: {}",
            name(pair.new),
            name(pair.old),
            heads.join(", ")
        );
    }
    out
}

fn of_statistics(statistics: Option<&Statistics>) -> String {
    statistics.map_or("no head has a share".into(), |found| {
        format!("mean {:.4}, median {:.4}, {} heads", found.mean, found.median, found.n)
    })
}

fn of_difference(difference: &ConceptDifference) -> String {
    let Some(found) = &difference.statistics else {
        return difference.mean.map_or("no share to compare".into(), |mean| format!("mean {mean:+.4}"));
    };
    let number = |value: Option<f64>| value.map_or("undefined".into(), |value| format!("{value:.3}"));
    let interval = found.interval.as_ref().map_or(String::new(), |interval| {
        format!(" ({:.0} % over layers: {:+.4} to {:+.4})", 100.0 * interval.level, interval.low, interval.high)
    });
    format!(
        "mean {:+.4}{interval}, median {:+.4}, {:.0} % of heads below 0, skewness {}, kurtosis {}, entropy {}",
        found.mean,
        found.median,
        100.0 * found.negative,
        number(found.skewness),
        number(found.kurtosis),
        number(found.entropy)
    )
}

fn said(warning: &AttentionWarning, text: &TextResult) -> String {
    let pieces = |tokens: &[u32]| -> String {
        let each: Vec<String> = tokens.iter().map(|&i| visible(&text.tokens.tokens[i as usize].piece, 24)).collect();
        each.join(" ")
    };
    match warning {
        AttentionWarning::NotAligned { concept, tokens } => {
            format!("{} does not consist of whole tokens: {} reach beyond it", visible(concept, 40), pieces(tokens))
        }
        AttentionWarning::ConceptExcluded { concept, tokens, all } => format!(
            "{} of {} are left out and count as 0{}",
            pieces(tokens),
            visible(concept, 40),
            if *all { "; nothing of it is left" } else { "" }
        ),
        AttentionWarning::NoBeginning { piece } => {
            format!("the tokenizer puts no beginning of text first; {} is left out in its place", visible(piece, 24))
        }
        AttentionWarning::LittleKept { heads, below_1_percent, below_5_percent } => format!(
            "{below_5_percent} of {heads} heads keep less than 5 % of their attention, {below_1_percent} less than 1 %: \
             their shares stand on little"
        ),
        AttentionWarning::Undefined { heads, undefined } => {
            format!("{undefined} of {heads} heads attend to excluded tokens alone and have no share")
        }
        AttentionWarning::Windowed { layers } => {
            let layers: Vec<String> = layers.iter().map(u32::to_string).collect();
            format!("layers {} look back less far than the text is long", layers.join(", "))
        }
    }
}
