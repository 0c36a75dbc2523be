/** The page: bar, the lab in view, its help, dialog, drop target. It knows labs by their registry only. */
import { css, html, nothing } from "lit";
import { type Capability, capability } from "./core/capability";
import { parseHub } from "./core/address";
import type { CacheUse, WeightStorage } from "./core/client";
import { filesFromDrop, filesFromInput, type NamedFile, recognise } from "./core/files";
import { lacking, type Lab, type LabElement, LABS } from "./labs/registry";
import type { DevicePreference } from "./report/types";
import { hubAddress, setHubAddress, setTheme, theme, type Theme } from "./state/preferences";
import { SCAN } from "./state/link";
import { SPECIMEN } from "./state/loaded_model";
import { Session, type Trouble } from "./state/session";
import { chooseLanguage, type Language, t } from "./strings";
import type { Found, ModelDialog, TypedAddress } from "./views/model_dialog";
import { GlitchscopeElement, sheet } from "./views/element";
import type { HelpPanel } from "./views/help_panel";
import "./views/drop_target";
import "./views/help_panel";
import "./views/model_bar";
import "./views/model_dialog";

export class App extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; min-height: 100vh; }
    footer { max-width: 1600px; margin: 0 auto; padding: 16px; border-top: 1px solid var(--rule); font-size: 13px; color: var(--ink-2); }
    /* What stands in it while a lab is fetched has a margin, which would otherwise move the page. */
    main { display: flow-root; min-height: 100vh; }
    .unable { max-width: 70ch; margin: 48px auto; padding: 0 16px; }
    .lacking, gs-help { max-width: 1600px; margin: 0 auto; padding: 24px 16px; }
    .lacking p { max-width: 70ch; margin: 8px 0 16px; }
  `];
  static override properties = { theme: { state: true }, found: { state: true }, use: { state: true }, opened: { state: true } };
  declare theme: Theme;
  declare found: Found | null;
  /** What the browser keeps of models, asked for when the dialog opens. */
  declare use: CacheUse | null | undefined;
  /** Elements of the labs that have been opened, by their ids; null for one whose code could not be fetched. */
  declare opened: ReadonlyMap<string, LabElement | null>;
  private readonly session = new Session();
  private readonly able: Capability = capability();
  private offered: Trouble | null = null;

  constructor() {
    super();
    this.theme = theme();
    this.found = null;
    const { element } = LABS.find(({ id }) => id === SCAN)!;
    this.opened = new Map([[SCAN, this.made(element)]]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.session.addEventListener("change", () => {
      this.requestUpdate();
      this.offer();
    });
    this.addEventListener("change-model", () => this.change());
    this.addEventListener("help", () => void this.renderRoot.querySelector<HelpPanel>("gs-help")?.open());
    if (this.able.simd && this.able.workers) void this.session.start();
  }

  override render() {
    const { session } = this;
    // A report from a file is the scan's; other labs go on with the loaded model.
    const fromFile = session.lab === SCAN ? session.fromFile : null;
    const info = fromFile === null ? (session.model?.info ?? null) : null;
    const labs = LABS.map((lab) => ({ ...lab, lacks: this.lacks(lab) }));
    return html`
      <gs-model-bar .info=${info} .name=${fromFile ?? session.wanted.name} .labs=${labs} .lab=${this.lab.id} .theme=${this.theme}
        @lab=${(event: CustomEvent<string>) => this.choose(event.detail)}
        @change-model=${() => this.change()} @theme=${(event: CustomEvent<Theme>) => {
          setTheme(event.detail);
          this.theme = event.detail;
        }} @language=${(event: CustomEvent<Language>) => chooseLanguage(event.detail)}></gs-model-bar>
      <main>${this.able.simd && this.able.workers
        ? this.labInView()
        : html`<p class="unable">${t("unable.simd")}</p>`}</main>
      <gs-help .load=${this.lab.help}></gs-help>
      <footer>${t("footer")}</footer>
      <gs-model-dialog .device=${session.placement.device} .weights=${session.placement.weights} .deviceLine=${this.deviceLine()} .found=${this.found}
        .hub=${hubAddress()} .use=${this.use} ?busy=${session.job !== null}
        @forget=${(event: CustomEvent<string | null>) => void this.forget(event.detail)}
        @closed=${() => { this.found = null; }}
        @specimen=${() => this.load(() => session.load(SPECIMEN))}
        @device=${(event: CustomEvent<DevicePreference>) => this.load(() => session.load(session.wanted, { ...session.placement, device: event.detail }))}
        @weights=${(event: CustomEvent<WeightStorage>) => this.load(() => session.load(session.wanted, { ...session.placement, weights: event.detail }))}
        @address=${(event: CustomEvent<TypedAddress>) => this.address(event.detail)}
        @files=${(event: CustomEvent<File[]>) => void this.take(filesFromInput(event.detail))}></gs-model-dialog>
      <gs-drop-target @files-dropped=${async (event: CustomEvent<DataTransfer>) => this.take(await filesFromDrop(event.detail))}></gs-drop-target>`;
  }

  override updated(): void {
    const title = t("title", { question: t(this.lab.question) });
    if (document.title !== title) document.title = title;
  }

  /** The lab in view. A link may name one that this version does not have. */
  private get lab(): Lab {
    return LABS.find(({ id }) => id === this.session.lab) ?? LABS[0]!;
  }

  private labInView() {
    const { lab } = this;
    const lacks = this.lacks(lab);
    if (lacks) {
      return html`<section class="lacking">
        <h1>${t(lab.question)}</h1>
        <p>${t("lab.lacking", { lab: t(lab.title), lacks })}</p>
        <button @click=${() => this.change()}>${t("failure.change")}</button>
      </section>`;
    }
    const element = this.opened.get(lab.id);
    if (element === undefined) void this.open(lab);
    return element ?? html`<p class="unable">${element === null ? html`${t("lab.unfetched")} <button @click=${() => this.forgetLab(lab)}>${t("failure.again")}</button>` : nothing}</p>`;
  }

  /** What the loaded model lacks for a lab, in words. */
  private lacks(lab: Lab): string {
    const need = lacking(lab, this.session.model?.info ?? null);
    return need ? t(`need.${need}`) : "";
  }

  private async open(lab: Lab): Promise<void> {
    const element = await lab.load().then(() => this.made(lab.element), () => null);
    this.opened = new Map(this.opened).set(lab.id, element);
  }

  /** So that it is fetched again. */
  private forgetLab({ id }: Lab): void {
    const opened = new Map(this.opened);
    opened.delete(id);
    this.opened = opened;
  }

  private made(name: string): LabElement {
    return Object.assign(document.createElement(name) as LabElement, { session: this.session });
  }

  private choose(id: string): void {
    this.session.setLab(id);
    window.scrollTo({ top: 0 });
  }

  private get dialog(): ModelDialog | null {
    return this.renderRoot.querySelector("gs-model-dialog");
  }

  /** Says what was recognised; a model is loaded only when the person says so, a report at once. */
  private async take(files: NamedFile[]): Promise<void> {
    if (this.opened.get(this.lab.id)?.take?.(files)) {
      this.dialog?.close();
      return;
    }
    const found = await recognise(files);
    if (found.kind === "report") {
      this.dialog?.close();
      this.session.setLab(SCAN);
      await this.session.openReport(found.file, found.file.name);
      return;
    }
    if (found.kind === "texts") {
      this.dialog?.close();
      this.session.setLab(SCAN);
      this.session.setCorpus(found.files);
      this.opened.get(SCAN)?.reveal?.("prevalence");
      return;
    }
    const listed = files.map(({ path, file }) => ({ name: path, bytes: file.size }));
    if (found.kind === "unknown") {
      this.found = { title: t("found.unknown"), files: listed, problem: t("found.unknown.hint"), load: null };
    } else {
      const { spec, missing } = found;
      const fatal = missing.some((name) => name !== "tokenizer.json");
      this.found = {
        title: t("found.model", { name: spec.name }),
        files: found.files.map(({ path, file }) => ({ name: path, bytes: file.size })),
        problem: this.session.job ? t("found.busy") : missing.length === 0 ? "" : t(fatal ? "found.missing" : "found.no_tokenizer", { files: missing.join(", ") }),
        load: fatal || this.session.job ? null : () => this.load(() => this.session.load(spec)),
      };
    }
    this.dialog?.show();
  }

  private address(detail: TypedAddress): void {
    if (this.session.job) return;
    const hub = parseHub(detail.hub);
    if (hub === null) {
      detail.refused = "hub";
    } else if (this.session.loadTyped(detail.typed, hub, detail.token)) {
      setHubAddress(hub);
      this.dialog?.close();
    } else {
      detail.refused = "address";
    }
  }

  /** What was asked for holds several models: they are listed, once for each time it was asked for. */
  private offer(): void {
    const { trouble } = this.session;
    if (!trouble?.choices || trouble === this.offered) return;
    this.offered = trouble;
    this.found = this.choices();
    this.dialog?.show();
  }

  private choices(): Found | null {
    const { session } = this;
    const { choices } = session.trouble ?? {};
    if (!choices) return null;
    return {
      title: t(choices.length === 1 ? "found.choose.one" : "found.choose", { name: session.wanted.name }),
      files: choices.map(({ file, bytes }) => ({ name: file, bytes })),
      problem: "",
      load: null,
      choose: (file) => this.load(() => session.choose(file)),
    };
  }

  private change(): void {
    this.found ??= this.choices();
    this.dialog?.show();
    void this.look();
  }

  /** The worker answers one question at a time: while it works, the list is what it was. */
  private async look(): Promise<void> {
    if (this.session.job) return;
    this.use = await this.session.core.cacheUse().catch(() => null);
  }

  private async forget(model: string | null): Promise<void> {
    if (this.session.job) return;
    await this.session.core.forgetCached(model).catch(() => 0);
    await this.look();
  }

  private load(run: () => Promise<void>): void {
    if (this.session.job) return;
    this.found = null;
    this.dialog?.close();
    void run();
  }

  private deviceLine(): string {
    const device = this.session.model?.info.device;
    if (!device) return t(this.able.webgpu ? "device.webgpu" : "device.no_webgpu");
    return t(device.kind === "gpu" ? "device.line.gpu" : "device.line.cpu", {
      name: [device.name, device.detail, device.precision].filter(Boolean).join(", "), reason: device.reason,
    });
  }
}
customElements.define("gs-app", App);
