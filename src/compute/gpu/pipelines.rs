//! Compiled kernels, kept by kernel, entry point, conditions of the text and override constants.

use std::collections::HashMap;

use super::buffers::BUFFER_BYTES_MULTIPLE;
use super::kernels::{Kernel, Launch};
use super::shaders;

/// What a kernel's text is found by: its name and the conditions that hold.
type ModuleKey = (&'static str, Vec<&'static str>);
/// What a compiled kernel is found by: its text, the entry point, the override constants.
type Key = (ModuleKey, &'static str, Vec<(&'static str, u32)>);

#[derive(Default)]
pub struct Pipelines {
    modules: HashMap<ModuleKey, (wgpu::ShaderModule, wgpu::BindGroupLayout)>,
    pipelines: HashMap<Key, Pipeline>,
}

pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

impl Pipelines {
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles the kernel at its first use. Failures go to the error scope around the call.
    pub fn get(&mut self, device: &wgpu::Device, launch: &Launch<'_>) -> &Pipeline {
        let text = (launch.kernel.name, launch.conditions.clone());
        let key = (text.clone(), launch.entry_point, launch.constants.clone());
        self.pipelines.entry(key).or_insert_with(|| {
            let (module, layout) =
                self.modules.entry(text).or_insert_with(|| (module(device, launch), layout(device, launch.kernel)));
            Pipeline { pipeline: pipeline(device, launch, module, layout), layout: layout.clone() }
        })
    }
}

fn module(device: &wgpu::Device, launch: &Launch<'_>) -> wgpu::ShaderModule {
    let kernel = launch.kernel;
    // A missing import leaves its line in the text, which then fails to compile by name: an error, not a panic.
    let source = shaders::resolve(kernel.source, &launch.conditions).unwrap_or_else(|_| kernel.source.to_owned());
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    })
}

/// Binding 0 holds the parameters, then the inputs, then the outputs.
fn layout(device: &wgpu::Device, kernel: &Kernel) -> wgpu::BindGroupLayout {
    let buffer = |binding, ty, has_dynamic_offset, bytes_min| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: wgpu::BufferSize::new(bytes_min) },
        count: None,
    };
    let params_bytes = kernel.params_bytes as u64;
    let mut entries = vec![buffer(0, wgpu::BufferBindingType::Uniform, true, params_bytes)];
    for binding in 1..=(kernel.n_inputs + kernel.n_outputs) as u32 {
        let read_only = binding as usize <= kernel.n_inputs;
        entries.push(buffer(binding, wgpu::BufferBindingType::Storage { read_only }, false, BUFFER_BYTES_MULTIPLE));
    }
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries })
}

fn pipeline(
    device: &wgpu::Device,
    launch: &Launch<'_>,
    module: &wgpu::ShaderModule,
    layout: &wgpu::BindGroupLayout,
) -> wgpu::ComputePipeline {
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(launch.kernel.name),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    let constants: Vec<(&str, f64)> = launch.constants.iter().map(|&(name, value)| (name, f64::from(value))).collect();
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(launch.kernel.name),
        layout: Some(&pipeline_layout),
        module,
        entry_point: Some(launch.entry_point),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &constants,
            // Every kernel writes its workgroup memory before it reads it.
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}
