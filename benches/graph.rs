//! Seconds of each stage of a map, natively:
//!
//!     cargo bench --features bench --bench graph -- ROWS COLUMNS [FILE [GRAPH RESOLUTION]]
//!
//! FILE holds the rows in f32; without one they are synthetic, in f16. Communities are those of GRAPH, if given, in two passes;
//! without one the own graph is drawn as well, and its communities are searched to the end. Prints one line of JSON.

use std::time::Instant;

use glitchscope::bench::graph::GraphStages;
use glitchscope::compute::{DType, DevicePreference};
use glitchscope::report::NeighbourChoice;
use pollster::block_on;

fn timed<T>(name: &str, results: &mut Vec<String>, work: impl FnOnce() -> T) -> T {
    let (start, busy) = (Instant::now(), processor_seconds());
    let value = work();
    results.push(format!("\"{name}\": {:.3}", start.elapsed().as_secs_f64()));
    results.push(format!("\"{name}, processor\": {:.2}", processor_seconds() - busy));
    value
}

/// What this process has used so far of all processors, where the system tells; what others do at the same time is not in
/// it.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let size = |place: usize| arguments.get(place).and_then(|text| text.parse().ok());
    let (Some(rows), Some(columns)) = (size(0), size(1)) else {
        eprintln!("usage: graph ROWS COLUMNS [FILE]");
        std::process::exit(2);
    };
    let device = match std::env::var("DEVICE").as_deref() {
        Ok("gpu") => DevicePreference::Gpu,
        _ => DevicePreference::Cpu,
    };
    let file = arguments.get(2).map(|path| std::fs::read(path).expect("the file of rows"));
    let dtype = if file.is_some() { DType::F32 } else { DType::F16 };
    let mut stages = block_on(GraphStages::create(device, rows, columns, dtype)).expect("a device");
    match file {
        Some(bytes) => stages.write(0, &bytes).expect("as many rows as said"),
        None => stages.fill(1).expect("fits"),
    }
    let mut results = vec![format!("\"device\": \"{}\"", stages.device())];
    let kept = timed("pca", &mut results, || block_on(stages.components()).expect("components"));
    results.push(format!("\"variance\": {kept:.4}"));
    timed("knn exact", &mut results, || block_on(stages.neighbours(NeighbourChoice::Exact)).expect("neighbours"));
    let search = timed("knn approximate", &mut results, || {
        block_on(stages.neighbours(NeighbourChoice::Approximate)).expect("neighbours")
    });
    results.push(format!("\"recall\": {:.4}, \"pairs\": {:.4}", search.recall.unwrap_or(1.0), search.pairs));
    let entries = timed("weights", &mut results, || stages.weights().expect("weights"));
    results.push(format!("\"entries\": {entries}"));
    let mut passes = vec![("leiden", 2)];
    if let Some(path) = arguments.get(3) {
        let bytes = std::fs::read(path).expect("the file of the graph");
        stages.read_graph(&bytes).expect("a graph as benches/graph.py writes it");
        let resolution = arguments.get(4).and_then(|text| text.parse().ok());
        stages.set_resolution(resolution.expect("the resolution behind the graph"));
    } else {
        timed("layout", &mut results, || block_on(stages.layout()).expect("layout"));
        passes.push(("leiden whole", 0));
    }
    for (name, passes) in passes {
        let found = timed(name, &mut results, || block_on(stages.communities(passes)).expect("communities"));
        results.push(format!(
            "\"{name} quality\": {:.6}, \"{name} clusters\": {}, \"{name} passes\": {}",
            found.quality, found.n_clusters, found.passes
        ));
    }
    println!("{{{}}}", results.join(", "));
}
