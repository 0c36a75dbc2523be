//! Oracle: naga's parser and validator, and the table of ops. Every shader resolves, parses, validates, and says the
//! same as the Rust that launches it.
#![cfg(feature = "gpu")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use glitchscope::compute::gpu::kernels::{KERNELS, Kernel, Launch};
use glitchscope::compute::gpu::shaders;
use glitchscope::compute::gpu::tuning::Tuning;
use glitchscope::compute::ops::OPS;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ScalarKind, StorageAccess, TypeInner};
use sha2::{Digest, Sha256};

/// What every device offers: WebGPU's default limits.
const WORKGROUP_BYTES_MAX: u32 = 16_384;
const STORAGE_BUFFERS_MAX: usize = 8;
const LANES_MAX: u32 = 256;
/// `unpack2x16float` belongs to WGSL proper; naga asks for it by name because OpenGL ES may lack it.
const CAPABILITIES: Capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;

fn capabilities(conditions: &[&str]) -> Capabilities {
    if conditions.contains(&shaders::F16) { CAPABILITIES | Capabilities::SHADER_FLOAT16 } else { CAPABILITIES }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

fn stems(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .expect("shaders/ is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wgsl"))
        .map(|path| path.file_stem().expect("has a stem").to_string_lossy().into_owned())
        .collect()
}

fn parse(name: &str, source: &str, conditions: &[&str]) -> Result<Module, String> {
    let resolved = shaders::resolve(source, conditions).map_err(|import| format!("{name}: no import {import}"))?;
    let module =
        naga::front::wgsl::parse_str(&resolved).map_err(|error| error.emit_to_string_with_path(&resolved, name))?;
    Validator::new(ValidationFlags::all(), capabilities(conditions))
        .validate(&module)
        .map_err(|error| error.emit_to_string_with_path(&resolved, name))?;
    Ok(module)
}

/// The text without any condition.
fn module(kernel: &Kernel) -> Module {
    parse(kernel.name, kernel.source, &[]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_three_lists_are_equal() {
    let files = stems(&folder());
    let ops: BTreeSet<String> = OPS.iter().map(|op| op.name.to_owned()).collect();
    let kernels: BTreeSet<String> = KERNELS.iter().map(|kernel| kernel.name.to_owned()).collect();
    assert!(!files.is_empty());
    assert_eq!(files, ops, "shaders/*.wgsl against compute::ops::OPS");
    assert_eq!(kernels, ops, "compute::gpu::kernels::KERNELS against compute::ops::OPS");
    assert_eq!(KERNELS.len(), ops.len(), "a kernel is listed twice");

    let library: BTreeSet<String> = shaders::LIBRARY.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems(&folder().join("lib")), library, "shaders/lib/*.wgsl against shaders::LIBRARY");
    for kernel in KERNELS {
        let text = std::fs::read_to_string(folder().join(format!("{}.wgsl", kernel.name))).expect("readable");
        assert_eq!(text, kernel.source, "{} includes another file", kernel.name);
    }
}

#[test]
fn every_shader_parses_and_validates() {
    for kernel in KERNELS {
        let module = module(kernel);
        assert!(
            module.entry_points.iter().any(|entry| entry.name == "forward"),
            "{}: no entry point `forward`",
            kernel.name
        );
    }
}

/// Negative control: what is wrong must be found.
#[test]
fn a_broken_shader_is_found() {
    assert!(parse("import", "#import nothing\n", &[]).is_err());
    assert!(parse("syntax", "fn forward( {", &[]).is_err());
    // Parses, and does not validate: a local variable cannot be a runtime-sized array.
    assert!(parse("validity", "fn f() { var a: array<f32>; }", &[]).is_err());
}

/// The uniform at binding 0, member by member: name, offset, type, and the size of the whole.
fn params(module: &Module) -> (Vec<(String, usize, String)>, usize) {
    let variable = module
        .global_variables
        .iter()
        .map(|(_, variable)| variable)
        .find(|variable| variable.space == AddressSpace::Uniform)
        .expect("a uniform");
    let TypeInner::Struct { members, span } = &module.types[variable.ty].inner else {
        panic!("the uniform is not a struct");
    };
    let members = members
        .iter()
        .map(|member| {
            let TypeInner::Scalar(scalar) = module.types[member.ty].inner else {
                panic!("a member is not a scalar");
            };
            let kind = match scalar.kind {
                ScalarKind::Uint => "u32",
                ScalarKind::Float => "f32",
                other => panic!("a member is {other:?}"),
            };
            (member.name.clone().expect("members have names"), member.offset as usize, kind.to_owned())
        })
        .collect();
    (members, *span as usize)
}

fn params_agree(kernel: &Kernel, module: &Module) -> Result<(), String> {
    let rust: Vec<(String, usize, String)> =
        kernel.params.iter().map(|field| (field.name.to_owned(), field.offset, field.scalar.to_owned())).collect();
    let (wgsl, span) = params(module);
    if (&rust, kernel.params_bytes) == (&wgsl, span) {
        Ok(())
    } else {
        Err(format!("{}: Rust {rust:?} ({} bytes), WGSL {wgsl:?} ({span} bytes)", kernel.name, kernel.params_bytes))
    }
}

#[test]
fn params_are_equal_in_rust_and_wgsl() {
    for kernel in KERNELS {
        params_agree(kernel, &module(kernel)).unwrap();
        assert!(!kernel.params.is_empty() && kernel.params_bytes <= 256, "{}", kernel.name);
    }
}

/// Negative control: a member renamed, retyped, moved or added must be found.
#[test]
fn unequal_params_are_found() {
    let kernel = KERNELS.iter().find(|kernel| kernel.name == "softcap").expect("is listed");
    for (from, to) in [
        ("n_elements: u32,", "n_items: u32,"),
        ("cap: f32,", "cap: u32,"),
        ("n_elements: u32,\n    cap: f32,", "cap: f32,\n    n_elements: u32,"),
        ("cap: f32,", "cap: f32,\n    more: u32,"),
    ] {
        let source = format!(
            "{} @group(0) @binding(0) var<uniform> params: Params;",
            "struct Params {\n    n_elements: u32,\n    cap: f32,\n}"
        );
        let intact = naga::front::wgsl::parse_str(&source).expect("parses");
        params_agree(kernel, &intact).unwrap();
        let changed = naga::front::wgsl::parse_str(&source.replace(from, to)).expect("parses");
        assert!(params_agree(kernel, &changed).is_err(), "{from} became {to} unnoticed");
    }
}

/// (binding, name, is written), from binding 1 on.
fn storage_bindings(module: &Module) -> Vec<(u32, String, bool)> {
    let mut bindings: Vec<_> = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| match variable.space {
            AddressSpace::Storage { access } => {
                let binding = variable.binding.as_ref().expect("storage is bound");
                assert_eq!(binding.group, 0);
                let name = variable.name.clone().expect("has a name");
                Some((binding.binding, name, access.contains(StorageAccess::STORE)))
            }
            _ => None,
        })
        .collect();
    bindings.sort();
    bindings
}

