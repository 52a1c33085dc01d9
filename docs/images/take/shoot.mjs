// Takes the picture of what Spotlight shows of the quickstart:
//   node --require ./guard.cjs shoot.mjs http://localhost:PORT chromium picture.png
//
// It is two parts of Spotlight's pages, one below the other, and nothing is painted by hand.

import { chromium } from "playwright-core";

const [address, executablePath, path] = process.argv.slice(2);
const LEFT = 240;
const WIDTH = 1150;
const PATIENCE = 20_000;

const browser = await chromium.launch({
  executablePath,
  // The pages of Spotlight report to its makers as well; no name but this one is known here.
  args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost", "--no-sandbox"],
});
try {
  const context = await browser.newContext({ viewport: { width: LEFT + WIDTH, height: 1000 } });
  context.setDefaultTimeout(PATIENCE);
  await context.route("**/*", (route) => {
    const url = new URL(route.request().url());
    const isNear = !/^https?:$/.test(url.protocol) || url.host === new URL(address).host;
    return isNear ? route.continue() : route.abort();
  });
  const page = await context.newPage();
  const parts = [await trace(page), await issue(page)];
  await compose(page, parts);
} finally {
  await browser.close();
}

// The waterfall over the whole width, with room for the names.
async function trace(page) {
  // The pane of the waterfall may take four fifths of the page.
  await page.setViewportSize({ width: LEFT + Math.ceil(WIDTH / 0.76), height: 1000 });
  await page.goto(`${address}/telemetry/traces`);
  await page.locator("a", { hasText: "internal_error" }).click();
  const spans = page.locator("a[href*='/spans/']");
  await spans.first().waitFor();
  const divider = page.locator(".resizer:not(.span-resizer)");
  // It does not follow the mouse one to one.
  for (let to = LEFT + WIDTH, tries = 0; tries < 5; tries += 1) {
    await drag(page, divider, to);
    to += LEFT + WIDTH - (await divider.boundingBox()).x;
  }
  await drag(page, page.locator(".span-resizer").first(), 900);
  if ((await spans.count()) !== 6) throw new Error(`${await spans.count()} spans, not 6`);
  const row = await page.locator("a[href*='#']", { hasText: "internal_error" }).boundingBox();
  const last = await spans.last().boundingBox();
  return clip(page, row.y, last.y + last.height);
}

// The error with the frames that led to it.
async function issue(page) {
  await page.setViewportSize({ width: LEFT + WIDTH, height: 1000 });
  await page.goto(`${address}/telemetry/errors`);
  await page.locator("a", { hasText: "OrderError" }).click();
  const place = page.getByText("quickstart::storefront::order::").last();
  await place.waitFor();
  const { y, height } = await place.boundingBox();
  return clip(page, 0, y + height + 9);
}

async function drag(page, handle, to) {
  const { x, y, width, height } = await handle.boundingBox();
  await page.mouse.move(x + width / 2, y + Math.min(height / 2, 100));
  await page.mouse.down();
  await page.mouse.move(to, y + 10, { steps: 5 });
  await page.mouse.up();
}

async function clip(page, top, bottom) {
  await page.mouse.move(0, 0);
  await page.waitForTimeout(300);
  return page.screenshot({ clip: { x: LEFT, y: top, width: WIDTH, height: bottom - top } });
}

async function compose(page, parts) {
  const images = parts.map((part) => `<img src="data:image/png;base64,${part.toString("base64")}">`);
  await page.goto("about:blank");
  await page.setContent(`<body style="margin:0"><main style="display:inline-flex;flex-direction:column;gap:12px;background:#1e1b4b">${images.join("")}</main>`);
  await page.locator("img").last().waitFor();
  await page.locator("main").screenshot({ path });
}
