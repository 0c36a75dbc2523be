//! One storage buffer per tensor, or one per piece of a tensor too large for it: allocation, writes, lifetimes.

use std::collections::HashMap;

use super::faults::{Scopes, Verdict};
use super::pieces::{self, Piece};
use crate::compute::{ComputeError, DType, Tensor, TensorId};

/// Bytes of writes that may wait for a submission. Written data is staged until then, so without a flush a model
/// would be in memory twice while it loads.
const UNSUBMITTED_BYTES_MAX: u64 = 64 << 20;

/// Times an allocation is tried to learn how much memory is left: the answer is good to a 64th of what was asked for.
const BISECTIONS: usize = 6;

/// Buffers are whole vectors of four words, at least one: an odd number of halves ends inside a word, kernels fetch four
/// words at once, and a buffer without bytes cannot be bound.
pub const BUFFER_BYTES_MULTIPLE: u64 = 16;

pub struct Buffers {
    buffers: HashMap<TensorId, wgpu::Buffer>,
    /// Tensors that are kept in pieces; the pieces are in `buffers`.
    pieces: HashMap<TensorId, Vec<Piece>>,
    /// Copies of stretches of biases, for projections done in pieces: tensor, first element.
    slices: HashMap<(TensorId, usize), Tensor>,
    /// Columns of what is projected, for projections done in pieces of inputs, by shape. They last for one recording.
    strips: HashMap<[usize; 2], Tensor>,
    /// Allocations, and writes to them, of which the browser has not yet said whether they succeeded.
    unsettled: Vec<(TensorId, Verdict)>,
    unsubmitted_bytes: u64,
    /// Bytes of all buffers.
    used_bytes: u64,
    /// As on a device with so much memory, for tests.
    memory_bytes_max: u64,
    tensor_bytes_max: u64,
    device_name: String,
}

impl Buffers {
    pub fn new(device: &wgpu::Device, device_name: &str) -> Self {
        let limits = device.limits();
        Buffers {
            buffers: HashMap::new(),
            pieces: HashMap::new(),
            slices: HashMap::new(),
            strips: HashMap::new(),
            unsettled: Vec::new(),
            unsubmitted_bytes: 0,
            used_bytes: 0,
            memory_bytes_max: u64::MAX,
            // Kernels count elements and bytes in u32. Buffers are rounded up.
            tensor_bytes_max: limits
                .max_buffer_size
                .min(limits.max_storage_buffer_binding_size)
                .min(u64::from(u32::MAX))
                / BUFFER_BYTES_MULTIPLE
                * BUFFER_BYTES_MULTIPLE,
            device_name: device_name.into(),
        }
    }

    pub fn tensor_bytes_max(&self) -> u64 {
        self.tensor_bytes_max
    }

    /// Lowers what one tensor may have, as on a weaker device.
    pub fn limit(&mut self, bytes: u64) {
        self.tensor_bytes_max = self.tensor_bytes_max.min(bytes / BUFFER_BYTES_MULTIPLE * BUFFER_BYTES_MULTIPLE);
    }

    /// Lowers what all tensors may have together, as on a smaller device.
    pub fn limit_memory(&mut self, bytes: u64) {
        self.memory_bytes_max = bytes;
    }

    pub fn get(&self, tensor: &Tensor) -> Result<&wgpu::Buffer, ComputeError> {
        self.buffers.get(&tensor.id()).ok_or_else(|| {
            if self.pieces.contains_key(&tensor.id()) {
                self.too_large(tensor)
            } else {
                ComputeError::NotOnDevice { label: tensor.label().into() }
            }
        })
    }

    /// The pieces of a tensor that is kept so.
    pub fn pieces(&self, tensor: &Tensor) -> Option<&[Piece]> {
        self.pieces.get(&tensor.id()).map(Vec::as_slice)
    }

    /// Elements `first..first + len` of a vector as they are now, as a tensor of their own: a binding cannot begin anywhere.
    pub fn slice(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        tensor: &Tensor,
        first: usize,
        len: usize,
    ) -> Result<Tensor, ComputeError> {
        let whole = self.get(tensor)?.clone();
        let slice = match self.slices.get(&(tensor.id(), first)) {
            Some(slice) => slice.clone(),
            None => Tensor::new(format!("{} from {first}", tensor.label()), &[len], tensor.dtype()),
        };
        self.allocate(device, &slice)?;
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        // Pieces begin at a multiple of four rows, so this is a whole word; a copy's length is rounded up to one, into
        // the padding that every buffer has.
        let (offset, bytes) = (tensor.dtype().bytes_of(first) as u64, (slice.bytes() as u64).next_multiple_of(4));
        encoder.copy_buffer_to_buffer(&whole, offset, self.get(&slice)?, 0, bytes);
        queue.submit([encoder.finish()]);
        self.slices.insert((tensor.id(), first), slice.clone());
        Ok(slice)
    }

