//! The text of the kernels. A line `#import name` stands for `shaders/lib/<name>.wgsl`, put in once. Lines between
//! `#if name` (or `#if !name`), `#else` and `#end` are there when the launch sets that condition.
//!
//! Conditions are for what an override constant cannot say, the types and workgroup memory of a kernel, and for large
//! alternatives: a driver compiles an `if` whose condition is constant before it drops it, and on a software adapter
//! compiling then takes seconds.

/// Code shared by kernels, by import name.
pub const LIBRARY: &[(&str, &str)] = &[
    ("attention", include_str!("../../../shaders/lib/attention.wgsl")),
    ("attention_backward", include_str!("../../../shaders/lib/attention_backward.wgsl")),
    ("attention_fours", include_str!("../../../shaders/lib/attention_fours.wgsl")),
    ("blocks", include_str!("../../../shaders/lib/blocks.wgsl")),
    ("four", include_str!("../../../shaders/lib/four.wgsl")),
    ("fours", include_str!("../../../shaders/lib/fours.wgsl")),
    ("gelu", include_str!("../../../shaders/lib/gelu.wgsl")),
    ("index", include_str!("../../../shaders/lib/index.wgsl")),
    ("reduce", include_str!("../../../shaders/lib/reduce.wgsl")),
    ("stored", include_str!("../../../shaders/lib/stored.wgsl")),
    ("tanh", include_str!("../../../shaders/lib/tanh.wgsl")),
    ("tile", include_str!("../../../shaders/lib/tile.wgsl")),
];

/// The condition under which a kernel computes in half precision; WGSL wants that said in the first line.
pub const F16: &str = "f16";

/// The source with its imports in place and without the lines whose conditions are not among `conditions`.
///
/// Errors: the name of an import that the library does not have, or the line of a condition that does not pair up.
pub fn resolve(source: &str, conditions: &[&str]) -> Result<String, String> {
    let mut resolved = String::with_capacity(2 * source.len());
    if conditions.contains(&F16) {
        resolved.push_str("enable f16;\n");
    }
    expand(source, conditions, &mut Vec::new(), &mut resolved)?;
    Ok(resolved)
}

fn expand<'a>(
    source: &'a str,
    conditions: &[&str],
    seen: &mut Vec<&'a str>,
    resolved: &mut String,
) -> Result<(), String> {
    // Whether the lines of each open condition are taken.
    let mut open: Vec<bool> = Vec::new();
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("#if ") {
            let name = name.trim();
            open.push(match name.strip_prefix('!') {
                Some(name) => !conditions.contains(&name),
                None => conditions.contains(&name),
            });
        } else if line == "#else" {
            let taken = open.last_mut().ok_or_else(|| line.to_owned())?;
            *taken = !*taken;
        } else if line == "#end" {
            open.pop().ok_or_else(|| line.to_owned())?;
        } else if open.contains(&false) {
            continue;
        } else if let Some(name) = line.strip_prefix("#import ") {
            let name = name.trim();
            let (_, text) = LIBRARY.iter().find(|(stem, _)| *stem == name).ok_or_else(|| name.to_owned())?;
            if !seen.contains(&name) {
                seen.push(name);
                expand(text, conditions, seen, resolved)?;
            }
        } else {
            resolved.push_str(line);
            resolved.push('\n');
        }
    }
    if open.is_empty() { Ok(()) } else { Err("#if".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. Imported twice, present once; an unknown name is named.
    #[test]
    fn imports_are_put_in_once() {
        let resolved = resolve("#import index\n#import index\nfn last() {}\n", &[]).unwrap();
        assert_eq!(resolved.matches("fn workgroup_index").count(), 1);
        assert!(resolved.ends_with("fn last() {}\n") && !resolved.contains("#import"));
        assert_eq!(resolve("#import nothing\n", &[]), Err("nothing".to_owned()));
    }

    /// Oracle: by hand. Conditions nest, an import may stand inside one, and what does not pair up is an error.
    #[test]
    fn conditions_choose_lines() {
        let source = "#if a\n1\n#if !b\n2\n#else\n3\n#end\n#else\n4\n#end\n5\n";
        for (conditions, expected) in [
            (&["a"][..], "1\n2\n5\n"),
            (&["a", "b"], "1\n3\n5\n"),
            (&["b"], "4\n5\n"),
            (&["f16"], "enable f16;\n4\n5\n"),
        ] {
            assert_eq!(resolve(source, conditions).unwrap(), expected, "{conditions:?}");
        }
        assert_eq!(resolve("#if a\n#import nothing\n#end\n", &[]).unwrap(), "");
        for broken in ["#if a\n", "#else\n", "#end\n", "#if a\n#end\n#end\n"] {
            assert!(resolve(broken, &[]).is_err(), "{broken:?}");
        }
    }
}
