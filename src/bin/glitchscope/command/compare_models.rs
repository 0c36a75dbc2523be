//! `glitchscope compare-models`

use std::path::PathBuf;

use clap::Args;
use glitchscope::report::{self, IndicatorTable, Method, Report, ScanOptions, Status};

use super::diff::{DiffOutput, finish};
use super::failure::Failure;
use super::model_args::{DeviceArg, ModelArgs, WeightsArg, open};
use super::oracle_args::OracleArgs;
use super::terminal::{Terminal, listen_for_ctrl_c, write};

#[derive(Args)]
#[command(after_help = "What --other, --other-weights and --other-device leave out is as in the first scan.")]
pub struct CompareModels {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    oracle: OracleArgs,
    /// The other model: a folder or a .gguf file
    #[arg(long, value_name = "DIR")]
    other: Option<PathBuf>,
    /// Round the other model's weights
    #[arg(long, value_enum)]
    other_weights: Option<WeightsArg>,
    /// Where the other model computes
    #[arg(long, value_enum)]
    other_device: Option<DeviceArg>,
    /// Prompts of a batch; 0 lets the device decide
    #[arg(long, default_value_t = 0)]
    batch_size: u32,
    /// Also write the first scan's report as JSON to this file
    #[arg(long, value_name = "FILE")]
    report_a: Option<PathBuf>,
    /// Also write the second scan's report as JSON to this file
    #[arg(long, value_name = "FILE")]
    report_b: Option<PathBuf>,
    #[command(flatten)]
    output: DiffOutput,
}

pub fn compare_models(args: &CompareModels) -> Result<i32, Failure> {
    if args.other.is_none() && args.other_weights.is_none() && args.other_device.is_none() {
        return Err(Failure::Usage(
            "nothing to compare: give --other DIR, --other-weights or --other-device for the second scan".into(),
        ));
    }
    listen_for_ctrl_c();
    let second = ModelArgs {
        model: args.other.clone().unwrap_or_else(|| args.model.model.clone()),
        weights: args.other_weights.unwrap_or(args.model.weights),
        device: args.other_device.unwrap_or(args.model.device),
        json: args.model.json,
    };
    // One after the other, so that the two models are never in memory together.
    let (a, indicators_a) = scan(&args.model, args)?;
    let (b, indicators_b) = scan(&second, args)?;
    for (path, report) in [(&args.report_a, &a), (&args.report_b, &b)] {
        if let Some(path) = path {
            write(path, &report.to_json()?)?;
        }
    }
    let diff = report::diff(&a, &b).with_indicators(&indicators_a, &indicators_b);
    finish(&diff, &args.output, args.model.json)
}

fn scan(model: &ModelArgs, args: &CompareModels) -> Result<(Report, IndicatorTable), Failure> {
    let mut monitor = Terminal::new();
    let mut session = open(model, &mut monitor)?;
    let options = ScanOptions {
        method: Method::Exhaustive,
        batch_size: args.batch_size,
        with_graph: false,
        ..args.oracle.options()
    };
    let mut report = pollster::block_on(session.scan(&options, None, &mut monitor))?;
    report.timings = monitor.finish();
    match report.status {
        Status::Complete => Ok((report, pollster::block_on(session.indicators(&mut monitor))?)),
        _ => Err(Failure::Usage(format!(
            "the scan of {} did not come to its end: {}{}",
            model.model.display(),
            report.summary.join(" "),
            if report.status == Status::NotTestable { " --despite-controls scans it all the same." } else { "" }
        ))),
    }
}
