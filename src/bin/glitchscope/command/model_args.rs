//! Which model, in which precision, on which device.

use std::path::PathBuf;
use std::rc::Rc;

use clap::{Args, ValueEnum};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::DevicePreference;
use glitchscope::compute::quant::Quantised;
use glitchscope::session::{OpenOptions, Session};

use super::failure::Failure;
use super::terminal::Terminal;

#[derive(Args)]
pub struct ModelArgs {
    /// Folder with config.json, model.safetensors and tokenizer.json, or a .gguf file
    #[arg(long, value_name = "DIR", default_value = "www/public/specimen")]
    pub model: PathBuf,
    /// Round the weights while they are loaded, so that a large model fits
    #[arg(long, value_enum, default_value_t = WeightsArg::Stored)]
    pub weights: WeightsArg,
    /// Where to compute; auto takes the GPU when there is one and says which it took
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    pub device: DeviceArg,
    /// One JSON value on standard output and nothing else
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum DeviceArg {
    Auto,
    Cpu,
    Gpu,
    /// The GPU, with the operands of large products rounded to f16
    GpuF16,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum WeightsArg {
    /// As the file has them
    Stored,
    /// 16 bits (F16)
    F16,
    /// 8 bits and a scale for 32 weights (Q8_0)
    Int8,
    /// 4 bits and a scale for 32 weights (Q4_0)
    Int4,
}

impl From<WeightsArg> for Option<Quantised> {
    fn from(weights: WeightsArg) -> Self {
        match weights {
            WeightsArg::Stored => None,
            WeightsArg::F16 => Some(Quantised::F16),
            WeightsArg::Int8 => Some(Quantised::Int8),
            WeightsArg::Int4 => Some(Quantised::Int4),
        }
    }
}

impl From<DeviceArg> for DevicePreference {
    fn from(device: DeviceArg) -> Self {
        match device {
            DeviceArg::Auto => DevicePreference::Auto,
            DeviceArg::Cpu => DevicePreference::Cpu,
            DeviceArg::Gpu => DevicePreference::Gpu,
            DeviceArg::GpuF16 => DevicePreference::GpuF16,
        }
    }
}

pub fn open(args: &ModelArgs, monitor: &mut Terminal) -> Result<Session, Failure> {
    let source = Rc::new(FolderSource::new(&args.model));
    let options = OpenOptions { device: args.device.into(), weights: args.weights.into() };
    Ok(pollster::block_on(Session::open_with(source, options, monitor))?)
}
