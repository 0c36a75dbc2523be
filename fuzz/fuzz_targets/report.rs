//! A report of any bytes opens or is refused; what opens can be written, exported, and told from another. NUL bytes stand
//! between reports, which are joined as parts of a scan.
#![no_main]

use glitchscope::glitch::merge;
use glitchscope::report::{ExportFormat, Report, diff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let reports: Vec<Report> = bytes
        .split(|byte| *byte == 0)
        .take(4)
        .filter_map(|bytes| Report::from_json(std::str::from_utf8(bytes).ok()?).ok())
        .collect();
    for report in &reports {
        let json = report.to_json().expect("what was read can be written");
        let again = Report::from_json(&json).expect("what was written opens");
        assert_eq!(again.to_json().unwrap(), json);
        for format in [
            ExportFormat::Csv,
            ExportFormat::Markdown,
            ExportFormat::Html,
            ExportFormat::Strings,
            ExportFormat::StringsJson,
        ] {
            report.export(format).expect("what was read can be exported");
        }
        diff(&reports[0], report);
    }
    if let Ok(whole) = merge(reports) {
        let json = whole.to_json().expect("what was joined can be written");
        Report::from_json(&json).expect("what was joined opens");
    }
});