    /// Room for columns of a tensor, as a tensor of their own. Parts of one recording that need the same room share it.
    pub fn strip(&mut self, device: &wgpu::Device, rows: usize, columns: usize) -> Result<Tensor, ComputeError> {
        let shape = [rows, columns];
        let strip = self.strips.entry(shape).or_insert_with(|| Tensor::new("columns of a product", &shape, DType::F32));
        let strip = strip.clone();
        self.allocate(device, &strip)?;
        Ok(strip)
    }

    /// The recording that needed them has been submitted, or has failed.
    pub fn free_strips(&mut self) {
        for strip in std::mem::take(&mut self.strips).into_values() {
            self.free(&strip);
        }
    }

    fn too_large(&self, tensor: &Tensor) -> ComputeError {
        ComputeError::BufferTooLarge {
            label: tensor.label().into(),
            needed_bytes: tensor.bytes() as u64,
            limit_bytes: self.tensor_bytes_max,
        }
    }

    /// Makes sure the tensor has a buffer; a new one is zeroed.
    pub fn allocate(&mut self, device: &wgpu::Device, tensor: &Tensor) -> Result<(), ComputeError> {
        if self.buffers.contains_key(&tensor.id()) || self.pieces.contains_key(&tensor.id()) {
            return Ok(());
        }
        let bytes = tensor.bytes() as u64;
        // An element may take half a byte, so that a buffer that can be bound holds more of them than kernels count.
        if bytes > self.tensor_bytes_max || u32::try_from(tensor.elements()).is_err() {
            let pieces = pieces::cut(tensor, self.tensor_bytes_max).ok_or_else(|| self.too_large(tensor))?;
            for piece in &pieces {
                self.allocate(device, &piece.tensor)?;
            }
            self.pieces.insert(tensor.id(), pieces);
            return Ok(());
        }
        let (buffer, verdict) = self.create(device, tensor.label(), bytes)?;
        match verdict.settle_now(&self.device_name) {
            Ok(accepted) => accepted?,
            Err(verdict) => self.unsettled.push((tensor.id(), verdict)),
        }
        self.used_bytes += buffer.size();
        self.buffers.insert(tensor.id(), buffer);
        Ok(())
    }

    /// A buffer of at least `bytes`, and whether it could be had.
    fn create(&self, device: &wgpu::Device, label: &str, bytes: u64) -> Result<(wgpu::Buffer, Verdict), ComputeError> {
        if self.used_bytes.saturating_add(bytes) > self.memory_bytes_max {
            return Err(ComputeError::OutOfMemory {
                device: self.device_name.clone(),
                needed_bytes: bytes,
                available_bytes: None,
            });
        }
        let scopes = Scopes::push(device);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(1).next_multiple_of(BUFFER_BYTES_MULTIPLE),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Ok((buffer, scopes.pop(bytes)))
    }

    /// About how many bytes an allocation could still have, where one of `failed_bytes` could not be had. WebGPU tells
    /// nobody how much memory there is, so it is tried: bisection, a fixed number of times.
    pub async fn available_bytes(&self, device: &wgpu::Device, failed_bytes: u64) -> u64 {
        let (mut had, mut refused) = (0, failed_bytes.min(self.tensor_bytes_max));
        for _ in 0..BISECTIONS {
            let bytes = had + (refused - had) / 2;
            let could_be_had = match self.create(device, "how much memory is left", bytes) {
                Ok((buffer, verdict)) => {
                    let accepted = verdict.settle(&self.device_name).await;
                    buffer.destroy();
                    accepted.is_ok()
                }
                Err(_) => false,
            };
            if could_be_had {
                had = bytes;
            } else {
                refused = bytes;
            }
        }
        had
    }

    /// Learns what became of the open allocations. Tensors whose memory could not be had are forgotten.
    pub async fn settle(&mut self) -> Result<(), ComputeError> {
        let mut result = Ok(());
        for (id, verdict) in std::mem::take(&mut self.unsettled) {
            if let Err(error) = verdict.settle(&self.device_name).await {
                self.forget(id);
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
        if let Some(pieces) = self.pieces.get(&tensor.id()).cloned() {
            let mut begin = 0;
            for piece in pieces {
                let end = begin + piece.tensor.bytes();
                let (from, to) = (offset_bytes.max(begin), (offset_bytes + bytes.len()).min(end));
                if from < to {
                    let part = &bytes[from - offset_bytes..to - offset_bytes];
                    self.write(device, queue, &piece.tensor, from - begin, part)?;
                }
                begin = end;
            }
            return Ok(());
        }
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
        for piece in self.pieces.remove(&tensor.id()).into_iter().flatten() {
            self.free(&piece.tensor);
        }
        let slices: Vec<_> = self.slices.extract_if(|(id, _), _| *id == tensor.id()).map(|(_, slice)| slice).collect();
        for slice in slices {
            self.free(&slice);
        }
        self.forget(tensor.id());
    }

    fn forget(&mut self, id: TensorId) {
        if let Some(buffer) = self.buffers.remove(&id) {
            self.used_bytes -= buffer.size();
            // Work that was submitted still finishes; a browser would otherwise wait for its garbage collector.
            buffer.destroy();
        }
    }
}
