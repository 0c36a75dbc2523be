//! The Token Embedding Graph: tokens are vertices, joined to their nearest neighbours in the embedding.
//!
//! rows of E → minus column mean → principal components → k-NN → UMAP weights → Leiden → map
//!
//! Source   GlitchHunter section 5; scanpy's conventions where the paper is silent: Euclidean distance, 50 components,
//!          fuzzy union, the vertex itself counted among its neighbours
//! Device   the neighbours are searched on the device, in stretches of rows with a pause after each. On a processor, above
//!          `EXACT_ROWS_MAX` rows, they are searched approximately, by an inverted file; the graph says so, with the recall
//!          that was measured, and a search that would find too little or save too little is made exactly

use super::rows::Rows;
use super::stages;
use super::summary::{number, percent};
use crate::compute::ops::knn::Knn;
use crate::compute::{DType, Device, DeviceKind, Op, Recording, Tensor};
use crate::error::Result;
use crate::graph::inverted_file::SAMPLE_ROWS;
use crate::graph::{
    Approximate, Csr, InvertedFile, Layout, LeidenOptions, LeidenRun, Neighbours, Partition, Pca, PcaFit, Step,
    fuzzy_graph, initial_positions,
};
use crate::progress::{Event, Monitor, pause};
use crate::report::{NeighbourChoice, NeighbourSearch, ScanOptions, TokenGraph};

/// Fewer vertices have no components and no neighbours.
pub const VERTICES_MIN: usize = 3;
/// Neighbours of a token that the report lists. The graph uses more; 50 for every token would make up most of a saved
/// report.
const NEIGHBOURS_LISTED: usize = 10;
const LAYOUT_EPOCHS: usize = 200;
/// Vertices from which on a map is drawn in fewer epochs, down to LAYOUT_EPOCHS_MIN: the first ones move the most, and the
/// last ones of 262,144 vertices would take longer than all stages before.
const LAYOUT_VERTICES: usize = 50_257;
const LAYOUT_EPOCHS_MIN: usize = 60;
/// Multiply-adds of one stretch of the neighbour search: about a tenth of a second in a browser.
const STRETCH_WORK: usize = 1 << 31;
/// Rows of a stretch at least: products with fewer spend their time on packing.
const STRETCH_ROWS_MIN: usize = 256;
/// Rows up to which a processor searches exactly unless told otherwise: some forty seconds on one thread of a browser.
const EXACT_ROWS_MAX: usize = 100_000;
/// An approximate search that compares more than this share of all pairs is not worth what it misses.
const PAIRS_SHARE_MAX: f64 = 0.5;
/// One that finds less than this is made again, exactly.
const RECALL_MIN: f64 = 0.95;

