//! Keys and values of the tokens seen so far. Capacity is fixed: nothing grows or is copied while tokens are made.

use super::architecture::Architecture;
use crate::compute::{DType, Device, Tensor};

/// One (slots, capacity, KV) pair of tensors per layer.
pub struct KvCache {
    pub layers: Vec<LayerCache>,
    pub slots: usize,
    /// Tokens each slot can hold.
    pub capacity: usize,
}

pub struct LayerCache {
    pub k: Tensor,
    pub v: Tensor,
}

impl KvCache {
    pub fn new(label: &str, architecture: &Architecture, slots: usize, capacity: usize) -> Self {
        let shape = [slots, capacity, architecture.kv_channels()];
        let layers = (0..architecture.n_layers)
            .map(|layer| LayerCache {
                k: Tensor::new(format!("{label}.{layer}.k"), &shape, DType::F32),
                v: Tensor::new(format!("{label}.{layer}.v"), &shape, DType::F32),
            })
            .collect();
        KvCache { layers, slots, capacity }
    }

    /// Gives the device its memory back.
    pub fn free(&self, device: &mut Device) {
        for layer in &self.layers {
            device.free(&layer.k);
            device.free(&layer.v);
        }
    }
}
