/**
 * Training in the worker, beside what functions.ts does there: one trainer at a time, over the model that is loaded.
 *
 * A call takes many steps and tells of each; a cancelled one gives what it did, and the trainer stands behind its last
 * whole step. A worker that is ended takes its trainer along: checkpoints are what survives.
 */
import type { BatchLoss, Cancel, LossAndGradients, Trainer, TrainingBatch } from "glitchscope";
import type { StepReport, TrainingOptions } from "../report/types";
import { atClose, fresh, loaded, plain } from "./functions";
import type { Failure } from "./source_error";

export type { BatchLoss, LossAndGradients, TrainingBatch, TrainingMask } from "glitchscope";

/** A step, and how fast the last ones were. */
export interface TrainingProgress extends StepReport {
  tokens_per_second: number;
  seconds_left: number;
}

/** The steps of a call. */
export interface TrainingRun {
  curve: StepReport[];
  /** Stopped before the last step that was asked for. */
  cancelled: boolean;
}

/** Rows of token ids, one behind another. */
export interface TrainingRows {
  ids: Uint32Array;
  lengths: Uint32Array;
}

/** Steps that a speed is measured over. */
const RECENT = 20;

let trainer: Trainer | undefined;

/** Begins a training of the loaded model; the one before is given up. `rows` are dealt out in batches. */
export async function startTraining(options: Partial<TrainingOptions>, rows: TrainingRows | null): Promise<void> {
  return plain(async () => {
    endTraining();
    const started = await loaded().trainer(options);
    try {
      if (rows) started.deal(rows.ids, rows.lengths);
    } catch (error) {
      started.free();
      throw error;
    }
    trainer = started;
  });
}

/**
 * Takes `steps` steps: each on the batches given for it, or without any, on dealt rows. `progress` is told of each step.
 */
export async function train(steps: number, batches: TrainingBatch[][] | null, progress: MessagePort): Promise<TrainingRun> {
  return plain(async () => {
    const training = started();
    const cancel: Cancel = fresh();
    const curve: StepReport[] = [];
    const times = [performance.now()];
    for (let i = 0; i < steps; i++) {
      try {
        curve.push(await training.step(batches?.[i % batches.length], cancel));
      } catch (error) {
        if ((error as Partial<Failure>).kind === "cancelled") return { curve, cancelled: true };
        throw error;
      }
      times.push(performance.now());
      const recent = curve.slice(-RECENT);
      const seconds = (times.at(-1)! - times.at(-1 - recent.length)!) / 1000;
      const tokens = recent.reduce((sum, { tokens }) => sum + tokens, 0);
      progress.postMessage({
        ...curve.at(-1)!,
        tokens_per_second: tokens / Math.max(seconds, 1e-3),
        seconds_left: (seconds / recent.length) * (steps - i - 1),
      } satisfies TrainingProgress);
    }
    return { curve, cancelled: false };
  }, progress);
}

/** Loss of a batch with the parameters as they are now. */
export async function trainingLoss(batch: TrainingBatch): Promise<BatchLoss> {
  return plain(() => started().loss(batch));
}

/** Parameters, moments, step and place in the rows, as a safetensors file. */
export async function trainingCheckpoint(): Promise<Uint8Array> {
  return plain(() => started().checkpoint());
}

/** Takes the training up behind a checkpoint, and says after which step. */
export async function resumeTraining(checkpoint: Uint8Array): Promise<number> {
  return plain(async () => started().resume(checkpoint));
}

/** Every parameter in f32, as model.safetensors. */
export async function exportWeights(): Promise<Uint8Array> {
  return plain(() => started().export_weights());
}

/** Makes the loaded model answer with the trained weights. */
export async function storeWeights(): Promise<void> {
  return plain(() => started().store());
}

/** Gives up the training; what its steps did to weights stored in f32 stays. */
export function endTraining(): void {
  trainer?.free();
  trainer = undefined;
}

/** Loss of a batch of the loaded model, and the gradient of parameters by name, with `*` for any stretch of it. */
export async function lossAndGradients(batch: TrainingBatch, patterns: string[]): Promise<LossAndGradients> {
  return plain(() => loaded().loss_and_gradients(batch, patterns));
}

function started(): Trainer {
  if (!trainer) throw { message: "no training has begun", hint: "Begin one; a worker that was ended forgets its own.", kind: "input" } satisfies Failure;
  return trainer;
}

atClose(endTraining);
