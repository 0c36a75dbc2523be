/** The answer: sentences with numbers that a person could quote, each number linked to the rows behind it. */
import { html, nothing, type TemplateResult } from "lit";
import { count, decimal, duration, percent } from "../../report/format";
import type { Report } from "../../report/types";
import type { Session } from "../../state/session";
import { t, type Key } from "../../strings";
import { filled } from "../../views/sentence";
import "../../views/agreement_matrix";
import "../../views/cluster_table";
import type { Scope } from "../glitch";
import { labels } from "./labels";

/** Shows rows: which of the reports, which scope, which filter. */
export type ShowRows = (scope: Scope, filter: string, method?: "glitchhunter" | "exhaustive") => void;

export function answer(session: Session, show: ShowRows) {
  const { report } = session;
  if (!report) return html`<p class="quiet">${t(session.job?.kind === "scan" ? "answer.running" : "answer.none")}</p>${notes(session)}`;
  const both = session.reports.exhaustive && session.reports.glitchhunter;
  return html`
    ${both ? html`<div class="segmented small" role="radiogroup" aria-label=${t("answer.which")}>
      ${(["glitchhunter", "exhaustive"] as const).map((method) => html`<label><input type="radio" name="report" .checked=${session.shown === method}
        ?disabled=${session.job !== null} @change=${() => session.show(method)} />${t(`method.${method}`)}</label>`)}</div>` : nothing}
    ${caution(report)}
    <p class="sentence">${sentence(report, show)}</p>
    ${report.status === "not_testable" && session.canAsk ? html`<p class="row"><button @click=${() => void session.scanAllTheSame()}>${t("controls.despite")}</button>
      <span class="small quiet about">${t("controls.despite.about")}</span></p>` : nothing}
    <p class="small quiet">${t("answer.oracle", { oracle: report.provenance.oracle.id })}
      ${t("answer.where", { device: deviceName(report), model: report.provenance.model.name })}
      ${report.timings.length > 0 ? t("answer.took", { time: duration(report.timings.find(({ stage }) => stage === "total")?.seconds
        ?? report.timings.reduce((sum, timing) => sum + timing.seconds, 0)) }) : ""}</p>
    ${report.comparison ? numbers(report, show) : nothing}
    ${report.controls ? html`<p class="small quiet">${t("answer.controls", {
      passed: report.controls.passed, asked: report.controls.asked, oracle: report.provenance.oracle.id })}</p>` : nothing}
    ${report.panel && report.panel.verdicts.length > 1 ? html`<details open><summary>${t("agreement.title")}</summary>
      <gs-agreement .panel=${report.panel} .ratio=${report.provenance.options.controls_pass_ratio}
        @filter=${(event: CustomEvent<string>) => show("all", event.detail)}></gs-agreement></details>` : nothing}
    ${labels(report, show)}
    ${report.hunt && report.hunt.rounds.length > 0 ? rounds(report, show) : nothing}
    ${report.skipped.length > 0 ? skipped(report, show) : nothing}
    ${notes(session)}`;
}

/** What has to stand beside the numbers of a scan that was made although the model fails ordinary words. */
export function caution(report: Report | null) {
  if (!report?.controls?.overridden) return nothing;
  const { passed, asked } = report.controls;
  return html`<p class="caution" role="note">${t("controls.overridden", { model: report.provenance.model.name, passed: count(passed), asked: count(asked), oracle: report.provenance.oracle.id })}</p>`;
}

/** Said while files were read, while the model was loaded, and by the report; each once. */
function notes(session: Session) {
  const own = session.fromFile === null ? [...session.notes, ...(session.model?.info.notes ?? [])] : [];
  const all = [...new Set([...own, ...(session.report?.notes ?? [])])];
  if (all.length === 0) return nothing;
  return html`<details ?open=${all.length < 4}><summary>${t("answer.notes", { n: all.length })}</summary>
    <ul class="notes" lang="en">${all.map((note) => html`<li dir="auto">${note}</li>`)}</ul></details>`;
}

