//! One storage buffer per tensor: allocation, writes, lifetimes.

use std::collections::HashMap;

use super::faults::{Scopes, Verdict};
use crate::compute::{ComputeError, Tensor, TensorId};

/// Bytes of writes that may wait for a submission. Written data is staged until then, so without a flush a model
/// would be in memory twice while it loads.
const UNSUBMITTED_BYTES_MAX: u64 = 64 << 20;

pub struct Buffers {
    buffers: HashMap<TensorId, wgpu::Buffer>,
    /// Allocations, and writes to them, of which the browser has not yet said whether they succeeded.
    unsettled: Vec<(TensorId, Verdict)>,
    unsubmitted_bytes: u64,
    tensor_bytes_max: u64,
    device_name: String,
}

impl Buffers {
    pub fn new(device: &wgpu::Device, device_name: &str) -> Self {
        let limits = device.limits();
        Buffers {
            buffers: HashMap::new(),
            unsettled: Vec::new(),
            unsubmitted_bytes: 0,
            // Kernels count elements and bytes in u32. Buffers are rounded up to 16.
            tensor_bytes_max: limits
                .max_buffer_size
                .min(limits.max_storage_buffer_binding_size)
                .min(u64::from(u32::MAX))
                / 16
                * 16,
            device_name: device_name.into(),
        }
    }

    pub fn tensor_bytes_max(&self) -> u64 {
        self.tensor_bytes_max
    }

    pub fn get(&self, tensor: &Tensor) -> Result<&wgpu::Buffer, ComputeError> {
        self.buffers.get(&tensor.id()).ok_or_else(|| ComputeError::NotOnDevice { label: tensor.label().into() })
    }

    /// Makes sure the tensor has a buffer; a new one is zeroed.
    pub fn allocate(&mut self, device: &wgpu::Device, tensor: &Tensor) -> Result<(), ComputeError> {
        if self.buffers.contains_key(&tensor.id()) {
            return Ok(());
        }
        let bytes = tensor.bytes() as u64;
        // An element may take half a byte, so that a buffer that can be bound holds more of them than kernels count.
        if bytes > self.tensor_bytes_max || u32::try_from(tensor.elements()).is_err() {
            return Err(ComputeError::BufferTooLarge {
                label: tensor.label().into(),
                needed_bytes: bytes,
                limit_bytes: self.tensor_bytes_max,
            });
        }
        let scopes = Scopes::push(device);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(tensor.label()),
            // Whole words of 16 bytes, at least one: an odd number of halves ends inside a word, and a buffer without
            // bytes cannot be bound.
            size: bytes.max(1).next_multiple_of(16),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        match scopes.pop(bytes).settle_now(&self.device_name) {
            Ok(accepted) => accepted?,
            Err(verdict) => self.unsettled.push((tensor.id(), verdict)),
        }
        self.buffers.insert(tensor.id(), buffer);
        Ok(())
    }

    /// Learns what became of the open allocations. Tensors whose memory could not be had are forgotten.
    pub async fn settle(&mut self) -> Result<(), ComputeError> {
        let mut result = Ok(());
        for (id, verdict) in std::mem::take(&mut self.unsettled) {
            if let Err(error) = verdict.settle(&self.device_name).await {
                self.buffers.remove(&id);
                result = result.and(Err(error));
            }
        }
        result
    }

    /// The tensor must have been allocated, and the range must lie inside it.
    pub fn write(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        tensor: &Tensor,
        offset_bytes: usize,
        bytes: &[u8],
    ) -> Result<(), ComputeError> {
        let buffer = self.get(tensor)?.clone();
        let (words, tail) = bytes.split_at(bytes.len() / 4 * 4);
        if !offset_bytes.is_multiple_of(4) || !tail.is_empty() && offset_bytes + bytes.len() != tensor.bytes() {
            return Err(ComputeError::Gpu {
                reason: format!(
                    "tensor {}: {} bytes at offset {offset_bytes} are not whole words of 4 bytes",
                    tensor.label(),
                    bytes.len()
                ),
            });
        }
        // While it is open whether the buffer exists, errors of the write are consequences that come after the cause.
        let is_unsettled = self.unsettled.iter().any(|(id, _)| *id == tensor.id());
        let scopes = is_unsettled.then(|| Scopes::push(device));
        // Pieces, because what is written is staged whole beside the source.
        let mut offset = offset_bytes as u64;
        for piece in words.chunks(UNSUBMITTED_BYTES_MAX as usize) {
            queue.write_buffer(&buffer, offset, piece);
            offset += piece.len() as u64;
            self.unsubmitted_bytes += piece.len() as u64;
            if self.unsubmitted_bytes >= UNSUBMITTED_BYTES_MAX {
                queue.submit([]);
                // Natively frees the staging memory of what has arrived; in the browser it does nothing.
                let _ = device.poll(wgpu::PollType::Poll);
                self.unsubmitted_bytes = 0;
            }
        }
        if !tail.is_empty() {
            // The buffer is rounded up, so the padding falls into bytes that belong to no element.
            let mut word = [0; 4];
            word[..tail.len()].copy_from_slice(tail);
            queue.write_buffer(&buffer, offset, &word);
        }
        if let Some(scopes) = scopes {
            self.unsettled.push((tensor.id(), scopes.pop(bytes.len() as u64)));
        }
        Ok(())
    }

    /// Everything written so far has been submitted.
    pub fn note_submission(&mut self) {
        self.unsubmitted_bytes = 0;
    }

    pub fn free(&mut self, tensor: &Tensor) {
        if let Some(buffer) = self.buffers.remove(&tensor.id()) {
            // Work that was submitted still finishes; a browser would otherwise wait for its garbage collector.
            buffer.destroy();
        }
    }
}
