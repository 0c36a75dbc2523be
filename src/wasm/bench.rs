//! What `make bench` calls in a browser: the product's own paths, without a model's files or a tokenizer around them.

use std::rc::Rc;

use half::bf16;
use wasm_bindgen::prelude::*;

use super::source::{JsSource, PageSource};
use super::{failure, to_js};
use crate::bench::counting::Counting;
use crate::bench::graph::GraphStages;
use crate::bench::{LensPasses, Probes};
use crate::compute::ops::attention::Attention;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::quant::{Quantised, quantise};
use crate::compute::{ComputeError, DType, Device, DevicePreference, Op, Recording, Tensor};
use crate::report::NeighbourChoice;
use crate::rng::Rng;

fn preference(device: &str) -> DevicePreference {
    if device == "gpu" { DevicePreference::Gpu } else { DevicePreference::Cpu }
}

fn thrown(error: ComputeError) -> JsValue {
    failure(error.into())
}

/// One projection of random numbers, ready to be repeated.
#[wasm_bindgen]
pub struct Product {
    device: Device,
    recording: Recording,
    out: Tensor,
}

#[wasm_bindgen]
impl Product {
    /// (m,k) times a weight of n outputs: `layout` is `in_out` or `out_in`, `dtype` `f32`, `f16`, `bf16`,
    /// `int8` or `int4`, `device` `cpu` or `gpu`.
    pub async fn create(
        m: usize,
        n: usize,
        k: usize,
        layout: String,
        dtype: String,
        device: String,
    ) -> Result<Product, JsValue> {
        let mut device = Device::request(preference(&device)).await.map_err(thrown)?;
        let mut rng = Rng::new(1);
        let mut random = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.uniform() - 0.5).collect() };
        let x = Tensor::new("x", &[m, k], DType::F32);
        device.write_f32(&x, &random(m * k)).map_err(thrown)?;
        let weight = random(n * k);
        let (dtype, bytes) = match dtype.as_str() {
            "bf16" => (DType::BF16, weight.iter().flat_map(|w| bf16::from_f32(*w).to_le_bytes()).collect()),
            name => match Quantised::named(name) {
                Some(quantised) => {
                    let mut blocks = Vec::new();
                    quantise(quantised, &weight, &mut blocks);
                    (quantised.dtype(), blocks)
                }
                None => (DType::F32, bytemuck::pod_collect_to_vec::<f32, u8>(&weight)),
            },
        };
        let (layout, shape) = match layout.as_str() {
            "in_out" => (WeightLayout::InOut, [k, n]),
            _ => (WeightLayout::OutIn, [n, k]),
        };
        let weight = Tensor::new("weight", &shape, dtype);
        device.write(&weight, 0, &bytes).map_err(thrown)?;
        let out = Tensor::new("out", &[m, n], DType::F32);
        let mut recording = Recording::new();
        let op = MatMul { layout, column_offset: 0, accumulate: false };
        recording.push(Op::MatMul(op), &[&x, &weight], &[&out]).map_err(thrown)?;
        Ok(Product { device, recording, out })
    }

    /// As often as that; gives the first element, so that the work is finished when the answer comes.
    pub async fn run(&mut self, times: usize) -> Result<f32, JsValue> {
        for _ in 0..times {
            self.device.run(&self.recording).await.map_err(thrown)?;
        }
        Ok(self.device.read_f32(&self.out).await.map_err(thrown)?[0])
    }
}

/// Attention of random rows behind a shared prefix, ready to be repeated.
#[wasm_bindgen]
pub struct AttentionRows {
    device: Device,
    recording: Recording,
    out: Tensor,
}

#[wasm_bindgen]
impl AttentionRows {
    /// `rows` of `tokens` new tokens each, behind `prefix` tokens that all share, causal.
    pub async fn create(
        rows: usize,
        heads: usize,
        tokens: usize,
        head_size: usize,
        prefix: usize,
        device: String,
    ) -> Result<AttentionRows, JsValue> {
        let mut device = Device::request(preference(&device)).await.map_err(thrown)?;
        let mut rng = Rng::new(1);
        let channels = heads * head_size;
        let mut random = |label: &str, shape: &[usize]| {
            let tensor = Tensor::new(label, shape, DType::F32);
            let values: Vec<f32> = (0..tensor.elements()).map(|_| rng.uniform() - 0.5).collect();
            device.write_f32(&tensor, &values).map(|()| tensor).map_err(thrown)
        };
        let qkv = random("qkv", &[rows * tokens, 3 * channels])?;
        let (k_own, v_own) = (random("k", &[rows, tokens, channels])?, random("v", &[rows, tokens, channels])?);
        let k_prefix = random("k of the prefix", &[1, prefix, channels])?;
        let v_prefix = random("v of the prefix", &[1, prefix, channels])?;
        let slots = Tensor::new("slots", &[rows], DType::U32);
        device.write_u32(&slots, &(0..rows as u32).collect::<Vec<_>>()).map_err(thrown)?;
        let op = Attention { prefix_tokens: prefix, ..Attention::causal(heads, heads, head_size, tokens, 0) };
        let out = Tensor::new("out", &[rows * tokens, channels], DType::F32);
        let mut recording = Recording::new();
        recording
            .push(Op::Attention(op), &[&qkv, &slots, &k_own, &v_own, &k_prefix, &v_prefix], &[&out])
            .map_err(thrown)?;
        Ok(AttentionRows { device, recording, out })
    }

