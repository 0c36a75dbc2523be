//! When a GPU is lost in the middle of work: a driver was reset, a laptop slept, the browser took the device away.
//!
//! The weights went with it, so the device is opened again and the checkpoint streamed to it again; whoever ran the
//! batch repeats it. The processor takes over only for those who left the choice of device open (`Auto`): who asked for
//! the GPU gets the GPU or an error. Either way there is a sentence about it, which belongs into the result.

use std::rc::Rc;

use super::Model;
use crate::checkpoint::Checkpoint;
use crate::compute::cpu::CpuDevice;
use crate::compute::{ComputeError, Device, DevicePreference};
use crate::error::{Error, Result};
use crate::progress::{Event, Monitor};

/// Losses after which the GPU is not opened again: a device that is lost every minute would never get done.
pub const LOSSES_MAX: u32 = 3;

/// Where a model came from, so that it can be brought to a device once more.
pub struct Origin {
    pub checkpoint: Rc<Checkpoint>,
    /// What was asked for: `Auto` agrees to the processor.
    pub preference: DevicePreference,
    /// How often the GPU was lost so far.
    pub losses: u32,
}

impl Origin {
    pub fn new(checkpoint: Rc<Checkpoint>, preference: DevicePreference) -> Self {
        Origin { checkpoint, preference, losses: 0 }
    }
}

impl Model {
    /// Makes the model stand on a device again after `error`, and says in a sentence what was done. `None` when nothing
    /// can be done about it: then `error` is the caller's result. Everything that lived on the old device is gone, so the
    /// caller makes its caches anew.
    ///
    /// Errors: `Cancelled` while the weights were on their way, and what the checkpoint says when it cannot be read.
    pub async fn recover(&mut self, error: &Error, monitor: &mut dyn Monitor) -> Result<Option<String>> {
        let Some(origin) = &mut self.origin else { return Ok(None) };
        let Error::Compute(fault) = error else { return Ok(None) };
        if !fault.is_device() {
            return Ok(None);
        }
        origin.losses += 1;
        let (checkpoint, preference, losses) = (origin.checkpoint.clone(), origin.preference, origin.losses);
        let mut reason = fault.to_string();
        // Work that is refused can be the first sign of a loss, before the browser says so.
        let may_be_lost = matches!(fault, ComputeError::DeviceLost { .. } | ComputeError::Gpu { .. });
        if may_be_lost && losses <= LOSSES_MAX {
            monitor.event(Event::Stage { stage: "loading weights", detail: format!("again, because {reason}") });
            match self.reopen(&checkpoint, preference, monitor).await {
                Ok(()) => {
                    let name = self.device.info().name;
                    return Ok(Some(format!("{reason}. {name} was opened again, and the batch was repeated.")));
                }
                Err(again) if !again.is_device() => return Err(again),
                Err(again) => reason = format!("{reason}, and could not be opened again ({again})"),
            }
        }
        if preference != DevicePreference::Auto {
            return Ok(None);
        }
        monitor.event(Event::Stage { stage: "loading weights", detail: format!("on the CPU, because {reason}") });
        let device = Device::Cpu(CpuDevice::new(format!("the work began on another device: {reason}")));
        self.load_again(&checkpoint, device, monitor).await?;
        Ok(Some(format!("{reason}. The batch was repeated on the CPU, and everything after it ran there.")))
    }

    async fn reopen(
        &mut self,
        checkpoint: &Checkpoint,
        preference: DevicePreference,
        monitor: &mut dyn Monitor,
    ) -> Result<()> {
        let gpu = if preference == DevicePreference::GpuF16 { preference } else { DevicePreference::Gpu };
        let device = Device::request(gpu).await?;
        self.load_again(checkpoint, device, monitor).await
    }

    async fn load_again(&mut self, checkpoint: &Checkpoint, device: Device, monitor: &mut dyn Monitor) -> Result<()> {
        let mut fresh = Model::load(checkpoint, device, monitor).await?;
        fresh.origin = self.origin.take();
        *self = fresh;
        Ok(())
    }
}
