//! A scan's state of any bytes is read up to where it is whole, or refused; so is the name of a part.
#![no_main]

use glitchscope::glitch::{Part, ScanState};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(part) = String::from_utf8_lossy(bytes).parse::<Part>() {
        assert_eq!(part.to_string().parse::<Part>().ok(), Some(part));
    }
    let Ok(state) = ScanState::read(bytes) else {
        return;
    };
    let again = ScanState::read(&bytes[..state.whole_bytes]).expect("what is whole is read again");
    assert_eq!((again.answered, again.whole_bytes), (state.answered, state.whole_bytes));
    let scan = state.scan.clone();
    let header = ScanState::read(scan.line().as_bytes()).expect("a header of its own");
    assert_eq!(header.answered, 0);
    // A stranger's model may have two files of one name, which is then not itself.
    let Ok(mut answers) = state.into_answers(&scan) else {
        return;
    };
    let taken: usize =
        (0..scan.model.embedding_rows.min(1 << 16)).map(|id| std::iter::from_fn(|| answers.take(id)).count()).sum();
    assert!(taken <= again.answered);
    if scan.model.embedding_rows <= 1 << 16 {
        assert_eq!(taken, again.answered);
    }
});
