//! Batches of training rows, and hooks, as JavaScript hands them over: typed arrays in plain objects.

use js_sys::{Array, Float32Array, Reflect, Uint32Array};
use wasm_bindgen::prelude::*;

use super::{failure, thrown};
use crate::engine::hooks::{Action, Hook};
use crate::engine::training::{AttentionMask, Batch, Target};

#[wasm_bindgen(typescript_custom_section)]
const BATCH_TYPES: &str = r#"
/** Which tokens of its row a token sees: itself and those before it; all; the first so many besides; (B·T·T) numbers, not 0
 *  where it sees; (B·T) segments, of which it sees its own and segment 0 (4294967295 is filling). */
export type TrainingMask = "causal" | "full" | { prefix: number } | { given: Uint32Array } | { segments: Uint32Array };

/** B rows of T tokens, one behind another; shorter rows are filled up at their end, with weights of 0. */
export interface TrainingBatch {
  /** (B·T) */
  ids: Uint32Array;
  /** B */
  rows: number;
  /** (B·T) weights of the tokens as targets: 0 leaves one out of the loss. Without, every token but the first of its
   *  row has weight 1. Not together with `targets`. */
  weights?: Float32Array;
  /** Targets one by one: which of the B·T places predicts, what, with what weight (1 when left out). */
  targets?: { at: Uint32Array; id: Uint32Array; weight?: Float32Array };
  /** (B·T); 0, 1, 2 … of each row when left out. */
  positions?: Uint32Array;
  mask?: TrainingMask;
}

/** What to do at a place of the pass, by the names that `src/engine/hooks.rs` lists. Rows from `row` on are replaced by
 *  `values`, or get `scale` (1) times them added; without either, the value is read. */
export interface ActivationHook {
  site: string;
  replace?: Float32Array;
  add?: Float32Array;
  row?: number;
  scale?: number;
}

/** Logits (T,V) and what the reading hooks have read, in their order. */
export interface HookedRun {
  logits: Float32Array;
  readings: { site: string; shape: number[]; values: Float32Array }[];
}

/** Loss of a batch: the weighted mean, and of each target, in nats. */
export interface BatchLoss {
  mean: number;
  nll: Float32Array;
}

/** Loss and gradients, the latter as a safetensors file under the checkpoint's own names. */
export interface LossAndGradients extends BatchLoss {
  gradients: Uint8Array;
}

/** (H,T,T) of one layer: row t of a head is what token t attends to. */
export interface LayerAttention {
  heads: number;
  tokens: number;
  weights: Float32Array;
}
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "TrainingBatch")]
    pub type JsTrainingBatch;
    #[wasm_bindgen(typescript_type = "TrainingBatch[]")]
    pub type JsTrainingBatches;
    #[wasm_bindgen(typescript_type = "ActivationHook[]")]
    pub type JsHooks;
    #[wasm_bindgen(typescript_type = "HookedRun")]
    pub type JsHookedRun;
    #[wasm_bindgen(typescript_type = "BatchLoss")]
    pub type JsBatchLoss;
    #[wasm_bindgen(typescript_type = "LossAndGradients")]
    pub type JsLossAndGradients;
    #[wasm_bindgen(typescript_type = "LayerAttention[]")]
    pub type JsLayerAttentions;
}

/// A property; `None` where it is missing, undefined or null.
fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

fn wrong(what: &str, expected: &str) -> JsValue {
    thrown(&format!("{what} of a batch or hook is not {expected}"), None, "input")
}

fn u32s(object: &JsValue, name: &str) -> Result<Option<Vec<u32>>, JsValue> {
    let array = property(object, name).map(|value| value.dyn_into::<Uint32Array>());
    array.transpose().map(|array| array.map(|array| array.to_vec())).map_err(|_| wrong(name, "a Uint32Array"))
}

fn f32s(object: &JsValue, name: &str) -> Result<Option<Vec<f32>>, JsValue> {
    let array = property(object, name).map(|value| value.dyn_into::<Float32Array>());
    array.transpose().map(|array| array.map(|array| array.to_vec())).map_err(|_| wrong(name, "a Float32Array"))
}

