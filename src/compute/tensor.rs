//! A tensor as the engine sees it: a name, a shape and a type. The numbers live on a device, under the tensor's id.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::DType;

/// Names the storage of one tensor on whichever device holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(u64);

/// Row-major, contiguous. Cloning copies the handle, not the numbers.
#[derive(Clone, Debug)]
pub struct Tensor {
    id: TensorId,
    label: Arc<str>,
    shape: Arc<[usize]>,
    dtype: DType,
}

impl Tensor {
    pub fn new(label: impl Into<Arc<str>>, shape: &[usize], dtype: DType) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Tensor { id: TensorId(NEXT.fetch_add(1, Ordering::Relaxed)), label: label.into(), shape: shape.into(), dtype }
    }

    /// The same storage under another shape of as many elements.
    pub fn reshaped(&self, shape: &[usize]) -> Tensor {
        debug_assert_eq!(shape.iter().product::<usize>(), self.elements());
        Tensor { shape: shape.into(), ..self.clone() }
    }

    pub fn id(&self) -> TensorId {
        self.id
    }

    /// For people: `layers.3.attention.qkv`.
    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub fn dtype(&self) -> DType {
        self.dtype
    }

    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whole blocks, where elements are stored in blocks.
    pub fn bytes(&self) -> usize {
        self.dtype.bytes_of(self.elements())
    }

    /// Elements of the last dimension; 1 for a scalar.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Elements of all other dimensions together.
    pub fn rows(&self) -> usize {
        self.shape[..self.shape.len().saturating_sub(1)].iter().product()
    }
}