    /// As often as that; gives the first element, so that the work is finished when the answer comes.
    pub async fn run(&mut self, times: usize) -> Result<f32, JsValue> {
        for _ in 0..times {
            self.device.run(&self.recording).await.map_err(thrown)?;
        }
        Ok(self.device.read_f32(&self.out).await.map_err(thrown)?[0])
    }
}

/// Repetition probes of a model; see `crate::bench`.
#[wasm_bindgen]
pub struct ModelProbes {
    probes: Probes,
}

#[wasm_bindgen]
impl ModelProbes {
    pub async fn open(source: JsSource, device: String, batch: usize) -> Result<ModelProbes, JsValue> {
        let source = Rc::new(PageSource::new(source));
        let probes = Probes::open(source, preference(&device), batch).await.map_err(failure)?;
        Ok(ModelProbes { probes })
    }

    pub fn batch(&self) -> usize {
        self.probes.batch()
    }

    pub fn device(&self) -> String {
        self.probes.device()
    }

    pub async fn first(&mut self) -> Result<f32, JsValue> {
        self.probes.first().await.map_err(failure)
    }

    pub async fn rest(&mut self) -> Result<(), JsValue> {
        self.probes.rest().await.map_err(failure)
    }
}

/// A prefill and the concept lens's pass over the same tokens; see `crate::bench::LensPasses`.
#[wasm_bindgen]
pub struct ModelPasses {
    passes: LensPasses,
}

#[wasm_bindgen]
impl ModelPasses {
    pub async fn create(layers: usize, device: String) -> Result<ModelPasses, JsValue> {
        Ok(ModelPasses { passes: LensPasses::create(preference(&device), layers).await.map_err(failure)? })
    }

    pub fn device(&self) -> String {
        self.passes.device()
    }

    pub async fn prefill(&mut self) -> Result<f32, JsValue> {
        self.passes.prefill().await.map_err(failure)
    }

    pub async fn sums(&mut self) -> Result<(), JsValue> {
        self.passes.sums().await.map_err(failure)
    }
}

/// The stages of a map; see `crate::bench::graph`.
#[wasm_bindgen]
pub struct MapStages {
    stages: GraphStages,
}

#[wasm_bindgen]
impl MapStages {
    /// `dtype` is `f32` or `f16`.
    pub async fn create(rows: usize, columns: usize, dtype: String, device: String) -> Result<MapStages, JsValue> {
        let dtype = if dtype == "f16" { DType::F16 } else { DType::F32 };
        Ok(MapStages { stages: GraphStages::create(preference(&device), rows, columns, dtype).await.map_err(failure)? })
    }

    pub fn fill(&mut self, seed: u32) -> Result<(), JsValue> {
        self.stages.fill(seed.into()).map_err(failure)
    }

    pub fn write(&mut self, start: usize, bytes: &[u8]) -> Result<(), JsValue> {
        self.stages.write(start, bytes).map_err(failure)
    }

    pub async fn components(&mut self) -> Result<f64, JsValue> {
        self.stages.components().await.map_err(failure)
    }

    /// `exact`, `approximate` or `auto`.
    pub async fn neighbours(&mut self, choice: String) -> Result<JsValue, JsValue> {
        let choice = match choice.as_str() {
            "exact" => NeighbourChoice::Exact,
            "approximate" => NeighbourChoice::Approximate,
            _ => NeighbourChoice::Auto,
        };
        to_js(&self.stages.neighbours(choice).await.map_err(failure)?)
    }

    pub fn weights(&mut self) -> Result<usize, JsValue> {
        self.stages.weights().map_err(failure)
    }

    /// Another graph in place of the own; gives its entries.
    pub fn read_graph(&mut self, bytes: &[u8]) -> Result<usize, JsValue> {
        self.stages.read_graph(bytes).map_err(failure)
    }

    pub fn set_resolution(&mut self, resolution: f64) {
        self.stages.set_resolution(resolution);
    }

    /// Quality, communities and passes; 0 passes are as many as a scan makes.
    pub async fn communities(&mut self, passes: u32) -> Result<Vec<f64>, JsValue> {
        let found = self.stages.communities(passes).await.map_err(failure)?;
        Ok(vec![found.quality, f64::from(found.n_clusters), found.passes as f64])
    }

    pub fn quality(&self, membership: &[u32]) -> Result<f64, JsValue> {
        self.stages.quality(membership).map_err(failure)
    }

    pub async fn layout(&mut self) -> Result<f32, JsValue> {
        self.stages.layout().await.map_err(failure)
    }
}

/// Counting glitch tokens in a file of texts; see `crate::bench::counting`.
#[wasm_bindgen]
pub struct TokenCounting {
    counting: Counting,
}

#[wasm_bindgen]
impl TokenCounting {
    /// `report` is any report; its vocabulary becomes the tokenizer's.
    pub fn create(tokenizer: &[u8], report: &str) -> Result<TokenCounting, JsValue> {
        Ok(TokenCounting { counting: Counting::new(tokenizer, report).map_err(failure)? })
    }

    /// Tokens, and glitch tokens among them.
    pub async fn run(&self, source: JsSource, file: String) -> Result<Vec<f64>, JsValue> {
        let all = self.counting.run(Rc::new(PageSource::new(source)), &file).await.map_err(failure)?;
        Ok(vec![all.tokens as f64, all.glitch_tokens as f64])
    }
}