fn count(object: &JsValue, name: &str) -> Result<Option<usize>, JsValue> {
    let is_count = |number: &f64| *number >= 0.0 && number.fract() == 0.0 && *number <= f64::from(u32::MAX);
    property(object, name)
        .map(|value| value.as_f64().filter(is_count).map(|number| number as usize))
        .map_or(Ok(None), |number| number.map(Some).ok_or_else(|| wrong(name, "a whole number")))
}

fn mask(value: Option<JsValue>, tokens: usize) -> Result<AttentionMask, JsValue> {
    let Some(value) = value else { return Ok(AttentionMask::Causal) };
    match value.as_string().as_deref() {
        Some("causal") => return Ok(AttentionMask::Causal),
        Some("full") => return Ok(AttentionMask::Full),
        _ => {}
    }
    if let Some(prefix) = count(&value, "prefix")? {
        return Ok(AttentionMask::Prefix(prefix));
    }
    if let Some(given) = u32s(&value, "given")? {
        return Ok(AttentionMask::Given(given));
    }
    match u32s(&value, "segments")? {
        Some(segments) => Ok(AttentionMask::of_segments(&segments, tokens)),
        None => Err(wrong("mask", "\"causal\", \"full\" or an object with prefix, given or segments")),
    }
}

pub fn batch(value: &JsValue) -> Result<Batch, JsValue> {
    let ids = u32s(value, "ids")?.ok_or_else(|| wrong("ids", "there"))?;
    let rows = count(value, "rows")?.ok_or_else(|| wrong("rows", "there"))?;
    let tokens = ids.len() / rows.max(1);
    let mask = mask(property(value, "mask"), tokens)?;
    let weights = f32s(value, "weights")?;
    let mut batch = match property(value, "targets") {
        None => Batch::packed(ids, rows, weights.as_deref(), mask).map_err(failure)?,
        Some(_) if weights.is_some() => return Err(wrong("weights", "given together with targets")),
        Some(targets) => {
            let (at, id) = (u32s(&targets, "at")?.unwrap_or_default(), u32s(&targets, "id")?.unwrap_or_default());
            let weight = f32s(&targets, "weight")?.unwrap_or_else(|| vec![1.0; at.len()]);
            if id.len() != at.len() || weight.len() != at.len() {
                let what = format!("{} ids and {} weights for {} places", id.len(), weight.len(), at.len());
                return Err(thrown(&format!("the targets do not fit: {what}"), None, "input"));
            }
            let targets = at.iter().zip(&id).zip(&weight);
            Batch {
                rows,
                tokens,
                positions: (0..rows).flat_map(|_| 0..tokens as u32).collect(),
                targets: targets.map(|((&at, &id), &weight)| Target { at, id, weight }).collect(),
                ids,
                mask,
            }
        }
    };
    if let Some(positions) = u32s(value, "positions")? {
        batch.positions = positions;
    }
    Ok(batch)
}

pub fn batches(value: &JsValue) -> Result<Vec<Batch>, JsValue> {
    let list = value.dyn_ref::<Array>().ok_or_else(|| wrong("the list", "an array"))?;
    list.iter().map(|value| batch(&value)).collect()
}

pub fn hooks(value: &JsValue) -> Result<Vec<Hook>, JsValue> {
    let list = value.dyn_ref::<Array>().ok_or_else(|| wrong("the list", "an array"))?;
    let hook = |value: JsValue| {
        let site = property(&value, "site").and_then(|site| site.as_string()).ok_or_else(|| wrong("site", "a name"))?;
        let row = count(&value, "row")?.unwrap_or(0);
        let scale = property(&value, "scale").map_or(Some(1.0), |scale| scale.as_f64());
        let scale = scale.ok_or_else(|| wrong("scale", "a number"))? as f32;
        let action = match (f32s(&value, "replace")?, f32s(&value, "add")?) {
            (None, None) => Action::Read,
            (Some(values), None) => Action::Replace { row, values },
            (None, Some(values)) => Action::Add { row, values, scale },
            _ => return Err(wrong("replace", "given together with add")),
        };
        Ok(Hook { site, action })
    };
    list.iter().map(hook).collect()
}

/// A plain object.
pub fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = js_sys::Object::new();
    for (name, value) in properties {
        // OK because a plain object takes any property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}
