//! A shard index of any bytes opens or is refused.
#![no_main]

use std::rc::Rc;

use glitchscope::checkpoint::Checkpoint;
use glitchscope::checkpoint::source::MemorySource;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let header = br#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut shard = (header.len() as u64).to_le_bytes().to_vec();
    shard.extend_from_slice(header);
    shard.extend_from_slice(&[0; 4]);
    let mut source = MemorySource::default();
    source.insert("config.json", "{}");
    source.insert("a", shard);
    source.insert("model.safetensors.index.json", bytes);
    let _ = pollster::block_on(Checkpoint::open(Rc::new(source)));
});
