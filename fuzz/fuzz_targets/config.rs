//! A configuration of any bytes is read or refused, and so is each of its keys.
#![no_main]

use glitchscope::checkpoint::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(config) = Config::from_bytes("config.json", bytes) {
        for key in config.keys() {
            let _ = (
                config.opt_usize(key),
                config.opt_f64(key),
                config.opt_bool(key),
                config.opt_str(key),
            );
            let _ = (config.ids(key), config.strings(key), config.has(key));
        }
    }
});
