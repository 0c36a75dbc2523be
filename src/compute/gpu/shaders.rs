//! The text of the kernels. A line `#import name` stands for `shaders/lib/<name>.wgsl`, put in once.

/// Code shared by kernels, by import name.
pub const LIBRARY: &[(&str, &str)] = &[
    ("attention", include_str!("../../../shaders/lib/attention.wgsl")),
    ("blocks", include_str!("../../../shaders/lib/blocks.wgsl")),
    ("gelu", include_str!("../../../shaders/lib/gelu.wgsl")),
    ("index", include_str!("../../../shaders/lib/index.wgsl")),
    ("reduce", include_str!("../../../shaders/lib/reduce.wgsl")),
    ("stored", include_str!("../../../shaders/lib/stored.wgsl")),
    ("tanh", include_str!("../../../shaders/lib/tanh.wgsl")),
];

/// The source with its imports in place.
///
/// Errors: the name of an import that the library does not have.
pub fn resolve(source: &str) -> Result<String, String> {
    let mut seen = Vec::new();
    let mut resolved = String::with_capacity(2 * source.len());
    expand(source, &mut seen, &mut resolved)?;
    Ok(resolved)
}

fn expand<'a>(source: &'a str, seen: &mut Vec<&'a str>, resolved: &mut String) -> Result<(), String> {
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("#import ") {
            let name = name.trim();
            let (_, text) = LIBRARY.iter().find(|(stem, _)| *stem == name).ok_or_else(|| name.to_owned())?;
            if !seen.contains(&name) {
                seen.push(name);
                expand(text, seen, resolved)?;
            }
        } else {
            resolved.push_str(line);
            resolved.push('\n');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. Imported twice, present once; an unknown name is named.
    #[test]
    fn imports_are_put_in_once() {
        let resolved = resolve("#import index\n#import index\nfn last() {}\n").unwrap();
        assert_eq!(resolved.matches("fn workgroup_index").count(), 1);
        assert!(resolved.ends_with("fn last() {}\n") && !resolved.contains("#import"));
        assert_eq!(resolve("#import nothing\n"), Err("nothing".to_owned()));
    }
}
