//! Writes `www/src/labs/<id>/types.ts` from the Rust types of each lab, and fails when a committed file is another.
//!
//! `UPDATE=1 cargo test --lib labs::typescript` rewrites them.

use std::path::Path;

use super::LABS;
use super::{attention, holobench};

/// The declarations of each lab, in the order of the registry.
/// A lab's id and what its types are in TypeScript.
type Declared = (&'static str, fn() -> String);

const TYPES: &[Declared] = &[("attention", attention::typescript), ("holobench", holobench::typescript)];

/// Oracle: the Rust types themselves.
#[test]
fn the_pages_types_are_those_of_the_labs() {
    assert!(TYPES.iter().map(|(id, _)| *id).eq(LABS.iter().map(|lab| lab.id)), "a lab without types, or the reverse");
    for (id, declarations) in TYPES {
        let file = format!("www/src/labs/{id}/types.ts");
        let expected = format!(
            "// Generated from src/labs/{id}. Do not edit:\n// UPDATE=1 cargo test --lib labs::typescript\n{}",
            declarations()
        );
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(
            found == expected,
            "{file} is not what the Rust types say; rewrite it with UPDATE=1 cargo test --lib labs::typescript"
        );
    }
}

/// Oracle: the repository. Every lab has its page, and the page its title.
#[test]
fn every_lab_has_its_page() {
    for lab in LABS {
        assert!(lab.docs.starts_with("# ") && lab.docs.len() > 500, "docs/labs/{}.md says next to nothing", lab.id);
        assert!(!lab.needs.is_empty(), "{} needs nothing", lab.id);
    }
}
