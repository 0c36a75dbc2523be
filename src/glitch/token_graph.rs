//! The Token Embedding Graph: tokens are vertices, joined to their nearest neighbours in the embedding.
//!
//! rows of E → minus column mean → principal components → exact k-NN → UMAP weights → Leiden → map
//!
//! Source   GlitchHunter section 5; scanpy's conventions where the paper is silent: Euclidean distance, 50 components,
//!          fuzzy union, the vertex itself counted among its neighbours
//! Device   the neighbours are searched on the device, in stretches of rows with a pause after each

use super::summary::number;
use super::{Embedding, stages};
use crate::compute::ops::knn::Knn;
use crate::compute::{DType, Device, DeviceKind, Op, Recording, Tensor};
use crate::error::Result;
use crate::graph::{
    Csr, Layout, LeidenOptions, LeidenRun, Neighbours, Partition, Pca, PcaFit, fuzzy_graph, initial_positions,
};
use crate::progress::{Event, Monitor, pause};
use crate::report::{ScanOptions, TokenGraph};

/// Fewer vertices have no components and no neighbours.
pub const VERTICES_MIN: usize = 3;
/// Neighbours of a token that the report lists. The graph uses more; 50 for every token would make up most of a saved
/// report.
const NEIGHBOURS_LISTED: usize = 10;
const LAYOUT_EPOCHS: usize = 200;
/// Multiply-adds of one stretch of the neighbour search: about a tenth of a second in a browser.
const STRETCH_WORK_CPU: usize = 1 << 27;
const STRETCH_WORK_GPU: usize = 1 << 31;

/// The graph of one round; vertex = place in the list of ids it was made from.
pub struct Neighbourhood {
    pub pca: Pca,
    pub neighbours: Neighbours,
    pub graph: Csr,
}

/// The first round's graph, its communities, and its map.
pub struct Mapped {
    pub graph: TokenGraph,
    pub partition: Partition,
}

