//! Which tile was the fastest on which adapter, so that it is measured once. Natively a small file in the user's cache
//! folder; in a browser the page keeps the text (`wasm::gpu_tuning`).
//!
//! The text is data from outside: what is not understood is as good as not there, and is measured again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tuning::{Tile, tile_named};

/// Names of tiles by adapter.
static TILES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
/// A person has a few adapters; more are not kept.
const ADAPTERS_MAX: usize = 64;

fn tiles() -> MutexGuard<'static, BTreeMap<String, String>> {
    // A poisoned lock still holds the plain data that was written to it.
    TILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes back what [`text`] gave.
pub fn restore(text: &str) {
    let Ok(stored) = serde_json::from_str::<BTreeMap<String, String>>(text) else { return };
    tiles().extend(stored.into_iter().filter(|(_, tile)| is_staged(tile)).take(ADAPTERS_MAX));
}

fn is_staged(name: &str) -> bool {
    tile_named(name).is_some_and(|tile| tile.is_staged())
}

/// Everything that is remembered, as JSON.
pub fn text() -> String {
    serde_json::to_string(&*tiles()).expect("OK because strings serialise")
}

/// `adapter` as [`key`] names it.
pub fn tile_of(adapter: &str) -> Option<Tile> {
    #[cfg(not(target_arch = "wasm32"))]
    if tiles().is_empty()
        && let Some(stored) = file().and_then(|file| std::fs::read_to_string(file).ok())
    {
        restore(&stored);
    }
    tile_named(tiles().get(adapter)?)
}

/// A file that cannot be written costs the next run a measurement, so nobody need hear of it.
pub fn remember(adapter: String, tile: Tile) {
    tiles().insert(adapter, tile.name.to_owned());
    #[cfg(not(target_arch = "wasm32"))]
    if let Some(file) = file()
        && let Some(folder) = file.parent()
        && std::fs::create_dir_all(folder).is_ok()
    {
        let _ = std::fs::write(file, text());
    }
}

/// The adapter with all that may change its speed: driver, and the version of the kernels.
pub fn key(info: &wgpu::AdapterInfo, name: &str) -> String {
    format!("{name}, {:?}, {} {}, {}", info.backend, info.driver, info.driver_info, env!("CARGO_PKG_VERSION"))
}

#[cfg(not(target_arch = "wasm32"))]
fn file() -> Option<std::path::PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(std::path::PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(cache.join("glitchscope/gpu-tiles.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::gpu::tuning::TILES;

    /// Oracle: what was put in. Nonsense, an unknown tile and one that no GPU is measured with are left out.
    #[test]
    fn what_is_not_understood_is_left_out() {
        for nonsense in ["", "[]", "{\"a\": 1}", "{\"a\": \"7x7\"}", "{\"a\": \"64x64 unstaged\"}"] {
            restore(nonsense);
            assert_eq!(tile_named("7x7"), None);
            assert!(!tiles().contains_key("a"), "{nonsense}");
        }
        restore(&format!("{{\"an adapter of a test\": \"{}\"}}", TILES[1].name));
        assert_eq!(tile_of("an adapter of a test"), Some(TILES[1]));
        let again = text();
        restore(&again);
        assert_eq!(text(), again);
        tiles().remove("an adapter of a test");
    }
}
