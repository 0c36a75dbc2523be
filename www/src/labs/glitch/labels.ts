/** Types and symptoms of the glitch tokens, counted, with the rules that gave them. */
import { html, nothing } from "lit";
import { count, percent } from "../../report/format";
import { letter, SYMPTOMS, TYPES } from "../../report/labels";
import type { Report } from "../../report/types";
import { t, type Key } from "../../strings";
import type { ShowRows } from "./answer";

export function labels(report: Report, show: ShowRows) {
  const { types, symptoms } = report.label_counts;
  if (report.labels.length === 0) return nothing;
  const corrected = report.labels.filter((label) => label.corrected_type !== null || label.corrected_symptoms.length > 0).length;
  const questions = [...new Set(symptoms.map(([[question]]) => question))];
  const of = (question: string) => symptoms.filter(([[name]]) => name === question).reduce((sum, [, n]) => sum + n, 0);
  const cell = (n: number, all: number, filter: string) => html`<td class="number">${n === 0 ? "0"
    : html`<button class="link" @click=${() => show("findings", filter)}>${count(n)}</button>`}</td><td class="number quiet">${percent(n / all)}</td>`;
  return html`<details class="labels"><summary>${t("labels.title", { n: count(report.labels.length) })}</summary>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("labels.types")}><table>
      <thead><tr><th scope="col">${t("labels.types")}</th><th scope="col" class="number">${t("labels.tokens")}</th><th scope="col" class="number">${t("labels.share")}</th>
        <th scope="col">${t("labels.rule")}</th></tr></thead>
      <tbody>${TYPES.map((type) => html`<tr><th scope="row">${letter(type)} ${t(`type.${type}`)}</th>
        ${cell(types.find(([name]) => name === type)?.[1] ?? 0, report.labels.length, `type:${type}`)}<td>${t(`type.${type}.rule`)}</td></tr>`)}</tbody>
    </table></div>
    ${questions.map((question) => html`<div class="scroll" tabindex="0" role="region" aria-label=${question}><table>
      <thead><tr><th scope="col">${t("labels.symptoms")} <span class="mono">${question}</span></th><th scope="col" class="number">${t("labels.tokens")}</th>
        <th scope="col" class="number">${t("labels.share")}</th><th scope="col">${t("labels.rule")}</th></tr></thead>
      <tbody>${SYMPTOMS.map((symptom) => html`<tr><th scope="row">${t(`symptom.${symptom}`)}</th>
        ${cell(symptoms.find(([[name, one]]) => name === question && one === symptom)?.[1] ?? 0, of(question), `symptom:${question}/${symptom}`)}
        <td>${t(`symptom.${symptom}.rule` as Key)}</td></tr>`)}</tbody>
    </table></div>`)}
    <p class="small quiet">${t("labels.note")} ${corrected > 0 ? t("labels.corrected", { n: count(corrected) }) : ""}</p>
  </details>`;
}
