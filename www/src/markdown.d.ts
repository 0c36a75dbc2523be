/** A page of `docs/labs/` as `lab_help.ts` reads it while the page is built. */
declare module "*.md" {
  const blocks: import("./views/help_panel").HelpBlock[];
  export default blocks;
}
