// The pictures of the README, light and dark, from the built page and the real specimen: node tools/readme_pictures.mjs
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, repository, serve } from "../tests/web/browser.mjs";

const folder = join(repository, "docs/images");
mkdirSync(folder, { recursive: true });
const server = await serve({ "/": join(repository, "www/dist") });
const browser = await launch();
for (const colorScheme of ["light", "dark"]) {
  const page = await browser.newPage({ viewport: { width: 1120, height: 900 }, colorScheme, reducedMotion: "reduce" });
  await page.goto(`${server.url}/#device=cpu&method=both&resolution=7.2`);
  const button = page.getByRole("button", { name: "Find glitch tokens" });
  await button.and(page.locator(":enabled")).waitFor();
  await button.click();
  await page.locator("dl.numbers").waitFor({ timeout: 300_000 });
  const search = page.locator("input[type=search]");
  await search.fill("MoqvexkaVex");
  await page.locator("gs-table .space .row:not([hidden])").first().click();
  await page.getByText("Most probable first tokens").waitFor();
  await search.fill("");
  // The moment after the click: focus rings and hover marks are gone.
  await page.mouse.move(0, 0);
  await page.waitForTimeout(500);
  const bottom = await page.locator("gs-table").evaluate((table) => table.getBoundingClientRect().bottom + window.scrollY);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: join(folder, `scan-${colorScheme}.png`), fullPage: true, clip: { x: 0, y: 0, width: 1120, height: Math.min(bottom, 1900) } });
  await page.close();
}
await browser.close();
await server.close();
