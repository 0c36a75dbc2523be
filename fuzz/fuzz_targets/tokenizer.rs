//! A tokenizer of any bytes works or is refused. The bytes before the first NUL are `tokenizer.json`, the others a text.
#![no_main]

use glitchscope::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let (json, text) = bytes.split_at(end);
    let Ok(tokenizer) = Tokenizer::from_bytes(json, None) else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    for special in [false, true] {
        if let Ok(encoding) = tokenizer.encode(&text, special) {
            let _ = (
                encoding.char_offsets(&text),
                tokenizer.decode(&encoding.ids, special),
            );
        }
    }
    for id in 0..tokenizer.vocab_size().min(50) as u32 {
        let _ = (tokenizer.class(id), tokenizer.token_bytes(id));
    }
    let _ = tokenizer.splice("Repeat '", &text);
});