function sentence(report: Report, show: ShowRows): TemplateResult {
  const found = report.glitch_tokens.length;
  const asked = report.probes.length;
  const vocabulary = report.tokens.text.length;
  const askable = report.tokens.class.filter((kind) => kind === "ok").length;
  const oracle = html`<span class="mono">${report.provenance.oracle.id}</span>`;
  const findings = (n: number) => link(count(n), () => show("findings", ""));
  const askedLink = link(count(asked), () => show("asked", ""));
  if (report.status === "not_testable") {
    return filled("answer.not_testable", { oracle, passed: count(report.controls?.passed ?? 0), asked: count(report.controls?.asked ?? 0) });
  }
  if (report.status === "cancelled" || report.status === "failed") {
    return filled(`answer.${report.status}`, { oracle, found: findings(found), asked: askedLink });
  }
  if (report.comparison) {
    const { true_positives: hit, false_negatives: missed, query_share: share } = report.comparison;
    return filled("answer.compared", {
      oracle,
      truth: link(count(hit + missed), () => show("findings", "", "exhaustive")), n: count(vocabulary),
      found: findings(hit), share: link(percent(share), () => show("asked", "", "glitchhunter")),
    });
  }
  if (report.provenance.options.method === "exhaustive") {
    return filled("answer.exhaustive", { oracle, found: findings(found), n: count(vocabulary), asked: askedLink });
  }
  return filled("answer.search", { oracle, found: findings(found), asked: askedLink, askable: count(askable), share: percent(asked / Math.max(1, askable)) });
}

function numbers(report: Report, show: ShowRows): TemplateResult {
  const c = report.comparison!;
  const cell = (name: Key, value: string, about: unknown) => html`<div><dt>${t(name)}</dt><dd class="value">${value}</dd><dd class="small quiet">${about}</dd></div>`;
  return html`<dl class="numbers">
    ${cell("compare.precision", percent(c.precision), filled("compare.precision.about", { tp: count(c.true_positives), n: count(c.true_positives + c.false_positives) }))}
    ${cell("compare.recall", percent(c.recall), filled("compare.recall.about", {
      tp: count(c.true_positives), n: count(c.true_positives + c.false_negatives),
      missed: c.false_negatives === 0 ? "0" : link(count(c.false_negatives), () => show("findings", "search:missed", "exhaustive")),
    }))}
    ${cell("compare.share", percent(c.query_share), filled("compare.share.about", { n: count(report.hunt?.queries ?? 0), all: count(c.queries_exhaustive) }))}
  </dl>`;
}

function rounds(report: Report, show: ShowRows): TemplateResult {
  const hunt = report.hunt!;
  return html`<details>
    <summary>${t("rounds.title", { n: hunt.rounds.length, queries: count(hunt.queries) })}</summary>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("rounds.label")}><table>
      <thead><tr>${(["round", "tokens", "clusters", "queries", "hits", "kept", "quality"] as const).map((key) => html`<th scope="col" class="number">${t(`rounds.${key}`)}</th>`)}</tr></thead>
      <tbody>${hunt.rounds.map((round) => html`<tr>
        <td class="number">${round.round}</td><td class="number">${count(round.tokens)}</td><td class="number">${count(round.clusters)}</td>
        <td class="number">${count(round.queries)}</td><td class="number">${count(round.hits)}</td>
        <td class="number">${count(round.kept_tokens)}</td><td class="number">${decimal(round.quality, 3)}</td></tr>`)}</tbody>
    </table></div>
    <p class="small quiet">${t("rounds.verified", { n: count(hunt.verification_queries) })} <span lang="en">${hunt.stopped}</span></p>
    <gs-clusters .hunt=${hunt} @filter=${(event: CustomEvent<string>) => show("all", event.detail)}></gs-clusters>
  </details>`;
}

function skipped(report: Report, show: ShowRows): TemplateResult {
  const total = report.skipped.reduce((sum, { ids }) => sum + ids.length, 0);
  return html`<details>
    <summary>${t("skipped.title", { n: count(total) })}</summary>
    <ul class="notes">${report.skipped.map(({ class: kind, reason, ids }) => html`<li>${
      link(count(ids.length), () => show("all", kind === "ok" ? "verdict:unasked" : `class:${kind}`))} ${t(`class.${kind}`)}: <span lang="en">${reason}</span></li>`)}</ul>
  </details>`;
}

export function deviceName(report: Report): string {
  const { device } = report.provenance;
  return `${t(device.kind === "gpu" ? "device.gpu" : "device.cpu")} (${[device.name, device.precision].filter(Boolean).join(", ")})`;
}

function link(text: string, run: () => void): TemplateResult {
  return html`<button class="link" @click=${run}>${text}</button>`;
}
