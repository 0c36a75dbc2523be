//! Where a forward pass stopped being a number.
//!
//! Nothing is looked at while all is well: only when what a row says of its next token is not finite, the pass is
//! replayed dispatch by dispatch and every result read, until the first one that holds NaN or infinity names the layer.

use super::EngineError;
use crate::compute::{DType, Device, Recording};
use crate::error::Result;

/// Replays `recording`, whose inputs still stand on the device, and names the first result that is not finite. `None`
/// when all results are finite now, as when a GPU made a mistake that it does not repeat.
pub async fn first_not_finite(device: &mut Device, recording: &Recording) -> Result<Option<EngineError>> {
    // Activations have no place in the checkpoint: the weight met last says where in the model they stand.
    let mut place = String::from("the input");
    for i in 0..recording.dispatches().len() {
        let (_, rest) = recording.split_at(i);
        let (step, _) = rest.split_at(1);
        device.run(&step).await?;
        let dispatch = &step.dispatches()[0];
        let weight = dispatch.inputs.iter().find(|tensor| tensor.label().ends_with(".weight"));
        if let Some(weight) = weight {
            place = weight.label().to_owned();
        }
        for tensor in dispatch.outputs.iter().filter(|tensor| tensor.dtype() == DType::F32) {
            let values = device.read_f32(tensor).await?;
            let n_not_finite = values.iter().filter(|value| !value.is_finite()).count();
            if n_not_finite > 0 {
                return Ok(Some(EngineError::ActivationsNotFinite {
                    op: dispatch.op.name(),
                    place: if weight.is_some() { format!("at {place}") } else { format!("after {place}") },
                    n_not_finite,
                    n_values: values.len(),
                }));
            }
        }
    }
    Ok(None)
}