/// The graph of one round; vertex = place in the list of ids it was made from.
pub struct Neighbourhood {
    pub pca: Pca,
    pub neighbours: Neighbours,
    pub search: NeighbourSearch,
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
    rows: &Rows<'_>,
    ids: &[u32],
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Option<Mapped>> {
    if ids.len() < VERTICES_MIN {
        return Ok(None);
    }
    let neighbourhood = neighbourhood(device, rows, ids, options, monitor).await?;
    let partition = communities(&neighbourhood.graph, options, monitor).await?;
    let (x, y) = layout(&neighbourhood.graph, &neighbourhood.pca, options, monitor).await?;
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
    rows: &Rows<'_>,
    ids: &[u32],
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Neighbourhood> {
    let pca = components(device, rows, ids, options, monitor).await?;
    let (neighbours, search) = neighbours(device, &pca, ids.len(), options, monitor).await?;
    monitor.event(Event::Stage {
        stage: stages::WEIGHTS,
        detail: format!("weighing the {} nearest of each", neighbours.n_neighbors()),
    });
    pause(monitor).await?;
    let graph = fuzzy_graph(&neighbours)?;
    Ok(Neighbourhood { pca, neighbours, search, graph })
}

pub async fn components(
    device: &mut Device,
    rows: &Rows<'_>,
    ids: &[u32],
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Pca> {
    monitor.event(Event::Stage {
        stage: stages::COMPONENTS,
        detail: format!(
            "reducing {} rows of {} numbers to {}",
            number(ids.len()),
            rows.columns(),
            (options.n_components as usize).min(rows.columns())
        ),
    });
    pause(monitor).await?;
    let (columns, seed) = (rows.columns(), u64::from(options.seed));
    let mut fit = PcaFit::new(ids.len(), columns, options.n_components as usize, seed)?;
    let block_rows = fit.block_rows();
    // The rows pass twice instead of being kept: a copy of a large embedding would double the memory of the tab.
    let mut values = Vec::new();
    let mut passed = 0;
    let mut advance = |n: usize, monitor: &mut dyn Monitor| {
        passed += n;
        let (done, total) = (passed as u64, 2 * ids.len() as u64);
        monitor.event(Event::Advance { done, total, unit: "rows" });
    };
    for block in ids.chunks(block_rows) {
        rows.gather(device, block, &mut values).await?;
        fit.add(&values)?;
        advance(block.len(), monitor);
        pause(monitor).await?;
    }
    let mut pca = fit.solve()?;
    for block in ids.chunks(block_rows) {
        rows.gather(device, block, &mut values).await?;
        pca.project(&values)?;
        advance(block.len(), monitor);
        pause(monitor).await?;
    }
    Ok(pca)
}

/// What a report says of a search that was not simply exact.
pub fn searched(search: &Option<NeighbourSearch>) -> Option<String> {
    let search = search.as_ref()?;
    let recall = percent(search.recall?);
    Some(format!(
        "The neighbours of the map were searched approximately ({}): {recall} of the exact {} nearest were found, measured on \
         {} rows, with {} of the pairs compared.",
        search.method,
        search.n_neighbours,
        number(search.sample_rows as usize),
        percent(search.pairs),
    ))
}

pub async fn neighbours(
    device: &mut Device,
    pca: &Pca,
    rows: usize,
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<(Neighbours, NeighbourSearch)> {
    // `n_neighbors` counts the vertex itself.
    let k = (options.n_neighbors as usize - 1).min(rows - 1);
    monitor.event(Event::Stage {
        stage: stages::NEIGHBOURS,
        detail: format!("finding the {k} nearest of {} tokens for each", number(rows)),
    });
    let is_cpu = device.info().kind == DeviceKind::Cpu;
    let approximately = match options.neighbours {
        NeighbourChoice::Auto => is_cpu && rows > EXACT_ROWS_MAX,
        NeighbourChoice::Exact => false,
        NeighbourChoice::Approximate => true,
    };
    if approximately && let Some(found) = approximate(pca, k, rows, options, monitor).await? {
        return Ok(found);
    }
    let stretch = (STRETCH_WORK / (rows * pca.n_components)).max(STRETCH_ROWS_MIN).min(rows);
    let x = Tensor::new("scan.scores", &[rows, pca.n_components], DType::F32);
    let mut used = vec![x.clone()];
    let outcome = search(device, &x, pca, k, stretch, &mut used, monitor).await;
    for tensor in &used {
        device.free(tensor);
    }
    let (indices, distances) = outcome?;
    let search =
        NeighbourSearch { method: "exact".into(), n_neighbours: k as u32, recall: None, sample_rows: 0, pairs: 1.0 };
    Ok((Neighbours::new(k, indices, distances)?, search))
}

/// Neighbours by an inverted file; `None` when that would save too little, or found too little.
async fn approximate(
    pca: &Pca,
    k: usize,
    rows: usize,
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<Option<(Neighbours, NeighbourSearch)>> {
    pause(monitor).await?;
    let seed = u64::from(options.seed);
    let Some(mut file) = InvertedFile::new(&pca.scores, pca.n_components, k, seed)? else { return Ok(None) };
    pause(monitor).await?;
    let pairs = file.aim();
    let saves = pairs <= PAIRS_SHARE_MAX;
    if !saves {
        let text = format!(
            "An approximate search would compare {} of all pairs of tokens, so the neighbours are searched exactly.",
            percent(pairs)
        );
        monitor.event(Event::Note { text });
        return Ok(None);
    }
    loop {
        pause(monitor).await?;
        let done = file.step();
        monitor.event(Event::Advance { done: (done * rows as f64) as u64, total: rows as u64, unit: "tokens" });
        if done >= 1.0 {
            break;
        }
    }
    let Approximate { neighbours, recall, pairs } = file.finish()?;
    let suffices = recall >= RECALL_MIN;
    if !suffices {
        let text = format!(
            "The approximate search found {} of a sample's neighbours, so they are searched exactly.",
            percent(recall)
        );
        monitor.event(Event::Note { text });
        return Ok(None);
    }
    let search = NeighbourSearch {
        method: "inverted file".into(),
        n_neighbours: k as u32,
        recall: Some(recall),
        sample_rows: SAMPLE_ROWS.min(rows) as u32,
        pairs,
    };
    Ok(Some((neighbours, search)))
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
    while let Some(step) = run.step()? {
        if let Step::Passed(pass) = step {
            monitor.event(Event::Advance {
                done: pass.number as u64,
                total: u64::from(options.leiden_iterations),
                unit: "passes",
            });
        }
        pause(monitor).await?;
    }
    Ok(run.finish())
}

pub async fn layout(
    graph: &Csr,
    pca: &Pca,
    options: &ScanOptions,
    monitor: &mut dyn Monitor,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let n_vertices = graph.n_vertices();
    monitor.event(Event::Stage {
        stage: stages::LAYOUT,
        detail: format!("drawing the map of {} tokens", number(n_vertices)),
    });
    pause(monitor).await?;
    let start = initial_positions(&pca.scores, pca.n_components);
    let n_epochs = (LAYOUT_EPOCHS * LAYOUT_VERTICES / n_vertices.max(1)).clamp(LAYOUT_EPOCHS_MIN, LAYOUT_EPOCHS);
    let mut layout = Layout::new(graph, &start, u64::from(options.seed), n_epochs)?;
    // 40,000 vertices move once in roughly a tenth of a second.
    let epochs = (40_000 / n_vertices).clamp(1, 25);
    loop {
        let done = layout.step(epochs);
        monitor.event(Event::Advance {
            done: (done * n_epochs as f64).round() as u64,
            total: n_epochs as u64,
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
        search: Some(neighbourhood.search.clone()),
    }
}
