/** The Leiden resolution of the paper, and the same granularity carried over to another vocabulary. */

export const PAPER_RESOLUTION = 75;
/** Vocabulary of Llama-2, Mistral and Vicuna, four of the paper's eight models. */
const PAPER_VOCABULARY = 32_000;

/** 75 · n / 32,000, as `scaled_resolution` in the core has it. */
export function scaledResolution(vocabulary: number): number {
  return (PAPER_RESOLUTION * vocabulary) / PAPER_VOCABULARY;
}

/** Resolutions that the granularity chart asks about: a 1-2-5 ladder, the paper's value and the scaled one. */
export function resolutionLadder(vocabulary: number): number[] {
  const ladder = [0.5, 1, 2, 5, 10, 20, 40, PAPER_RESOLUTION, Number(scaledResolution(vocabulary).toPrecision(3))];
  return [...new Set(ladder)].filter((resolution) => resolution > 0).sort((a, b) => a - b);
}
