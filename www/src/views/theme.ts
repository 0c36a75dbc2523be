/** Tells a drawing when the page turns dark or light: by the system, or by the button in the bar. */
export class ThemeWatch {
  private readonly scheme = matchMedia("(prefers-color-scheme: dark)");
  private readonly themed = new MutationObserver(() => this.changed());

  constructor(private readonly changed: () => void) {}

  connect(): void {
    this.scheme.addEventListener("change", this.changed);
    this.themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  disconnect(): void {
    this.scheme.removeEventListener("change", this.changed);
    this.themed.disconnect();
  }

  get dark(): boolean {
    const chosen = document.documentElement.dataset["theme"];
    return chosen ? chosen === "dark" : this.scheme.matches;
  }
}
