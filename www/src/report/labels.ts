/** Types and symptoms of glitch tokens: what the rules say, what a person says instead, and both counted. */
import type { Label, LabelCounts, Symptom, TokenType } from "./types";

/** In the order of the paper, A to E. */
export const TYPES = ["word", "letter", "character", "letter_character", "special"] as const satisfies readonly TokenType[];
export const SYMPTOMS = [
  "spelling_mistake", "incapability", "hallucinatory_completion", "question_repetition", "random_characters",
] as const satisfies readonly Symptom[];

/** The paper's letter. */
export function letter(type: TokenType): string {
  return "ABCDE"[TYPES.indexOf(type)] ?? "?";
}

export function typeOf(label: Label): TokenType {
  return label.corrected_type ?? label.token_type;
}

/** Question and symptom, corrections in place of what they correct. */
export function symptomsOf(label: Label): [string, Symptom][] {
  return label.symptoms.map(([question, symptom]) => [question, label.corrected_symptoms.find(([name]) => name === question)?.[1] ?? symptom]);
}

/** A label with another type; null goes back to the rule's. */
export function withType(label: Label, type: TokenType | null): Label {
  return { ...label, corrected_type: type === label.token_type ? null : type };
}

/** A label with another symptom for one question; null goes back to the rule's. */
export function withSymptom(label: Label, question: string, symptom: Symptom | null): Label {
  const ruled = label.symptoms.find(([name]) => name === question)?.[1];
  const others = label.corrected_symptoms.filter(([name]) => name !== question);
  return { ...label, corrected_symptoms: symptom === null || symptom === ruled ? others : [...others, [question, symptom]] };
}

/** The same as the core's: types in their order, symptoms by question and then in theirs. */
export function counted(labels: readonly Label[]): LabelCounts {
  const types = new Map<TokenType, number>();
  const symptoms = new Map<string, Map<Symptom, number>>();
  for (const label of labels) {
    types.set(typeOf(label), (types.get(typeOf(label)) ?? 0) + 1);
    for (const [question, symptom] of symptomsOf(label)) {
      const of = symptoms.get(question) ?? new Map<Symptom, number>();
      symptoms.set(question, of.set(symptom, (of.get(symptom) ?? 0) + 1));
    }
  }
  const byName = [...symptoms].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    types: TYPES.filter((type) => types.has(type)).map((type) => [type, types.get(type)!]),
    symptoms: byName.flatMap(([question, of]) => SYMPTOMS.filter((symptom) => of.has(symptom)).map((symptom) => [[question, symptom], of.get(symptom)!] as [[string, Symptom], number])),
  };
}
