// A person with a real browser: whatever goes wrong on any page is kept, and told at the end.
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const base = process.env.BASE;
export const managementKey = process.env.MANAGEMENT_KEY;
const shots = process.env.SHOTS;
const problems = [];
// Whose pages are asked for: the authority's, and those a step says.
export const known = [base];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(" "),
});

export const open = async (options = {}) => {
  const context = await browser.newContext({ baseURL: base, ...options });
  if (options.javaScriptEnabled !== false) await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
  const page = await context.newPage();
  watch(page);
  return page;
};

const watch = (page) => {
  // A refusal that a step asks for is no error of the page.
  page.on("console", (message) => message.type() === "error" && !/status of (4\d\d|429)/.test(message.text()) && problems.push(`${page.url()}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error}`));
  page.on("dialog", async (dialog) => {
    if (dialog.type() !== "beforeunload") problems.push(`${page.url()}: a dialog says ${dialog.message()}`);
    page.asked = (page.asked ?? 0) + 1;
    await dialog.accept();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!known.some((origin) => url.startsWith(origin)) && !/^(data|blob):/.test(url)) problems.push(`${page.url()} asks ${url}`);
  });
};

// Nothing serious for who cannot see it, nothing wider than a phone, and a picture of it.
export const look = async (page, name) => {
  const judge = async (builder, how) => {
    const { violations } = await builder.analyze();
    const bad = violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
    for (const violation of bad) problems.push(`${name}${how}: ${violation.id}: ${violation.nodes.map((node) => node.html).join(" | ").slice(0, 400)}`);
  };
  await judge(new AxeBuilder({ page }), "");
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
  // In the dark only the colours are others.
  await page.emulateMedia({ colorScheme: "dark" });
  await judge(new AxeBuilder({ page }).withRules(["color-contrast"]), " in the dark");
  await page.screenshot({ path: `${shots}/${name}-dark.png`, fullPage: true });
  await page.emulateMedia({ colorScheme: "light" });
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (width > 360) problems.push(`${name} is ${width} wide on a phone`);
  await page.screenshot({ path: `${shots}/${name}-phone.png`, fullPage: true });
  await page.setViewportSize(before);
};

export const text = async (page, wanted) => {
  const end = Date.now() + 5000;
  let body = "";
  while (Date.now() < end) {
    body = await page.textContent("main").catch(() => "");
    if (body.includes(wanted)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${page.url()} does not say ${wanted}, but: ${body.replace(/\s+/g, " ").slice(0, 800)}`);
};

export const done = async () => {
  await browser.close();
  assert.deepEqual(problems, []);
};