/// Graph, communities and map of `ids`; `None` when there are fewer than `VERTICES_MIN`.
pub async fn map(
    device: &mut Device,
    embedding: &Embedding,
    ids: &[u32],
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Option<Mapped>> {
    if ids.len() < VERTICES_MIN {
        return Ok(None);
    }
    let neighbourhood = neighbourhood(device, embedding, ids, options, monitor).await?;
    let partition = communities(&neighbourhood.graph, options, monitor).await?;
    let (x, y) = layout(&neighbourhood, options, monitor).await?;
    let graph = to_report(ids, &neighbourhood, &partition, x, y);
    Ok(Some(Mapped { graph, partition }))
}

/// What a report says when `map` found too few tokens.
pub fn too_few(n_vertices: usize) -> String {
    format!("There is no map: it needs {VERTICES_MIN} tokens, the scan has {n_vertices}.")
}

/// Principal components, neighbours and weights of the rows of `ids`.
pub async fn neighbourhood(
    device: &mut Device,
    embedding: &Embedding,
    ids: &[u32],
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Neighbourhood> {
    let pca = components(embedding, ids, options, monitor).await?;
    let neighbours = neighbours(device, &pca, ids.len(), options, monitor).await?;
    monitor.event(Event::Stage {
        stage: stages::WEIGHTS,
        detail: format!("weighing the {} nearest of each", neighbours.n_neighbors()),
    });
    pause(monitor).await?;
    let graph = fuzzy_graph(&neighbours)?;
    Ok(Neighbourhood { pca, neighbours, graph })
}

async fn components(
    embedding: &Embedding,
    ids: &[u32],
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Pca> {
    monitor.event(Event::Stage {
        stage: stages::COMPONENTS,
        detail: format!(
            "reducing {} rows of {} numbers to {}",
            number(ids.len()),
            embedding.columns,
            (options.n_components as usize).min(embedding.columns)
        ),
    });
    pause(monitor).await?;
    // The whole vocabulary is read in place; a copy of a large embedding would double the memory of the tab.
    let gathered: Vec<f32>;
    let x = if ids.len() == embedding.rows {
        &embedding.values
    } else {
        gathered = ids.iter().flat_map(|&id| embedding.row(id)).copied().collect();
        &gathered
    };
    let mut fit = PcaFit::new(x, embedding.columns, options.n_components as usize, u64::from(options.seed))?;
    loop {
        let done = fit.step();
        monitor.event(Event::Advance { done: (done * ids.len() as f64) as u64, total: ids.len() as u64, unit: "rows" });
        pause(monitor).await?;
        if done >= 1.0 {
            return Ok(fit.finish()?);
        }
    }
}

async fn neighbours(
    device: &mut Device,
    pca: &Pca,
    rows: usize,
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Neighbours> {
    // `n_neighbors` counts the vertex itself.
    let k = (options.n_neighbors as usize - 1).min(rows - 1);
    monitor.event(Event::Stage {
        stage: stages::NEIGHBOURS,
        detail: format!("finding the {k} nearest of {} tokens for each", number(rows)),
    });
    let work = match device.info().kind {
        DeviceKind::Cpu => STRETCH_WORK_CPU,
        DeviceKind::Gpu => STRETCH_WORK_GPU,
    };
    let stretch = (work / (rows * pca.n_components)).clamp(1, rows);
    let x = Tensor::new("scan.scores", &[rows, pca.n_components], DType::F32);
    let mut used = vec![x.clone()];
    let outcome = search(device, &x, pca, k, stretch, &mut used, monitor).await;
    for tensor in &used {
        device.free(tensor);
    }
    let (indices, distances) = outcome?;
    Ok(Neighbours::new(k, indices, distances)?)
}

/// Every tensor it makes is pushed to `used`, so that the caller can free them however it ends.
async fn search(
    device: &mut Device,
    x: &Tensor,
    pca: &Pca,
    k: usize,
    stretch: usize,
    used: &mut Vec<Tensor>,
    monitor: &mut dyn Monitor,
) -> Result<(Vec<u32>, Vec<f32>)> {
    let rows = x.rows();
    device.write_f32(x, &pca.scores)?;
    let (mut indices, mut distances) = (Vec::with_capacity(rows * k), Vec::with_capacity(rows * k));
    let mut outputs: Option<(Tensor, Tensor)> = None;
    for row_start in (0..rows).step_by(stretch) {
        pause(monitor).await?;
        let n_rows = stretch.min(rows - row_start);
        // Stretches share their outputs; only the last one may be shorter.
        let (near, far) = match outputs.take() {
            Some(outputs) if outputs.0.rows() == n_rows => outputs,
            _ => {
                let near = Tensor::new("scan.neighbours", &[n_rows, k], DType::U32);
                let far = Tensor::new("scan.distances", &[n_rows, k], DType::F32);
                used.extend([near.clone(), far.clone()]);
                (near, far)
            }
        };
        let mut recording = Recording::new();
        recording.push(Op::Knn(Knn { row_start }), &[x], &[&near, &far])?;
        device.run(&recording).await?;
        indices.extend(device.read_u32(&near).await?);
        distances.extend(device.read_f32(&far).await?);
        outputs = Some((near, far));
        monitor.event(Event::Advance { done: (row_start + n_rows) as u64, total: rows as u64, unit: "tokens" });
    }
    Ok((indices, distances))
}

/// Leiden communities of the graph at the scan's resolution.
pub async fn communities(graph: &Csr, options: &ScanOptions, monitor: &mut dyn Monitor) -> Result<Partition> {
    monitor.event(Event::Stage {
        stage: stages::COMMUNITIES,
        detail: format!("grouping {} tokens at resolution {}", number(graph.n_vertices()), options.resolution),
    });
    pause(monitor).await?;
    let mut run = LeidenRun::new(
        graph,
        &LeidenOptions {
            resolution: options.resolution,
            seed: u64::from(options.seed),
            max_iterations: options.leiden_iterations as usize,
        },
    )?;
    while let Some(pass) = run.step()? {
        monitor.event(Event::Advance {
            done: pass.number as u64,
            total: u64::from(options.leiden_iterations),
            unit: "passes",
        });
        pause(monitor).await?;
    }
    Ok(run.finish())
}

async fn layout(
    neighbourhood: &Neighbourhood,
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let n_vertices = neighbourhood.graph.n_vertices();
    monitor.event(Event::Stage {
        stage: stages::LAYOUT,
        detail: format!("drawing the map of {} tokens", number(n_vertices)),
    });
    pause(monitor).await?;
    let start = initial_positions(&neighbourhood.pca.scores, neighbourhood.pca.n_components);
    let mut layout = Layout::new(&neighbourhood.graph, &start, u64::from(options.seed), LAYOUT_EPOCHS)?;
    // 40,000 vertices move once in roughly a tenth of a second.
    let epochs = (40_000 / n_vertices).clamp(1, 25);
    loop {
        let done = layout.step(epochs);
        monitor.event(Event::Advance {
            done: (done * LAYOUT_EPOCHS as f64).round() as u64,
            total: LAYOUT_EPOCHS as u64,
            unit: "steps",
        });
        pause(monitor).await?;
        if done >= 1.0 {
            return Ok(layout.positions());
        }
    }
}

fn to_report(
    ids: &[u32],
    neighbourhood: &Neighbourhood,
    partition: &Partition,
    x: Vec<f32>,
    y: Vec<f32>,
) -> TokenGraph {
    let listed = NEIGHBOURS_LISTED.min(neighbourhood.neighbours.n_neighbors());
    let (mut neighbours, mut distances) =
        (Vec::with_capacity(ids.len() * listed), Vec::with_capacity(ids.len() * listed));
    for vertex in 0..ids.len() {
        let (near, far) = neighbourhood.neighbours.row(vertex);
        neighbours.extend(near[..listed].iter().map(|&other| ids[other as usize]));
        distances.extend_from_slice(&far[..listed]);
    }
    TokenGraph {
        ids: ids.to_vec(),
        x,
        y,
        cluster: partition.membership.clone(),
        n_clusters: partition.n_clusters,
        neighbours_per_token: listed as u32,
        neighbours,
        distances,
        explained_variance: neighbourhood.pca.explained_variance_ratio.iter().sum(),
        quality: partition.quality,
    }
}
