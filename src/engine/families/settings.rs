//! Reading settings the way several families spell them.

use crate::checkpoint::Config;
use crate::compute::ops::gelu::Approximation;
use crate::compute::ops::matmul::WeightLayout;
use crate::compute::ops::rope::Pairing;
use crate::engine::EngineError;
use crate::engine::architecture::{
    Architecture, Biases, LayerForm, Mlp, Norm, NormPlace, Positions, QueryKeyNorm, Residual, Rotary,
};
use crate::error::Result;

/// Hyperparameters that nearly every family has, under the names most of them use.
pub struct Shape {
    pub n_channels: usize,
    pub n_layers: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_size: usize,
    pub n_inner: usize,
    pub n_vocabulary: usize,
    pub context: usize,
}

/// What families leave out of the file because their code has it.
pub struct Defaults {
    pub n_kv_heads: Option<usize>,
    pub head_size: Option<usize>,
    pub context: usize,
}

impl Shape {
    /// `hidden_size`, `num_hidden_layers` and so on.
    pub fn read(config: &Config, defaults: &Defaults) -> Result<Shape> {
        Shape::with_inner(config, defaults, config.usize("intermediate_size")?)
    }

    /// The same where the width of the MLP has another name.
    pub fn with_inner(config: &Config, defaults: &Defaults, n_inner: usize) -> Result<Shape> {
        let n_channels = config.usize("hidden_size")?;
        let n_heads = config.usize("num_attention_heads")?;
        let head_size = match or_default(config, "head_dim", defaults.head_size)? {
            Some(head_size) => head_size,
            None => divide("hidden_size", n_channels, "num_attention_heads", n_heads)?,
        };
        Ok(Shape {
            n_channels,
            n_layers: config.usize("num_hidden_layers")?,
            n_heads,
            n_kv_heads: or_default(config, "num_key_value_heads", defaults.n_kv_heads)?.unwrap_or(n_heads),
            head_size,
            n_inner,
            n_vocabulary: config.usize("vocab_size")?,
            context: config.usize_or("max_position_embeddings", defaults.context)?,
        })
    }

    /// The plainest decoder of this shape: pre-norm, rotary positions in halves, a gated MLP, no biases. Families change
    /// what is different with them.
    pub fn decoder(&self, family: &'static str, norm: Norm, mlp: Mlp, rotary: Rotary) -> Result<Architecture> {
        limit("number of layers", self.n_layers, LAYERS_MAX)?;
        let layer = LayerForm {
            n_heads: self.n_heads,
            n_kv_heads: self.n_kv_heads,
            n_inner: self.n_inner,
            window: None,
            rotary: Some(0),
            attention_scale: 1.0 / (self.head_size as f32).sqrt(),
        };
        Ok(Architecture {
            family,
            n_channels: self.n_channels,
            n_embedding: self.n_channels,
            head_size: self.head_size,
            layers: vec![layer; self.n_layers],
            n_vocabulary: self.n_vocabulary,
            context: self.context,
            embedding_scale: 1.0,
            norm,
            norm_place: NormPlace::Before,
            residual: Residual::Sequential,
            query_key_norm: None,
            final_norm: true,
            positions: Positions::Rotary { pairing: Pairing::Half },
            rotary: vec![rotary],
            mlp,
            biases: Biases::default(),
            attention_softcap: None,
            logit_softcap: None,
            layout: WeightLayout::OutIn,
            tied: false,
        })
    }

    /// The same with learned positions.
    pub fn learned(&self, family: &'static str, norm: Norm, mlp: Mlp, offset: usize) -> Result<Architecture> {
        let no_rotary = Rotary { inv_freq: Vec::new(), long: None, magnitude: 1.0 };
        let mut architecture = self.decoder(family, norm, mlp, no_rotary)?;
        architecture.rotary.clear();
        architecture.positions = Positions::Learned { offset };
        for layer in &mut architecture.layers {
            layer.rotary = None;
        }
        Ok(architecture)
    }
}

