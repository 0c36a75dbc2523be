//! Oracle: naga's parser and validator, and the table of ops. Every shader resolves, parses, validates, and says the
//! same as the Rust that launches it.
#![cfg(feature = "gpu")]

use std::collections::BTreeSet;
use std::path::Path;

use glitchscope::compute::gpu::kernels::{KERNELS, Kernel};
use glitchscope::compute::gpu::shaders;
use glitchscope::compute::ops::OPS;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ScalarKind, StorageAccess, TypeInner};

/// What every device offers: WebGPU's default limits.
const WORKGROUP_BYTES_MAX: u32 = 16_384;
const STORAGE_BUFFERS_MAX: usize = 8;
const LANES_MAX: u32 = 256;
/// `unpack2x16float` belongs to WGSL proper; naga asks for it by name because OpenGL ES may lack it.
const CAPABILITIES: Capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;

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

fn parse(name: &str, source: &str) -> Result<Module, String> {
    let resolved = shaders::resolve(source).map_err(|import| format!("{name}: no import {import}"))?;
    let module =
        naga::front::wgsl::parse_str(&resolved).map_err(|error| error.emit_to_string_with_path(&resolved, name))?;
    Validator::new(ValidationFlags::all(), CAPABILITIES)
        .validate(&module)
        .map_err(|error| error.emit_to_string_with_path(&resolved, name))?;
    Ok(module)
}

fn module(kernel: &Kernel) -> Module {
    parse(kernel.name, kernel.source).unwrap_or_else(|error| panic!("{error}"))
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
    assert!(parse("import", "#import nothing\n").is_err());
    assert!(parse("syntax", "fn forward( {").is_err());
    // Parses, and does not validate: a local variable cannot be a runtime-sized array.
    assert!(parse("validity", "fn f() { var a: array<f32>; }").is_err());
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

/// With the override constants that the launches of the ops' examples pass, every entry point keeps to the limits that
/// every device has; and every constant passed exists, and every one that exists is passed.
#[test]
fn launches_keep_to_the_default_limits() {
    let mut seen = BTreeSet::new();
    for op in OPS {
        for example in (op.examples)(&mut glitchscope::rng::Rng::new(1)) {
            let mut recording = glitchscope::compute::Recording::new();
            let inputs: Vec<_> = example.inputs.iter().collect();
            let outputs: Vec<_> = example.outputs.iter().collect();
            recording.push(example.op, &inputs, &outputs).expect("examples are well formed");
            let launch = glitchscope::compute::gpu::kernels::launch(&recording.dispatches()[0]).expect("launches");
            let module = module(launch.kernel);
            let info = Validator::new(ValidationFlags::all(), CAPABILITIES).validate(&module).expect("validates");
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
                "{}: {bytes} bytes of workgroup memory in {}",
                launch.kernel.name,
                launch.entry_point
            );
            assert_eq!(launch.tensors.len(), launch.kernel.n_inputs + launch.kernel.n_outputs);
            assert_eq!(launch.params.len(), launch.kernel.params_bytes);
        }
    }
    for kernel in KERNELS {
        for (_, declared) in module(kernel).overrides.iter() {
            let name = declared.name.clone().expect("has a name");
            assert!(seen.contains(&(kernel.name, name.clone())), "{}: override {name} is never passed", kernel.name);
        }
    }
}

/// `shaders/README.md` lists every entry point with its bindings and overrides.
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
        let mut overrides: Vec<String> = module
            .overrides
            .iter()
            .map(|(_, declared)| format!("`{}`", declared.name.as_deref().unwrap_or("?")))
            .collect();
        if overrides.is_empty() {
            overrides.push("none".into());
        }
        for entry in &module.entry_points {
            let row = format!(
                "| [{0}]({0}.wgsl) | `{1}` | {2} | {3} |",
                kernel.name,
                entry.name,
                bindings.join(", "),
                overrides.join(", ")
            );
            if !readme.contains(&row) {
                missing.push(row);
            }
        }
    }
    assert!(missing.is_empty(), "shaders/README.md lacks these rows:\n{}", missing.join("\n"));
}
