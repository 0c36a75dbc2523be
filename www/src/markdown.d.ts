/** A page of `docs/labs/` as `lab_help.ts` reads it while the page is built. */
declare module "*.md" {
  import type { HelpBlock } from "./views/help_panel";
  const blocks: HelpBlock[];
  export default blocks;
}
