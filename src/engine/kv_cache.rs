//! Keys and values of the tokens seen so far. Capacity is fixed: nothing grows or is copied while tokens are made.

use super::architecture::Architecture;
use crate::compute::{DType, Device, Tensor};

/// One (slots, capacity, KV) pair of tensors per layer.
pub struct KvCache {
    pub layers: Vec<LayerCache>,
    pub slots: usize,
    /// Tokens each slot can hold.
    pub capacity: usize,
    /// Tokens a whole sequence may come to, a shared prefix included. Models with other rotary frequencies for long
    /// sequences turn all keys of a sequence alike, so this is known before the first key is written.
    pub sequence: usize,
}

pub struct LayerCache {
    pub k: Tensor,
    pub v: Tensor,
}

impl KvCache {
    pub fn new(label: &str, architecture: &Architecture, slots: usize, capacity: usize, sequence: usize) -> Self {
        let layers = architecture
            .layers
            .iter()
            .enumerate()
            .map(|(i, layer)| {
                let shape = [slots, capacity, architecture.kv_channels(layer)];
                LayerCache {
                    k: Tensor::new(format!("{label}.{i}.k"), &shape, DType::F32),
                    v: Tensor::new(format!("{label}.{i}.v"), &shape, DType::F32),
                }
            })
            .collect();
        KvCache { layers, slots, capacity, sequence }
    }

    /// Bytes that a token of one sequence takes in all layers.
    pub fn bytes_per_token(architecture: &Architecture) -> usize {
        2 * DType::F32.bytes_of(architecture.layers.iter().map(|layer| architecture.kv_channels(layer)).sum())
    }

    /// Gives the device its memory back.
    pub fn free(&self, device: &mut Device) {
        for layer in &self.layers {
            device.free(&layer.k);
            device.free(&layer.v);
        }
    }
}
