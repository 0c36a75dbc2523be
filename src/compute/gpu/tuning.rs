//! What may differ from device to device without changing a result: how products are cut into tiles, how many lanes
//! share a reduction, how much workgroup memory attention takes.

/// How a product is shared out; see `shaders/lib/tile.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Rows by columns of outputs, and where the operands are.
    pub name: &'static str,
    /// Lanes of a workgroup along the rows and along the columns of the output.
    pub lanes_m: u32,
    pub lanes_n: u32,
    /// Squares of 4 × 4 outputs of a lane, 1 or 2 each way.
    pub blocks_m: u32,
    pub blocks_n: u32,
    /// How much of K passes through workgroup memory at a time; 0: every lane fetches its operands itself.
    pub depth: u32,
}

impl Tile {
    const fn new(name: &'static str, lanes: [u32; 2], blocks: [u32; 2], depth: u32) -> Tile {
        Tile { name, lanes_m: lanes[0], lanes_n: lanes[1], blocks_m: blocks[0], blocks_n: blocks[1], depth }
    }

    pub fn is_staged(&self) -> bool {
        self.depth > 0
    }

    /// Rows of outputs.
    pub fn rows(&self) -> usize {
        4 * (self.lanes_m * self.blocks_m) as usize
    }

    /// Columns of outputs.
    pub fn columns(&self) -> usize {
        4 * (self.lanes_n * self.blocks_n) as usize
    }

    /// The override constants that say all this to the kernel.
    pub fn constants(&self) -> Vec<(&'static str, u32)> {
        let mut constants = vec![
            ("lanes_m", self.lanes_m),
            ("lanes_n", self.lanes_n),
            ("blocks_m", self.blocks_m),
            ("blocks_n", self.blocks_n),
        ];
        if self.is_staged() {
            constants.push(("tile_depth", self.depth));
            constants.push(("left_fours", self.depth * (self.lanes_m * self.blocks_m + 1)));
            constants.push(("right_fours", self.depth * (self.lanes_n * self.blocks_n + 1)));
        }
        constants
    }
}

/// What a device chooses from for large products. All keep to 16 KiB of workgroup memory and 256 lanes.
pub const TILES: &[Tile] = &[
    Tile::new("64x64", [8, 8], [2, 2], 16),
    Tile::new("128x64", [16, 8], [2, 2], 16),
    Tile::new("128x128", [16, 16], [2, 2], 8),
    SMALL_TILE,
    Tile::new("64x64 unstaged", [8, 8], [2, 2], 0),
];
/// Staged, for outputs with few rows.
pub const SMALL_TILE: Tile = Tile::new("32x32", [8, 8], [1, 1], 16);
/// Not staged, for at most 4 and at most 8 rows.
pub const FLAT_TILES: [Tile; 2] =
    [Tile::new("4x128 unstaged", [1, 16], [1, 2], 0), Tile::new("8x128 unstaged", [1, 16], [2, 2], 0)];

/// The choices of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    pub tile: Tile,
    /// At most so many lanes add up a row: each costs a software adapter a context switch at every barrier.
    pub reduction_lanes: u32,
    /// Workgroup memory of the device, in bytes.
    pub workgroup_bytes: u32,
    /// Operands of products rounded to f16 on their way through workgroup memory.
    pub half: bool,
}

impl Default for Tuning {
    /// What every device with WebGPU takes.
    fn default() -> Self {
        Tuning { tile: TILES[0], reduction_lanes: 256, workgroup_bytes: 16_384, half: false }
    }
}

impl Tuning {
    /// For a GPU that the processor imitates: barriers cost more there than products. Measured on SwiftShader, as
    /// ARCHITECTURE.md says.
    pub fn software() -> Self {
        Tuning { tile: tile_named("64x64 unstaged").unwrap_or(TILES[0]), reduction_lanes: 4, ..Tuning::default() }
    }

    /// Every choice of tile that a device may make, for tests.
    pub fn all() -> Vec<Tuning> {
        TILES
            .iter()
            .map(|&tile| if tile.is_staged() { Tuning { tile, ..Tuning::default() } } else { Tuning::software() })
            .collect()
    }

    /// Lanes of a kernel that would like to have `wanted`; both are powers of two.
    pub fn lanes(&self, wanted: u32) -> u32 {
        wanted.min(self.reduction_lanes)
    }
}

pub fn tile_named(name: &str) -> Option<Tile> {
    TILES.iter().find(|tile| tile.name == name).copied()
}
