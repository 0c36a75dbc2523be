/** Where a model is to run, and how its weights are to be kept there. */
import type { DevicePreference } from "../report/types";

/** `int8` and `int4` round matrices while they are loaded, in blocks of 32 that share a scale, so that more fits. */
export type WeightStorage = "stored" | "int8" | "int4";

export interface Placement {
  device: DevicePreference;
  weights: WeightStorage;
  /** Leave the weights aside, if there are any, and draw untrained ones by this seed. */
  untrained?: number;
}
