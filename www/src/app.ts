/** The page: bar, lab, dialog, drop target. */
import { css, html } from "lit";
import { type Capability, capability } from "./core/capability";
import { parseHub } from "./core/address";
import type { CacheUse, WeightStorage } from "./core/client";
import { filesFromDrop, filesFromInput, type NamedFile, recognise } from "./core/files";
import type { GlitchLab } from "./labs/glitch";
import { LABS } from "./labs/registry";
import type { DevicePreference } from "./report/types";
import { hubAddress, setHubAddress, setTheme, theme, type Theme } from "./state/preferences";
import { Session, SPECIMEN, type Trouble } from "./state/session";
import { chooseLanguage, type Language, t } from "./strings";
import type { Found, ModelDialog, TypedAddress } from "./views/model_dialog";
import { GlitchscopeElement, sheet } from "./views/element";
import "./views/drop_target";
import "./views/model_bar";
import "./views/model_dialog";

export class App extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; min-height: 100vh; }
    footer { max-width: 1600px; margin: 0 auto; padding: 16px; border-top: 1px solid var(--rule); font-size: 13px; color: var(--ink-2); }
    .unable { max-width: 70ch; margin: 48px auto; padding: 0 16px; }
  `];
  static override properties = { theme: { state: true }, found: { state: true }, use: { state: true } };
  declare theme: Theme;
  declare found: Found | null;
  /** What the browser keeps of models, asked for when the dialog opens. */
  declare use: CacheUse | null | undefined;
  private readonly session = new Session();
  private readonly able: Capability = capability();
  private offered: Trouble | null = null;

  constructor() {
    super();
    this.theme = theme();
    this.found = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.session.addEventListener("change", () => {
      this.requestUpdate();
      this.offer();
    });
    this.addEventListener("change-model", () => this.change());
    if (this.able.simd && this.able.workers) void this.session.start();
  }

  override render() {
    const { session } = this;
    const info = session.fromFile === null ? (session.model?.info ?? null) : null;
    return html`
      <gs-model-bar .info=${info} .name=${session.fromFile ?? session.wanted.name} .labs=${LABS} .lab=${LABS[0]!.id} .theme=${this.theme}
        @change-model=${() => this.change()} @theme=${(event: CustomEvent<Theme>) => {
          setTheme(event.detail);
          this.theme = event.detail;
        }} @language=${(event: CustomEvent<Language>) => chooseLanguage(event.detail)}></gs-model-bar>
      <main>${this.able.simd && this.able.workers
        ? html`<gs-glitch-lab .session=${session}></gs-glitch-lab>`
        : html`<p class="unable">${t("unable.simd")}</p>`}</main>
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

  private get dialog(): ModelDialog | null {
    return this.renderRoot.querySelector("gs-model-dialog");
  }

  /** Says what was recognised; a model is loaded only when the person says so, a report at once. */
  private async take(files: NamedFile[]): Promise<void> {
    const found = await recognise(files);
    if (found.kind === "report") {
      this.dialog?.close();
      await this.session.openReport(await found.file.text(), found.file.name);
      return;
    }
    if (found.kind === "texts") {
      this.dialog?.close();
      this.session.setCorpus(found.files);
      this.renderRoot.querySelector<GlitchLab>("gs-glitch-lab")?.renderRoot.querySelector("gs-prevalence")?.scrollIntoView({ block: "start" });
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