#[test]
fn bindings_are_as_rust_lays_them_out() {
    for kernel in KERNELS {
        let bindings = storage_bindings(&module(kernel));
        let got: Vec<(u32, bool)> = bindings.iter().map(|&(binding, _, written)| (binding, written)).collect();
        let expected: Vec<(u32, bool)> =
            (0..kernel.n_inputs + kernel.n_outputs).map(|i| (i as u32 + 1, i >= kernel.n_inputs)).collect();
        assert_eq!(got, expected, "{}", kernel.name);
        assert!(got.len() <= STORAGE_BUFFERS_MAX, "{}: more than {STORAGE_BUFFERS_MAX} storage buffers", kernel.name);
    }
}

/// With the conditions and override constants that the launches of the ops' examples pass under every tuning, every kernel
/// keeps to the limits that every device has; and every constant passed exists, and every one that exists is passed.
#[test]
fn launches_keep_to_the_default_limits() {
    let mut seen = BTreeSet::new();
    for_every_launch(|launch| keeps_to_the_limits(launch, &mut seen));
    for kernel in KERNELS {
        for name in names_after(kernel.source, "override ") {
            assert!(seen.contains(&(kernel.name, name.clone())), "{}: override {name} is never passed", kernel.name);
        }
        // Half precision is for products alone, in code that gradients share.
        for name in names_after(kernel.source, "#if ").into_iter().filter(|name| name != shaders::F16) {
            assert!(seen.contains(&(kernel.name, name.clone())), "{}: condition {name} never holds", kernel.name);
        }
    }
}

fn keeps_to_the_limits(launch: &Launch<'_>, seen: &mut BTreeSet<(&'static str, String)>) {
    // Once for each text and set of constants: most examples differ in their numbers only.
    if !seen.insert((launch.kernel.name, format!("{:?} {:?}", launch.conditions, launch.constants))) {
        return;
    }
    let module =
        parse(launch.kernel.name, launch.kernel.source, &launch.conditions).unwrap_or_else(|error| panic!("{error}"));
    let info = Validator::new(ValidationFlags::all(), capabilities(&launch.conditions)).validate(&module);
    let info = info.expect("validates");
    let constants = launch.constants.iter().map(|&(name, value)| (name.to_owned(), f64::from(value))).collect();
    let (resolved, resolved_info) = naga::back::pipeline_constants::process_overrides(
        &module,
        &info,
        Some((naga::ShaderStage::Compute, launch.entry_point)),
        &constants,
    )
    .unwrap_or_else(|error| panic!("{}: {error}", launch.kernel.name));
    let declared: BTreeSet<&str> =
        module.overrides.iter().filter_map(|(_, declared)| declared.name.as_deref()).collect();
    for (name, _) in &launch.constants {
        assert!(declared.contains(name), "{}: no override {name}", launch.kernel.name);
        seen.insert((launch.kernel.name, (*name).to_owned()));
    }
    let conditions: BTreeSet<String> = names_after(launch.kernel.source, "#if ").into_iter().collect();
    for condition in &launch.conditions {
        assert!(conditions.contains(*condition), "{}: no condition {condition}", launch.kernel.name);
        seen.insert((launch.kernel.name, (*condition).to_owned()));
    }
    let index = resolved
        .entry_points
        .iter()
        .position(|entry| entry.name == launch.entry_point)
        .unwrap_or_else(|| panic!("{}: no entry point {}", launch.kernel.name, launch.entry_point));
    let lanes: u32 = resolved.entry_points[index].workgroup_size.iter().product();
    assert!(lanes <= LANES_MAX, "{}: {lanes} lanes", launch.kernel.name);
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(resolved.to_ctx()).expect("lays out");
    let used = resolved_info.get_entry_point(index);
    let bytes: u32 = resolved
        .global_variables
        .iter()
        .filter(|(handle, variable)| variable.space == AddressSpace::WorkGroup && !used[*handle].is_empty())
        .map(|(_, variable)| layouter[variable.ty].size)
        .sum();
    assert!(
        bytes <= WORKGROUP_BYTES_MAX,
        "{}: {bytes} bytes of workgroup memory in {}, {:?}",
        launch.kernel.name,
        launch.entry_point,
        launch.constants
    );
    assert_eq!(launch.tensors.len(), launch.kernel.n_inputs + launch.kernel.n_outputs);
    assert_eq!(launch.params.len(), launch.kernel.params_bytes);
}

