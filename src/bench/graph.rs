//! The stages of a map, one at a time, over a table of synthetic rows that lies on a device as a model's embedding would.

use half::f16;

use crate::compute::{DType, Device, DevicePreference, Tensor};
use crate::error::Result;
use crate::glitch::rows::Rows;
use crate::glitch::token_graph;
use crate::graph::{Csr, GraphError, Neighbours, Partition, Pca, fuzzy_graph, modularity};
use crate::progress::Silent;
use crate::report::{NeighbourChoice, NeighbourSearch, ScanOptions};
use crate::rng::Rng;

/// Deviations of the columns fall as 1/√i, so that 50 components keep about the share of the variance that they keep of
/// a small language model's embedding.
const SPECTRUM_POWER: f32 = -0.5;
const BLOCK_ROWS: usize = 1024;

pub struct GraphStages {
    device: Device,
    table: Tensor,
    ids: Vec<u32>,
    options: ScanOptions,
    pca: Option<Pca>,
    neighbours: Option<Neighbours>,
    graph: Option<Csr>,
}

impl GraphStages {
    /// An empty table; `dtype` is F32 or F16.
    pub async fn create(
        preference: DevicePreference,
        rows: usize,
        columns: usize,
        dtype: DType,
    ) -> Result<GraphStages> {
        Ok(GraphStages {
            device: Device::request(preference).await?,
            table: Tensor::new("bench.embedding", &[rows, columns], dtype),
            ids: (0..rows as u32).collect(),
            options: ScanOptions::default(),
            pca: None,
            neighbours: None,
            graph: None,
        })
    }

    pub fn device(&self) -> String {
        self.device.info().name
    }

    /// Rows of a Gaussian whose spectrum falls.
    pub fn fill(&mut self, seed: u64) -> Result<()> {
        let columns = self.table.columns();
        let deviations: Vec<f32> = (0..columns).map(|at| ((at + 1) as f32).powf(SPECTRUM_POWER)).collect();
        let mut rng = Rng::new(seed);
        let mut bytes = Vec::new();
        for start in (0..self.ids.len()).step_by(BLOCK_ROWS) {
            bytes.clear();
            for at in 0..BLOCK_ROWS.min(self.ids.len() - start) * columns {
                let value = rng.normal() * deviations[at % columns];
                match self.table.dtype() {
                    DType::F16 => bytes.extend(f16::from_f32(value).to_le_bytes()),
                    _ => bytes.extend(value.to_le_bytes()),
                }
            }
            self.write(start, &bytes)?;
        }
        Ok(())
    }

    /// Rows from `start` on, as they are stored.
    pub fn write(&mut self, start: usize, bytes: &[u8]) -> Result<()> {
        let row_bytes = self.table.dtype().bytes_of(self.table.columns());
        Ok(self.device.write(&self.table, start * row_bytes, bytes)?)
    }

    /// The share of the variance that the components keep.
    pub async fn components(&mut self) -> Result<f64> {
        let rows = Rows::OnDevice(self.table.clone());
        let pca = token_graph::components(&mut self.device, &rows, &self.ids, &self.options, &mut Silent).await?;
        Ok(self.pca.insert(pca).explained_variance_ratio.iter().sum())
    }

    pub async fn neighbours(&mut self, choice: NeighbourChoice) -> Result<NeighbourSearch> {
        let options = ScanOptions { neighbours: choice, ..self.options.clone() };
        let pca = self.pca.as_ref().expect("OK because the bench calls the stages in turn");
        let (neighbours, search) =
            token_graph::neighbours(&mut self.device, pca, self.ids.len(), &options, &mut Silent).await?;
        self.neighbours = Some(neighbours);
        Ok(search)
    }

    /// Entries of the graph.
    pub fn weights(&mut self) -> Result<usize> {
        let neighbours = self.neighbours.as_ref().expect("OK because the bench calls the stages in turn");
        Ok(self.graph.insert(fuzzy_graph(neighbours)?).n_entries())
    }

    /// Takes another graph in place of the own, so that several programs can be given the same one: u32 vertices and
    /// entries, then row starts, columns (u32) and weights (f32), little-endian.
    pub fn read_graph(&mut self, bytes: &[u8]) -> Result<usize> {
        let word = |at: usize| {
            bytes.get(4 * at..4 * at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        };
        let (vertices, entries) = (word(0) as usize, word(1) as usize);
        let expected = 4 * (2 + vertices + 1 + 2 * entries);
        if bytes.len() != expected {
            return Err(GraphError::LengthMismatch { what: "the graph's file", expected, got: bytes.len() }.into());
        }
        let (starts, columns) = (2, 2 + vertices + 1);
        let graph = Csr::from_parts(
            (starts..columns).map(|at| word(at) as usize).collect(),
            (columns..columns + entries).map(word).collect(),
            (columns + entries..columns + 2 * entries).map(|at| f32::from_bits(word(at))).collect(),
        )?;
        Ok(self.graph.insert(graph).n_entries())
    }

    /// Of the communities that are searched and judged from now on; a scan's until then.
    pub fn set_resolution(&mut self, resolution: f64) {
        self.options.resolution = resolution;
    }

    /// In so many passes at most; 0 for as many as a scan makes.
    pub async fn communities(&mut self, passes: u32) -> Result<Partition> {
        let graph = self.graph.as_ref().expect("OK because the bench calls the stages in turn");
        let leiden_iterations = if passes == 0 { self.options.leiden_iterations } else { passes };
        let options = ScanOptions { leiden_iterations, ..self.options.clone() };
        token_graph::communities(graph, &options, &mut Silent).await
    }

    /// Modularity with resolution of anybody's communities of the graph.
    pub fn quality(&self, membership: &[u32]) -> Result<f64> {
        let graph = self.graph.as_ref().expect("OK because the bench calls the stages in turn");
        Ok(modularity(graph, membership, self.options.resolution)?)
    }

    /// The sum of all places, so that nothing is left out.
    pub async fn layout(&mut self) -> Result<f32> {
        let graph = self.graph.as_ref().expect("OK because the bench calls the stages in turn");
        let pca = self.pca.as_ref().expect("OK because the bench calls the stages in turn");
        let (x, y) = token_graph::layout(graph, pca, &self.options, &mut Silent).await?;
        Ok(x.iter().chain(&y).sum())
    }
}
