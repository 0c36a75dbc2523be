/** What was measured, in sentences and tables. */
import { html, nothing } from "lit";
import { count, decimal, percent } from "../../report/format";
import { t } from "../../strings";
import type { Lens } from "./lens";
import { percent2, points } from "./tokens";
import type { AttentionWarning, Statistics } from "./types";

/** Figures of statistics without a unit. */
function figure(value: number | null, digits = 2): string {
  return value === null ? t("attention.undefined") : `${value < 0 ? "−" : value > 0 ? "+" : ""}${decimal(Math.abs(value), digits)}`;
}

function interval({ interval: of }: Statistics): string {
  return of ? `${points(of.low)} … ${points(of.high)}` : "–";
}

/** Skewness is about the tails. This says what it leaves unsaid. */
export function skewSentence(statistics: Statistics): string {
  const { skewness, mean, median, negative } = statistics;
  if (skewness === null) return t("attention.skew.undefined");
  const values = { skewness: figure(skewness), mean: points(mean), median: points(median), negative: percent(negative) };
  const against = (skewness > 0 && (mean < 0 || negative > 0.5)) || (skewness < 0 && (mean > 0 || negative < 0.5));
  return t(against ? "attention.skew.against" : "attention.skew.along", values);
}

export function sentence(lens: Lens) {
  const { comparison, results, at } = lens;
  const concept = comparison?.concepts[lens.flat];
  if (!comparison || !concept) return html`<p class="quiet">${t("attention.answer.none")}</p>`;
  const shares = comparison.models.map((model, i) => {
    const own = results[i]?.texts[at]?.concepts[lens.concept];
    const mean = concept.statistics[i]?.mean;
    if (mean === undefined) return t("attention.answer.nothing", { model: model.name });
    return own?.lift != null
      ? t("attention.answer.share", { model: model.name, share: percent2(mean), lift: decimal(own.lift, 2) })
      : t("attention.answer.share.bare", { model: model.name, share: percent2(mean) });
  });
  const pair = comparison.pairs[lens.pair];
  const difference = pair?.concepts[lens.flat];
  const statistics = difference?.statistics;
  return html`<p class="sentence">${t("attention.answer.of", { concept: concept.name })} ${shares.join(t("attention.answer.and"))}.</p>
    ${pair && statistics ? html`<p class="sentence">${t("attention.answer.difference", {
      old: comparison.models[pair.old]!.name, new: comparison.models[pair.new]!.name, mean: points(statistics.mean), median: points(statistics.median),
      negative: percent(statistics.negative), n: count(statistics.n),
    })} ${statistics.interval ? t(statistics.interval.low <= 0 && statistics.interval.high >= 0 ? "attention.answer.within" : "attention.answer.beyond", {
      level: percent(statistics.interval.level), low: points(statistics.interval.low), high: points(statistics.interval.high), clusters: statistics.interval.clusters,
    }) : ""}</p>`
      : pair && difference && difference.mean !== null ? html`<p class="sentence">${t("attention.answer.totals", {
        old: comparison.models[pair.old]!.name, new: comparison.models[pair.new]!.name, mean: points(difference.mean),
      })}</p>` : nothing}
    ${comparison.notes.map((note) => html`<p class="small warn" lang="en">${note}</p>`)}`;
}