/// A number that null turns off and absence leaves at the default.
pub fn or_default(config: &Config, key: &str, default: Option<usize>) -> Result<Option<usize>> {
    Ok(if config.is_null(key) { None } else { config.opt_usize(key)?.or(default) })
}

/// The same for fractions.
pub fn f32_or_default(config: &Config, key: &str, default: Option<f64>) -> Result<Option<f32>> {
    let number = if config.is_null(key) { None } else { config.opt_f64(key)?.or(default) };
    Ok(number.map(|number| number as f32))
}

pub fn rms(config: &Config, default: f64) -> Result<Norm> {
    Ok(Norm::Rms { eps: config.f64_or("rms_norm_eps", default)? as f32, weight_offset: 0.0 })
}

/// The activation of an MLP without a gate.
pub fn plain_mlp(family: &'static str, config: &Config, key: &str, default: &str) -> Result<Mlp> {
    match config.str_or(key, default)? {
        "gelu" => Ok(Mlp::Gelu(Approximation::Exact)),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Mlp::Gelu(Approximation::Tanh)),
        "relu" => Ok(Mlp::Relu),
        other => Err(unsupported(family, key, other, "gelu, gelu_new, gelu_fast, gelu_pytorch_tanh or relu")),
    }
}

/// The activation of a gate.
pub fn gated_mlp(family: &'static str, config: &Config, key: &str, default: &str) -> Result<Mlp> {
    match config.str_or(key, default)? {
        "silu" | "swish" => Ok(Mlp::SwiGlu),
        "gelu" => Ok(Mlp::GeGlu(Approximation::Exact)),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Mlp::GeGlu(Approximation::Tanh)),
        other => Err(unsupported(family, key, other, "silu, gelu, gelu_new or gelu_pytorch_tanh")),
    }
}

/// Which layers attend through the window: `layer_types`, or the rule by which the family's code makes the list.
pub fn sliding_layers(
    family: &'static str,
    config: &Config,
    n_layers: usize,
    rule: impl Fn(usize) -> bool,
) -> Result<Vec<bool>> {
    if !config.has("layer_types") {
        limit("number of layers", n_layers, LAYERS_MAX)?;
        return Ok((0..n_layers).map(rule).collect());
    }
    let types = config.strings("layer_types")?;
    if types.len() != n_layers {
        let what = format!("layer_types has {} entries for {n_layers} layers", types.len());
        return Err(EngineError::Inconsistent { what }.into());
    }
    let sliding = types.iter().map(|kind| match *kind {
        "sliding_attention" => Ok(true),
        "full_attention" => Ok(false),
        other => Err(unsupported(family, "layer_types", other, "sliding_attention and full_attention")),
    });
    sliding.collect()
}

/// Gives the window to the layers that attend through one.
pub fn set_windows(architecture: &mut Architecture, sliding: &[bool], window: Option<usize>) -> Result<()> {
    for (layer, _) in architecture.layers.iter_mut().zip(sliding).filter(|(_, sliding)| **sliding) {
        if window.is_none() {
            let what = "layer_types has sliding_attention, but no sliding_window is set".into();
            return Err(EngineError::Inconsistent { what }.into());
        }
        layer.window = window;
    }
    Ok(())
}

/// A setting that is read only to be sure that it is what the code does.
pub fn only(family: &'static str, config: &Config, setting: &str, supported: bool) -> Result<()> {
    let got = config.bool_or(setting, supported)?;
    if got == supported { Ok(()) } else { Err(unsupported(family, setting, &got.to_string(), &supported.to_string())) }
}

pub fn unsupported(family: &'static str, setting: &str, got: &str, supported: &str) -> crate::Error {
    EngineError::UnsupportedSetting { family, setting: setting.into(), got: got.into(), supported: supported.into() }
        .into()
}

