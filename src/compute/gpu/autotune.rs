//! Which tile suits this GPU, by trying each on one product.
//!
//! Only speed depends on the answer: every variant is compared with the CPU (`tests/twins.rs`).

use super::tuning::{TILES, Tile, Tuning};
use super::{GpuDevice, readback};
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::{ComputeError, DType, Op, Recording, Tensor};

/// Rows, columns and depth of the product that is tried: some tiles for every core of a large GPU.
pub const SIZE: usize = 1024;
/// No further tile is tried after this; the best so far is taken.
const BUDGET_MS: f64 = 600.0;
/// Products in a measurement, after one that compiles the kernel.
const PRODUCTS: usize = 4;

impl GpuDevice {
    /// Tries every tile that goes through workgroup memory on a product of `size`³, takes the fastest, and tells the
    /// milliseconds of one product by tile. Gives the memory back; leaves the tuning as it was when it fails.
    pub async fn tune(&mut self, size: usize) -> Result<Vec<(Tile, f64)>, ComputeError> {
        let before = self.tuning.clone();
        let [x, weight, out] =
            ["x", "weight", "out"].map(|label| Tensor::new(format!("autotune.{label}"), &[size, size], DType::F32));
        let tried = self.try_tiles(&x, &weight, &out).await;
        for tensor in [&x, &weight, &out] {
            self.free(tensor);
        }
        self.tuning = before;
        let tried = tried?;
        if let Some((tile, _)) = tried.iter().min_by(|(_, a), (_, b)| a.total_cmp(b)) {
            self.tuning.tile = *tile;
        }
        Ok(tried)
    }

    async fn try_tiles(&mut self, x: &Tensor, weight: &Tensor, out: &Tensor) -> Result<Vec<(Tile, f64)>, ComputeError> {
        // New buffers are zeroed, and zeros take as long to multiply as other numbers.
        self.write(x, 0, &[0; 16])?;
        self.write(weight, 0, &[0; 16])?;
        let mut once = Recording::new();
        let op = MatMul { layout: WeightLayout::OutIn, column_offset: 0, accumulate: false };
        once.push(Op::MatMul(op.clone()), &[x, weight], &[out])?;
        let mut several = Recording::new();
        for _ in 0..PRODUCTS {
            several.push(Op::MatMul(op.clone()), &[x, weight], &[out])?;
        }
        let begin = now_ms();
        let mut tried = Vec::new();
        for tile in TILES.iter().filter(|tile| tile.is_staged()) {
            self.tuning = Tuning { tile: *tile, ..self.tuning.clone() };
            self.run(&once).await?;
            self.wait(out).await?;
            let start = now_ms();
            self.run(&several).await?;
            self.wait(out).await?;
            tried.push((*tile, (now_ms() - start) / PRODUCTS as f64));
            if now_ms() - begin > BUDGET_MS {
                break;
            }
        }
        Ok(tried)
    }

    /// Returns when the work that writes the tensor is done.
    async fn wait(&self, tensor: &Tensor) -> Result<(), ComputeError> {
        let buffer = self.buffers.get(tensor)?;
        readback::read(&self.device, &self.queue, &[(buffer, 4)], &self.info.name).await.map(|_| ())
    }
}

#[cfg(target_arch = "wasm32")]
fn now_ms() -> f64 {
    super::browser::now_ms()
}

#[cfg(not(target_arch = "wasm32"))]
fn now_ms() -> f64 {
    static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGIN.elapsed().as_secs_f64() * 1000.0
}