/** Every concept and pair with all statistics; a click shows it. */
export function statisticsTable(lens: Lens) {
  const { comparison } = lens;
  if (!comparison || comparison.pairs.length === 0) return nothing;
  const rows = comparison.pairs.flatMap((pair, p) => pair.concepts.map((difference, c) => ({ pair, p, c, difference, statistics: difference.statistics })));
  const name = (model: number) => comparison.models[model]!.name;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("attention.statistics")}><table class="statistics">
    <thead><tr><th scope="col">${t("attention.column.concept")}</th><th scope="col">${t("attention.column.pair")}</th>
      ${(["n", "mean", "interval", "median", "sd", "min", "max", "negative", "skewness", "kurtosis", "entropy"] as const).map((key) =>
        html`<th scope="col" class="number" title=${t(`attention.column.${key}.about`)}>${t(`attention.column.${key}`)}</th>`)}</tr></thead>
    <tbody>${rows.map(({ pair, p, c, difference, statistics: s }) => html`<tr class=${p === lens.pair && c === lens.flat ? "picked" : ""}>
      <th scope="row"><button class="link" @click=${() => pick(lens, p, c)}>${comparison.concepts[c]!.name}</button></th>
      <td>${name(pair.new)} − ${name(pair.old)}</td>
      ${s ? [count(s.n), points(s.mean), interval(s), points(s.median), s.sd === null ? "–" : decimal(100 * s.sd, 2), points(s.min), points(s.max), percent(s.negative), figure(s.skewness), s.kurtosis === null ? t("attention.undefined") : decimal(s.kurtosis, 2), s.entropy === null ? t("attention.undefined") : decimal(s.entropy, 3)]
        .map((value) => html`<td class="number">${value}</td>`)
        : html`<td class="number">–</td><td class="number">${difference.mean === null ? "–" : points(difference.mean)}</td><td colspan="9">${t("attention.totals_only")}</td>`}
    </tr>`)}</tbody></table></div>`;
}

/** Shows a concept and a pair by their places in the comparison. */
export function pick(lens: Lens, pair: number, flat: number): void {
  lens.showPair(pair);
  if (lens.imported !== null) {
    lens.show(lens.at, flat);
    return;
  }
  let left = flat;
  lens.texts.forEach(({ concepts }, text) => {
    if (left >= 0 && left < concepts.length) lens.show(text, left);
    left -= concepts.length;
  });
}

/** What the shares have to be measured against. */
export function baselines(lens: Lens) {
  const { results, comparison } = lens;
  if (results.length === 0 || !comparison) return nothing;
  const rows = results.flatMap((result, i) => result.texts.flatMap((text) => text.concepts.map((concept) => ({ model: comparison.models[i]!.name, text, concept }))));
  const low = (kept: readonly number[], limit: number) => kept.filter((mass) => mass < limit).length;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return html`<h3>${t("attention.baselines")}</h3>
    <p class="about">${t("attention.baselines.about")}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("attention.baselines")}><table>
      <thead><tr><th scope="col">${t("attention.column.concept")}</th><th scope="col">${t("attention.column.model")}</th>
        ${(["share", "uniform", "length", "lift", "kept", "below1", "below5"] as const).map((key) => html`<th scope="col" class="number" title=${t(`attention.column.${key}.about`)}>${t(`attention.column.${key}`)}</th>`)}</tr></thead>
      <tbody>${rows.map(({ model, text, concept }) => html`<tr><th scope="row">${concept.name}</th><td>${model}</td>
        ${[concept.statistics && percent2(concept.statistics.mean), concept.uniform !== null && percent2(concept.uniform), concept.length !== null && percent2(concept.length),
          concept.lift !== null && decimal(concept.lift, 2), percent2(mean(text.kept)), count(low(text.kept, 0.01)), count(low(text.kept, 0.05))]
          .map((value) => html`<td class="number">${value || "–"}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** Heads that differ in concept after concept. */
export function recurrent(lens: Lens) {
  const pair = lens.comparison?.pairs[lens.pair];
  if (!pair || pair.recurrent.length === 0) return nothing;
  return html`<h3>${t("attention.recurrent")}</h3>
    <p class="about">${t("attention.recurrent.about", { old: lens.comparison!.models[pair.old]!.name, new: lens.comparison!.models[pair.new]!.name })}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("attention.recurrent")}><table class="heads">
      <thead><tr><th scope="col">${t("attention.column.head")}</th>${(["size", "mean", "agreeing"] as const).map((key) => html`<th scope="col" class="number" title=${t(`attention.column.${key}.about`)}>${t(`attention.column.${key}`)}</th>`)}</tr></thead>
      <tbody>${pair.recurrent.slice(0, 10).map(({ layer, head, mean_size: size, mean, agreeing, concepts }) => html`<tr>
        <th scope="row">${lens.results.length > 0 ? html`<button class="link" ?disabled=${lens.session.job !== null} @click=${() => void lens.openHead(layer, head)}>${t("attention.head", { layer, head })}</button>` : t("attention.head", { layer, head })}</th>
        <td class="number">${decimal(100 * size, 2)}</td><td class="number">${points(mean)}</td><td class="number">${agreeing} / ${concepts}</td></tr>`)}</tbody></table></div>`;
}

export function warningText(warning: AttentionWarning): string {
  switch (warning.kind) {
    case "not_aligned":
      return t("attention.warning.not_aligned", { concept: warning.concept, tokens: warning.tokens.join(", ") });
    case "concept_excluded":
      return t(warning.all ? "attention.warning.all_excluded" : "attention.warning.excluded", { concept: warning.concept, tokens: warning.tokens.join(", ") });
    case "no_beginning":
      return t("attention.warning.no_beginning", { piece: warning.piece });
    case "little_kept":
      return t("attention.warning.little_kept", { heads: count(warning.heads), below1: count(warning.below_1_percent), below5: count(warning.below_5_percent) });
    case "undefined":
      return t("attention.warning.undefined", { heads: count(warning.heads), undefined: count(warning.undefined) });
    case "windowed":
      return t("attention.warning.windowed", { layers: warning.layers.join(", ") });
  }
}
