//! Oracle: the repository itself. Every path that a document names exists.

use std::path::Path;

const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/EVIDENCE.md",
    "docs/GLOSSARY.md",
    "docs/ORACLES.md",
    "docs/PREVALENCE_AND_REPAIR.md",
    "docs/THREADS.md",
    "docs/labs/attention.md",
    "docs/labs/holobench.md",
    "examples/ray/README.md",
    "shaders/README.md",
    "tools/specimen/README.md",
];

/// Top-level names that begin a path of this repository. What a build makes is not among them.
const ROOTS: &[&str] =
    &["src/", "shaders/", "tests/", "tools/", "docs/", "www/src/", "www/public/", "fuzz/", ".cargo/"];

/// Paths in backticks or in the target of a link. A placeholder such as `<op>` or `*` stands for many files.
fn paths(text: &str) -> Vec<String> {
    text.split(['`', '(', ')', '"', ' ', '\n'])
        .map(|word| word.trim_end_matches(['.', ',', ':', ';']))
        .filter(|word| {
            ROOTS.iter().any(|root| word.starts_with(root))
                || word.trim_start_matches('.') != "md" && word.ends_with(".md")
        })
        .filter(|word| !word.contains(['<', '*', '{', '…', '#']) && !word.starts_with("http"))
        .map(str::to_owned)
        .collect()
}

/// Git keeps files only: a folder without one is there at the desk and missing in a clone.
fn is_kept(path: &Path) -> bool {
    path.is_file()
        || std::fs::read_dir(path).is_ok_and(|mut entries| entries.any(|entry| is_kept(&entry.unwrap().path())))
}

#[test]
fn every_path_in_the_documents_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut n_paths = 0;
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let file = root.join(document);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{document}: {error}"));
        for path in paths(&text) {
            n_paths += 1;
            let beside = file.parent().unwrap().join(&path);
            if !is_kept(&root.join(&path)) && !is_kept(&beside) && !path.starts_with("docs/labs/") {
                missing.push(format!("{document} names {path}"));
            }
        }
    }
    assert!(n_paths > 30, "only {n_paths} paths were found: the search is broken");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Negative control: a path that does not exist is seen as one.
#[test]
fn a_path_is_recognised() {
    assert_eq!(
        paths("see `src/nowhere.rs`, [x](docs/NOWHERE.md) and `src/<op>.rs`"),
        ["src/nowhere.rs", "docs/NOWHERE.md"]
    );
}

/// Negative control: an empty folder is not kept.
#[test]
fn an_empty_folder_is_not_kept() {
    let folder = std::env::temp_dir().join(format!("glitchscope-empty-folder-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("within")).unwrap();
    assert!(!is_kept(&folder));
    std::fs::write(folder.join("within/file"), "").unwrap();
    assert!(is_kept(&folder));
    std::fs::remove_dir_all(&folder).unwrap();
}
