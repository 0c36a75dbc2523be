//! A GGUF file of any bytes opens or is refused; what opens can be loaded, and its vocabulary read.
#![no_main]

use std::rc::Rc;

use glitchscope::checkpoint::source::MemorySource;
use glitchscope::checkpoint::{Checkpoint, CheckpointError};
use glitchscope::error::Error;
use glitchscope::progress::Silent;
use glitchscope::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut source = MemorySource::default();
    source.insert("model.gguf", bytes);
    if let Ok(checkpoint) = pollster::block_on(Checkpoint::open(Rc::new(source))) {
        if let Ok(Some(stored)) = pollster::block_on(checkpoint.gguf_tokenizer())
            && let Ok(tokenizer) = Tokenizer::from_gguf(&stored)
        {
            let _ = tokenizer.encode("Repeat 'a\u{301} 😀'", true);
        }
        match pollster::block_on(checkpoint.load(&|_| true, &mut |_, _, _| Ok(()), &mut Silent)) {
            Ok(_) | Err(Error::Checkpoint(CheckpointError::NonFinite { .. })) => {}
            Err(error) => panic!("a checked file loads, or holds NaN: {error}"),
        }
    }
});
