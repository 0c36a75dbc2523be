//! The uniform a kernel reads its sizes from.

/// One member of a kernel's `Params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub offset: usize,
    /// `u32` or `f32`, in WGSL as in Rust.
    pub scalar: &'static str,
}

/// Declares `Params` as plain bytes and lists its members, so that a test can compare them with the shader's.
macro_rules! params {
    ($($name:ident: $scalar:ident),* $(,)?) => {
        #[repr(C)]
        #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        pub(super) struct Params {
            $($name: $scalar),*
        }

        const FIELDS: &[$crate::compute::gpu::kernels::Field] = &[
            $($crate::compute::gpu::kernels::Field {
                name: stringify!($name),
                offset: std::mem::offset_of!(Params, $name),
                scalar: stringify!($scalar),
            }),*
        ];
    };
}

pub(super) use params;
