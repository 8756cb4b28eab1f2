// Can everybody use the pages? axe-core, with the tags of WCAG 2.2 AA, on each state of each page.

import { ask, base, finish, holds, modules, test } from "./browser.mjs";

const { source } = modules("axe-core");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];

const STATES = {
  empty: async () => null,
  answered: async (page) => {
    await ask(page, "What are the symptoms of asthma?");
    await page.locator("a.term").first().hover();
  },
  emergency: (page) => ask(page, "I have crushing chest pain and my left arm feels heavy"),
  abstained: (page) => ask(page, "How tall is the Eiffel tower?"),
  personal: (page) => ask(page, "How much paracetamol can I take?"),
  refused: async (page) => {
    await page.route("**/v1/ask", (route) => route.fulfill({ status: 401, body: "{}" }));
    await page.fill("#question", "what is asthma");
    await page.press("#question", "Enter");
    await page.locator("#key").waitFor();
  },
  waiting: async (page) => {
    await page.route("**/v1/ask", () => null);
    await page.fill("#question", "what is asthma");
    await page.press("#question", "Enter");
    await page.locator(".waiting").waitFor();
  },
  form: async (page) => {
    await page.evaluate(() => document.getElementById("ask").submit());
    await page.locator("#problem", { hasText: "There is no question yet" }).waitFor();
  },
  source: (page) => page.goto(`${base}/source/asthma?start=200&end=300#span`),
  error: (page) => page.goto(`${base}/source/none`),
};

const LOOKS = {
  light: {},
  dark: { colorScheme: "dark" },
  "high contrast": { contrast: "more" },
  phone: { viewport: { width: 320, height: 640 } },
};

for (const [look, options] of Object.entries(LOOKS)) {
  for (const [state, reach] of Object.entries(STATES)) {
    await test(`axe finds nothing: ${state}, ${look}`, { ...options, reducedMotion: "reduce" }, async (page) => {
      await reach(page);
      await page.evaluate(source);
      const { violations, passes } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), TAGS);
      holds(passes.length > 15, `only ${passes.length} rules had something to look at`);
      const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.map((node) => node.html.slice(0, 160)).join("\n    ")}`);
      holds(!violations.length, told.join("\n  "));
    });
  }
}

await finish();
