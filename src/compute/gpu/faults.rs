//! What the GPU says went wrong: through error scopes, through the handler for errors outside them, and when the
//! device is lost.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::compute::ComputeError;

#[derive(Default)]
struct State {
    lost: Option<String>,
    uncaptured: Option<String>,
}

/// Errors that arrive on their own. Cheap to ask, so asked at every turn.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    pub fn watch(device: &wgpu::Device) -> Self {
        let faults = Faults::default();
        let on_lost = faults.clone();
        device.set_device_lost_callback(move |reason, message| {
            on_lost.state().lost = Some(format!("{reason:?}: {message}"));
        });
        let on_error = faults.clone();
        let record = move |message: String| {
            // The first error is the cause; those that follow are its consequences.
            on_error.state().uncaptured.get_or_insert(message);
        };
        #[cfg(not(target_arch = "wasm32"))]
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| record(error.to_string())));
        #[cfg(target_arch = "wasm32")]
        super::browser::on_uncaptured_error(device, record);
        faults
    }

    /// A lost device stays lost; any other error is reported once.
    pub fn check(&self) -> Result<(), ComputeError> {
        let mut state = self.state();
        if let Some(reason) = &state.lost {
            return Err(ComputeError::DeviceLost { reason: reason.clone() });
        }
        match state.uncaptured.take() {
            Some(reason) => Err(ComputeError::Gpu { reason }),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock still holds the plain data that was written to it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scopes around one piece of work. `Internal` has none: wgpu panics on it in the browser, so such errors go to
/// the handler above.
pub struct Scopes {
    memory: wgpu::ErrorScopeGuard,
    validation: wgpu::ErrorScopeGuard,
}

impl Scopes {
    pub fn push(device: &wgpu::Device) -> Self {
        Scopes {
            memory: device.push_error_scope(wgpu::ErrorFilter::OutOfMemory),
            validation: device.push_error_scope(wgpu::ErrorFilter::Validation),
        }
    }

    /// Ends the scopes at once; what they caught is known when the verdict settles. `needed_bytes` is what the work
    /// asked for, for the message.
    pub fn pop(self, needed_bytes: u64) -> Verdict {
        // Scopes end in the reverse of the order in which they began.
        let validation = self.validation.pop();
        let memory = self.memory.pop();
        Verdict {
            needed_bytes,
            caught: Box::pin(async move {
                let memory = memory.await;
                memory.or(validation.await)
            }),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
type Caught = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;
#[cfg(target_arch = "wasm32")]
type Caught = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// Whether the GPU accepted the work. Natively known at once, in a browser after its event loop has turned.
pub struct Verdict {
    needed_bytes: u64,
    caught: Caught,
}

impl Verdict {
    pub async fn settle(self, device_name: &str) -> Result<(), ComputeError> {
        judge(self.caught.await, self.needed_bytes, device_name)
    }

    /// The verdict if it is known already, otherwise itself to be settled later.
    pub fn settle_now(mut self, device_name: &str) -> Result<Result<(), ComputeError>, Verdict> {
        match self.caught.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(caught) => Ok(judge(caught, self.needed_bytes, device_name)),
            Poll::Pending => Err(self),
        }
    }
}

fn judge(caught: Option<wgpu::Error>, needed_bytes: u64, device_name: &str) -> Result<(), ComputeError> {
    match caught {
        None => Ok(()),
        Some(wgpu::Error::OutOfMemory { .. }) => {
            Err(ComputeError::OutOfMemory { device: device_name.into(), needed_bytes, available_bytes: None })
        }
        Some(error) => Err(ComputeError::Gpu { reason: error.to_string() }),
    }
}
