/** What answers can be grouped by, and what one group says of two answerers. */
import { t } from "../../strings";
import { lengthName } from "./plan";
import { amountName, PLACEMENTS } from "./settings";
import type { Difference, GroupBy, Instance, Question } from "./types";

export const FLAGS = ["aggregation", "max_min", "join", "comparison", "ranking"] as const;

export function flagNames(question: Question): string {
  return FLAGS.filter((flag) => question.flags[flag]).map((flag) => t(`holo.flag.${flag}`)).join(", ");
}

/** What a grid of scores can be laid out by. */
export const AXES = ["length", "amount", "placement", "flag", "difficulty", "question"] as const satisfies readonly GroupBy[];
export type Axis = (typeof AXES)[number];
/** The groups of an axis that an answer is in; a question of several flags is in several. */
export function groupsOf(axis: Axis, instance: Instance, question: Question): string[] {
  switch (axis) {
    case "length":
      return [lengthName(instance.length)];
    case "amount":
      return [amountName(instance.amount)];
    case "placement":
      return [t(`holo.placement.${instance.placement}`)];
    case "difficulty":
      return [t(`holo.difficulty.${question.difficulty}`)];
    case "question":
      return [question.id];
    case "flag": {
      const flags = FLAGS.filter((flag) => question.flags[flag]).map((flag) => t(`holo.flag.${flag}`));
      return flags.length > 0 ? flags : [t("holo.flag.none")];
    }
  }
}

/** Groups in their own order: lengths and amounts by size, names as they are listed. */
export function rank(axis: Axis, group: string, instance: Instance, question: Question): number {
  switch (axis) {
    case "length":
      return instance.length;
    case "amount":
      return "tokens" in instance.amount ? instance.amount.tokens : instance.amount.density;
    case "placement":
      return PLACEMENTS.indexOf(instance.placement);
    case "difficulty":
      return ["easy", "medium", "hard"].indexOf(question.difficulty);
    case "flag":
      return FLAGS.findIndex((flag) => t(`holo.flag.${flag}`) === group);
    case "question":
      return Number(/\d+$/.exec(question.id)?.[0] ?? 0) + (question.source === "own" ? 1_000 : 0);
  }
}

export function pairOf({ answerer, other }: Difference, a: string, b: string): boolean {
  return (answerer === a && other === b) || (answerer === b && other === a);
}

/** The verdict seen from one of the two. */
export function verdictFor({ answerer, verdict }: Pick<Difference, "answerer" | "verdict">, side: string): Difference["verdict"] {
  if (verdict === "within noise" || answerer === side) return verdict;
  return verdict === "win" ? "loss" : "win";
}