/// One launch of every text that a kernel can have, for `tests/web/shaders.test.mjs`, which cannot call Rust: conditions,
/// constants, and a hash of the text, so that both put it together alike.
#[test]
fn the_list_of_texts_for_the_browser_is_up_to_date() {
    let mut texts = BTreeMap::new();
    for_every_launch(|launch| {
        let text = shaders::resolve(launch.kernel.source, &launch.conditions).expect("resolves");
        let hash: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        let constants: BTreeMap<&str, u32> = launch.constants.iter().copied().collect();
        texts.entry((launch.kernel.name, launch.conditions.clone())).or_insert_with(|| {
            let conditions = serde_json::to_string(&launch.conditions).expect("strings");
            let constants = serde_json::to_string(&constants).expect("numbers");
            format!(
                r#"{{"kernel":"{}","conditions":{conditions},"constants":{constants},"sha256":"{hash}"}}"#,
                launch.kernel.name
            )
        });
    });
    let lines: Vec<String> = texts.into_values().collect();
    let expected = format!("[\n{}\n]\n", lines.join(",\n"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/shaders/texts.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().expect("has a folder")).expect("writable");
        std::fs::write(&file, &expected).expect("writable");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{} is stale: UPDATE=1 cargo test --test suite shape_shaders", file.display());
}

/// The launches of the ops' examples under every tuning.
fn for_every_launch(mut see: impl FnMut(&Launch<'_>)) {
    let mut tunings = Tuning::all();
    tunings.push(Tuning { half: true, ..Tuning::default() });
    for op in OPS {
        for example in (op.examples)(&mut glitchscope::rng::Rng::new(1)) {
            let mut recording = glitchscope::compute::Recording::new();
            let inputs: Vec<_> = example.inputs.iter().collect();
            let outputs: Vec<_> = example.outputs.iter().collect();
            recording.push(example.op, &inputs, &outputs).expect("examples are well formed");
            for tuning in &tunings {
                let launch = glitchscope::compute::gpu::kernels::launch(&recording.dispatches()[0], tuning);
                see(&launch.expect("launches"));
            }
        }
    }
}

/// The words that follow `keyword` at the start of a line of a kernel's text and of what it imports, in order.
fn names_after(source: &str, keyword: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut texts = vec![source];
    let mut imported = BTreeSet::new();
    while let Some(text) = texts.pop() {
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("#import ")
                && imported.insert(name.trim())
            {
                texts.extend(shaders::LIBRARY.iter().filter(|(stem, _)| *stem == name.trim()).map(|(_, text)| text));
            }
            if let Some(rest) = line.strip_prefix(keyword) {
                let name: String =
                    rest.trim_start_matches('!').chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    names
}

/// `shaders/README.md` lists every kernel with its bindings, overrides and conditions.
#[test]
fn the_readme_is_up_to_date() {
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("shaders/README.md is there");
    let mut missing = Vec::new();
    for kernel in KERNELS {
        let module = module(kernel);
        let bindings: Vec<String> = storage_bindings(&module)
            .into_iter()
            .map(|(_, name, written)| if written { format!("**{name}**") } else { name })
            .collect();
        let listed = |keyword: &str| {
            let names: Vec<String> =
                names_after(kernel.source, keyword).iter().map(|name| format!("`{name}`")).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        for entry in &module.entry_points {
            assert_eq!(entry.name, "forward", "{}", kernel.name);
        }
        let row = format!(
            "| [{0}]({0}.wgsl) | {1} | {2} | {3} |",
            kernel.name,
            bindings.join(", "),
            listed("override "),
            listed("#if ")
        );
        if !readme.contains(&row) {
            missing.push(row);
        }
    }
    assert!(missing.is_empty(), "shaders/README.md lacks these rows:\n{}", missing.join("\n"));
}
