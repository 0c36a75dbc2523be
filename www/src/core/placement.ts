/** Where a model is to run, and how its weights are to be kept there. */
import type { DevicePreference } from "../report/types";

/**
 * `f16`, `int8` and `int4` round matrices while they are loaded, so that more fits; the latter two in blocks of 32 that share
 * a scale.
 */
export const WEIGHT_STORAGES = ["stored", "f16", "int8", "int4"] as const;
export type WeightStorage = (typeof WEIGHT_STORAGES)[number];

export interface Placement {
  device: DevicePreference;
  weights: WeightStorage;
  /** Leave the weights aside, if there are any, and draw untrained ones by this seed. */
  untrained?: number;
}
