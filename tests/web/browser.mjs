// What does a test of the pages need: a browser, a page that reports whatever goes wrong in it, and a tally.

import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

/** Where the packages lie; they are not committed. */
export const modules = createRequire(path.join(process.env.CLINQA_TEST_WEB, "modules.js"));

const { chromium } = modules("playwright-core");

/** The address of the server under test. */
export const base = process.env.CLINQA_TEST_URL;

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const browser = await chromium.launch({ executablePath: process.env.CLINQA_TEST_CHROMIUM, args: FLAGS });

/** Milliseconds that something may take: a minute on an idle box, more where others wait for the same cores. */
export const patience = () => 60000 * Math.min(Math.max(1, os.loadavg()[0] / os.availableParallelism()), 10);

/** Times that a question is sent while the server says that it took too long. It asks people to do the same. */
export const TRIES = 8;

let failed = 0;
const only = process.argv.find((arg) => arg.startsWith("--only="))?.slice(7);

/** Runs one test on a page of its own; `options` are those of a browser context. */
export async function test(name, options, body) {
  if (only && !name.includes(only)) return;
  const context = await browser.newContext({ viewport: { width: 1180, height: 860 }, ...options });
  await context.addInitScript(`window.shapeOf = ${shapeOf}`);
  const page = await context.newPage();
  const wrong = [];
  page.setDefaultTimeout(patience());
  page.on("pageerror", (error) => wrong.push(`an error in the page: ${error.message}`));
  page.on("dialog", (dialog) => { wrong.push("a dialog opened"); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== base) wrong.push(`a request to ${url.origin}`);
  });
  try {
    await page.goto(base);
    await body(page, context);
  } catch (error) {
    wrong.push(error.stack ?? String(error));
  }
  failed += wrong.length ? 1 : 0;
  console.log(wrong.length ? `not ok: ${name}\n  ${wrong.join("\n  ")}` : `ok: ${name}`);
  await context.close();
}

/** Ends the run, with an exit code that tells how it went. */
export async function finish() {
  await browser.close();
  process.exitCode = failed ? 1 : 0;
}

export function equal(found, wanted, what = "") {
  const [left, right] = [found, wanted].map((value) => JSON.stringify(value));
  if (left !== right) throw new Error(`${what} found ${left}, wanted ${right}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

/** Looks until what is found `holds`, and gives what was found last. */
export async function eventually(look, holds) {
  const end = Date.now() + patience();
  for (;;) {
    const found = await look();
    if (holds(found) || Date.now() > end) return found;
    await new Promise((after) => setTimeout(after, 50));
  }
}

/** Types a question, sends it with Enter and waits for what comes of it. */
export async function ask(page, question) {
  const before = await page.locator("#log .turn").count();
  const turn = page.locator("#log .turn").nth(before);
  const late = page.locator("#problem", { hasText: "That took too long." });
  await page.fill("#question", question);
  for (let tries = 1; ; tries += 1) {
    await page.press("#question", "Enter");
    await turn.locator(".tools").or(late).first().waitFor();
    if (tries === TRIES || !(await late.isVisible())) break;
    equal(await page.inputValue("#question"), question, "after it took too long:");
  }
  await turn.locator(".tools").waitFor();
  return turn;
}

/** The same by the form of a page that runs no scripts; `press` sends it. */
export async function post(page, press) {
  const before = await page.locator(".turn").count();
  for (let tries = 1; ; tries += 1) {
    const answered = page.waitForResponse((response) => response.request().method() === "POST");
    await press();
    if ((await answered).status() !== 408 || tries === TRIES) break;
    await page.goBack();
  }
  await page.locator(".turn").nth(before).waitFor();
}

/** The elements of a page: names, attributes, classes, no texts. Like elements one after the other count once. */
function shapeOf(element) {
  const attributes = [...element.attributes].map((attribute) => attribute.name).sort().join(" ");
  const inner = [...element.children].filter((child) => !child.matches(".tools")).map(window.shapeOf);
  const distinct = inner.filter((shape, at) => shape !== inner[at - 1]);
  return `${element.localName}[${attributes}|${element.className.baseVal ?? element.className}](${distinct.join(",")})`;
}

/** The shape of what `selector` finds first. A page without scripts runs no script of ours either, so it is sent along. */
export function skeleton(page, selector) {
  return page.evaluate(`(() => {
    window.shapeOf = ${shapeOf};
    return window.shapeOf(document.querySelector(${JSON.stringify(selector)}));
  })()`);
}

/** The text of a turn without the buttons that only a script can offer, white space evened out. */
export function words(page, selector) {
  return page.evaluate((selector) => {
    const copy = document.querySelector(selector).cloneNode(true);
    copy.querySelector(".tools")?.remove();
    return copy.textContent.replace(/\s+/g, " ").trim();
  }, selector);
}