pub fn divide(what: &str, dividend: usize, by: &str, divisor: usize) -> Result<usize> {
    if divisor == 0 || !dividend.is_multiple_of(divisor) {
        return Err(EngineError::Inconsistent {
            what: format!("{what} = {dividend} is not a multiple of {by} = {divisor}"),
        }
        .into());
    }
    Ok(dividend / divisor)
}

pub const LAYERS_MAX: usize = 1 << 10;
pub const HEAD_SIZE_MAX: usize = 1 << 10;

pub fn limit(what: &str, value: usize, max: usize) -> Result<()> {
    if value == 0 || value > max {
        let what = format!("{what} is {value}, expected 1 to {max}");
        return Err(EngineError::Inconsistent { what }.into());
    }
    Ok(())
}

/// Numbers that later code divides by or allocates from, and what `forward` takes for granted.
pub fn check(architecture: &Architecture) -> Result<()> {
    let a = architecture;
    let inconsistent = |what: String| Err(EngineError::Inconsistent { what }.into());
    for (what, value, max) in [
        ("number of layers", a.n_layers(), LAYERS_MAX),
        ("head size", a.head_size, HEAD_SIZE_MAX),
        ("hidden size", a.n_channels, 1 << 17),
        ("width of the embedding", a.n_embedding, 1 << 17),
        ("vocabulary", a.n_vocabulary, 1 << 22),
        ("context", a.context, 1 << 26),
    ] {
        limit(what, value, max)?;
    }
    for layer in &a.layers {
        limit("number of heads", layer.n_heads, 1 << 12)?;
        limit("number of key/value heads", layer.n_kv_heads, 1 << 12)?;
        limit("inner size", layer.n_inner, 1 << 20)?;
        limit("window", layer.window.unwrap_or(1), usize::MAX)?;
        divide("number of heads", layer.n_heads, "number of key/value heads", layer.n_kv_heads)?;
        let scale = layer.attention_scale;
        if !(scale.is_finite() && scale > 0.0) {
            return inconsistent(format!("attention scores are scaled by {scale}"));
        }
        if layer.rotary.is_some_and(|rotary| rotary >= a.rotary.len()) {
            return inconsistent(format!("a layer turns by frequencies {:?} of {}", layer.rotary, a.rotary.len()));
        }
    }
    for rotary in &a.rotary {
        let pairs = rotary.inv_freq.len();
        let of_long = rotary.long.as_ref().map_or(pairs, |(_, long)| long.len());
        if pairs == 0 || 2 * pairs > a.head_size || of_long != pairs {
            return inconsistent(format!("{pairs} and {of_long} rotary frequencies for heads of {}", a.head_size));
        }
        let mut numbers = rotary.inv_freq.iter().chain(rotary.long.iter().flat_map(|(_, long)| long));
        if !numbers.all(|number| number.is_finite()) || !rotary.magnitude.is_finite() {
            return inconsistent("rotary frequencies are not finite".into());
        }
    }
    for (what, cap) in [("attention scores", a.attention_softcap), ("logits", a.logit_softcap)] {
        if cap.is_some_and(|cap| !(cap.is_finite() && cap > 0.0)) {
            return inconsistent(format!("the soft cap of {what} is {}", cap.unwrap_or_default()));
        }
    }
    // The norm behind a branch adds to the residual stream, which only the one of the two kinds does.
    let is_behind = matches!(a.norm_place, NormPlace::AfterBranch | NormPlace::Around);
    if is_behind && matches!(a.norm, Norm::Layer { .. }) {
        return inconsistent("layer normalisation behind a branch".into());
    }
    let of_heads = a.query_key_norm.map(|QueryKeyNorm { norm, .. }| norm);
    for norm in [Some(a.norm), of_heads].into_iter().flatten() {
        let (Norm::Layer { eps, .. } | Norm::Rms { eps, .. }) = norm;
        if !(eps.is_finite() && eps >= 0.0) {
            return inconsistent(format!("the epsilon of the norms is {eps}"));
        }
    }
    Ok(())
}
