// Does the chat page do what it says, in a real browser?

import { ask, base, equal, eventually, finish, holds, patience, post, skeleton, test, words } from "./browser.mjs";

const ASTHMA = "What are the symptoms of asthma?";
const EMERGENCY = "I have crushing chest pain and my left arm feels heavy";
const NOWHERE = "How is Fabry disease treated?";
const ELSEWHERE = "How tall is the Eiffel tower?";
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

await test("a question is answered with its span marked, its source and a way there", {}, async (page, context) => {
  const turn = await ask(page, ASTHMA);
  holds((await turn.locator(".asked").innerText()).includes(ASTHMA), "the question is shown");
  const marked = await turn.locator(".answer mark").first().innerText();
  const all = (await turn.locator(".answer mark").allInnerTexts()).join(" ");
  holds(/wheez|breath/i.test(all), `the span is marked, found: ${all}`);
  holds(/sure \(\d+%\)/.test(await turn.locator(".sure").innerText()), "confidence in words and as a number");
  holds((await turn.locator(".cite").first().innerText()).startsWith("Asthma › Symptoms"), "title and section");
  const opened = context.waitForEvent("page");
  await turn.locator("a.show").first().click();
  const source = await opened;
  await source.waitForLoadState();
  equal(await source.locator("#span").first().innerText(), marked, "the source shows the same span:");
  const seen = ({ y }) => y > 0 && y < 860;
  const place = await eventually(() => source.locator("#span").first().boundingBox(), seen);
  holds(seen(place), `the span is in sight, at ${place.y}`);
});

await test("hard words are explained in text, on hover, by keyboard, and put away by Escape", {}, async (page) => {
  const turn = await ask(page, ASTHMA);
  const term = turn.locator("a.term").first();
  const meaning = await term.getAttribute("title");
  holds((await turn.locator(".answer .plain").first().innerText()).includes(meaning), "the meaning stands below");
  const tip = page.locator("#tip");
  await term.hover();
  equal(await tip.innerText(), meaning, "on hover:");
  await page.keyboard.press("Escape");
  equal(await tip.isVisible(), false, "after Escape:");
  await page.mouse.move(5, 500);
  await term.focus();
  equal(await tip.innerText(), meaning, "with focus:");
  equal(await term.getAttribute("aria-describedby"), "tip", "for screen readers:");
  await page.locator("#question").focus();
  equal(await tip.isVisible(), false, "without focus:");
  equal(await term.getAttribute("title"), meaning, "afterwards:");
});

await test("hard words are explained in every quote that is shown", {}, async (page) => {
  await page.route("**/v1/ask", async (route) => {
    const response = await route.fetch();
    const reply = await response.json();
    if (response.ok()) {
      const bounds = { quote: "Tachycardia may follow.", start: 0, end: 23, answer_start: 0, answer_end: 11 };
      const other = { ...reply.answer.citations[0], ...bounds };
      reply.answer.differing = [other];
      reply.reading = [{ ...other, score: 1 }];
    }
    await route.fulfill({ response, json: reply });
  });
  const turn = await ask(page, ASTHMA);
  for (const part of [".differing", ".reading"]) {
    const term = turn.locator(`${part} .term`);
    equal(await term.innerText(), "Tachycardia", `in ${part}:`);
    const meaning = await term.getAttribute("title");
    holds((await turn.locator(`${part} .plain`).innerText()).includes(meaning), `the meaning stands below in ${part}`);
  }
  const link = await turn.locator(".differing a.term").getAttribute("href");
  equal(await turn.locator(`.differing ${link} dt`).innerText(), "Tachycardia", "the link leads to:");
});

await test("a touch explains a hard word", PHONE, async (page) => {
  const turn = await ask(page, ASTHMA);
  await turn.locator("a.term").first().tap();
  equal(await page.locator("#tip").isVisible(), true);
  equal(new URL(page.url()).hash, "", "the address stays:");
});

await test("a follow-up is sent with the turns before it", {}, async (page) => {
  await ask(page, ASTHMA);
  const sent = page.waitForRequest("**/v1/ask");
  const turn = await ask(page, "and how is it treated?");
  const { question, history } = (await sent).postDataJSON();
  equal(question, "and how is it treated?");
  equal(history.length, 1, "turns:");
  equal(history[0].question, ASTHMA);
  holds(history[0].answer.length > 10, "the answer is sent along");
  holds((await turn.locator(".cite, .reading").first().innerText()).includes("Asthma"), "asthma is meant");
});

await test("of a long conversation the oldest turns are left out first, and what was urgent after all others", {}, async (page) => {
  let history = [];
  await page.route("**/v1/ask", async (route) => {
    const sent = route.request().postDataJSON();
    history = sent.history;
    const response = await route.fetch({ postData: JSON.stringify({ ...sent, history: [] }) });
    const reply = await response.json();
    // So long that only two of them fit beside the first turn.
    if (reply.answer) reply.answer.text = "x".repeat(20000);
    await route.fulfill({ response, json: reply });
  });
  for (const question of [EMERGENCY, ASTHMA, "what is migraine", "what is asthma", ASTHMA]) await ask(page, question);
  equal(history.map((turn) => turn.question), [EMERGENCY, "what is migraine", "what is asthma"], "what was sent along:");
  equal(Object.keys(history[0]).sort(), ["answer", "question"], "and nothing else of it:");
});

await test("what no longer stands is marked in the words of the server", {}, async (page) => {
  await page.route("**/v1/ask", async (route) => {
    const response = await route.fetch();
    const reply = await response.json();
    if (response.ok()) reply.answer.citations[0].standing = { state: "retracted", notice: "Notice 12", since: "2026-01-02" };
    await route.fulfill({ response, json: reply });
  });
  const turn = await ask(page, ASTHMA);
  equal(await turn.locator(".cite .fallen").first().innerText(), "WITHDRAWN (Notice 12, 2026-01-02)");
});

await test("an emergency comes first, with a number that dials", PHONE, async (page) => {
  const turn = await ask(page, EMERGENCY);
  const notice = turn.locator(".notice.emergency");
  equal(await notice.getAttribute("role"), "alert");
  equal(await notice.locator(".call a").getAttribute("href"), "tel:999");
  equal(await turn.locator(".answer").count(), 0, "answers:");
  const seen = ({ y }) => y < 844 / 2;
  const box = await eventually(() => notice.boundingBox(), seen);
  holds(seen(box), `the notice is in sight, at ${box.y}`);
});

await test("what is not known is said, with where to turn and what was found", {}, async (page) => {
  const turn = await ask(page, NOWHERE);
  equal(await turn.locator(".answer").count(), 0, "answers:");
  holds((await turn.locator(".none").innerText()).includes("We do not know"), "an honest sentence");
  equal(await turn.locator(".none a").getAttribute("href"), "tel:999");
  holds((await turn.locator(".reading li").count()) > 0, "what was found");
});

await test("what is not about health is said to be so, and nothing is shown for it", {}, async (page) => {
  const turn = await ask(page, ELSEWHERE);
  holds((await turn.locator(".notice h3").innerText()).includes("not about health"), "it says so");
  equal(await turn.locator(".answer").count(), 0, "answers:");
  equal(await turn.locator(".reading li").count(), 0, "what was found:");
});

await test("the number to call stays in sight", PHONE, async (page) => {
  await ask(page, ASTHMA);
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  const seen = ({ y }) => y >= 0 && y < 120;
  const box = await eventually(() => page.locator(".sos a").boundingBox(), seen);
  holds(seen(box), `the number is in sight, at ${box.y}`);
});

await test("without scripts a form does the same, turn for turn", { javaScriptEnabled: false }, async (page) => {
  await page.fill("#question", ASTHMA);
  await post(page, () => page.click(".send"));
  holds((await page.locator("#turn-0 mark").first().innerText()).length > 5, "a marked span");
  await page.fill("#question", "and how is it treated?");
  await post(page, () => page.click(".send"));
  equal(await page.locator(".turn").count(), 2, "turns:");
  holds((await page.locator("#turn-0 .said").innerText()).length > 10, "the answer before is still there");
  holds((await page.locator("#turn-1 .cite, #turn-1 .reading").first().innerText()).includes("Asthma"), "asthma is meant");
  equal(new URL(page.url()).search, "", "the address holds:");
});

for (const question of [ASTHMA, EMERGENCY, NOWHERE, ELSEWHERE, "How much paracetamol can I take?", "what is high blood pressure", "hello"]) {
  await test(`script and server show the same parts: ${question}`, {}, async (page, context) => {
    await ask(page, question);
    const byScript = [await skeleton(page, "#turn-0"), await words(page, "#turn-0")];
    const plain = await (await context.browser().newContext({ javaScriptEnabled: false })).newPage();
    plain.setDefaultTimeout(patience());
    await plain.goto(base);
    await plain.fill("#question", question);
    await post(plain, () => plain.click(".send"));
    equal(byScript, [await skeleton(plain, "#turn-0"), await words(plain, "#turn-0")]);
    await plain.context().close();
  });
}

await test("an example is asked with and without scripts", {}, async (page, context) => {
  await page.click(".examples button >> nth=0");
  await page.locator("#turn-0 .tools").waitFor();
  const plain = await (await context.browser().newContext({ javaScriptEnabled: false })).newPage();
  await plain.goto(base);
  await post(plain, () => plain.click(".examples button >> nth=0"));
  equal(await plain.locator("#turn-0").count(), 1);
  await plain.context().close();
});

await test("everything is reached by keyboard", {}, async (page) => {
  await page.keyboard.press("Tab");
  equal(await page.evaluate(() => document.activeElement.className), "skip", "first:");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.locator("#question").focus();
  await page.keyboard.type("What are the");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("symptoms of asthma?");
  equal(await page.inputValue("#question"), "What are the\nsymptoms of asthma?", "a new line:");
  await page.keyboard.press("Enter");
  await page.locator("#turn-0 .tools").waitFor();
  equal(await page.evaluate(() => document.activeElement.id), "question", "focus stays:");
  const reached = new Set();
  await page.locator("body").press("Home");
  await page.evaluate(() => document.activeElement.blur());
  for (let at = 0; at < 60; at += 1) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.className || document.activeElement.id || document.activeElement.localName));
    const seen = await page.evaluate(() => {
      const box = document.activeElement.getBoundingClientRect();
      const head = document.querySelector(".top").getBoundingClientRect();
      const inHead = document.activeElement.closest(".top, .skip");
      return document.activeElement === document.body || inHead || box.bottom > head.bottom;
    });
    holds(seen, "focus is never hidden below the head");
  }
  for (const wanted of ["brand", "term", "show", "tool", "question", "send", "new"]) holds(reached.has(wanted), `${wanted} is reached`);
});

await test("feedback sends a count and nothing else", {}, async (page) => {
  const bodies = [];
  await page.route("**/v1/feedback", (route) => {
    bodies.push(route.request().postData());
    route.fulfill({ status: 204 });
  });
  const turn = await ask(page, ASTHMA);
  await turn.getByRole("button", { name: "Yes" }).click();
  await turn.getByText("Thank you").waitFor();
  equal(bodies, ['{"helpful":true}']);
  equal(await turn.getByRole("button", { name: "Yes" }).count(), 0, "it is asked once:");
});

await test("copy takes the quote with its source", {}, async (page, context) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
  const turn = await ask(page, ASTHMA);
  await turn.getByRole("button", { name: "Copy" }).click();
  await turn.getByText("Copied").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const marked = await turn.locator(".answer mark").first().innerText();
  for (const part of [ASTHMA, marked, "Asthma › Symptoms"]) holds(copied.includes(part), `${part} in ${copied}`);
});

await test("on paper there are answers and no buttons", {}, async (page) => {
  await ask(page, ASTHMA);
  await page.emulateMedia({ media: "print" });
  for (const hidden of [".composer", ".tools", ".skip"]) equal(await page.locator(hidden).isVisible(), false, hidden);
  equal(await page.locator("#turn-0 .answer").isVisible(), true, "the answer:");
});

await test("nothing is kept: no storage, no cookie, no address, no title", {}, async (page, context) => {
  await ask(page, ASTHMA);
  equal(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]), [0, 0, ""]);
  equal((await context.cookies()).length, 0, "cookies:");
  equal(page.url(), `${base}/`);
  equal(await page.title(), "clinqa");
  await page.reload();
  equal(await page.locator(".turn").count(), 0, "turns after a reload:");
  await ask(page, ASTHMA);
  await page.click("#new");
  equal(await page.locator(".turn").count(), 0, "turns of a new conversation:");
  const sent = page.waitForRequest("**/v1/ask");
  await ask(page, "what is migraine");
  equal((await sent).postDataJSON().history, [], "history of a new conversation:");
});

const refusals = [
  [429, { "retry-after": "7" }, /Too many.*7 seconds/s],
  [503, { "retry-after": "1" }, /A lot of people/],
  [408, {}, /too long/],
  [413, {}, /too long for us/],
  [422, {}, /could not read/],
  [500, {}, /broke on our side/],
];
for (const [status, headers, message] of refusals) {
  await test(`after a ${status} the question is still in the box`, {}, async (page) => {
    await page.route("**/v1/ask", (route) => route.fulfill({ status, headers, body: "{}" }));
    await page.fill("#question", "what is asthma");
    await page.press("#question", "Enter");
    await page.locator("#problem", { hasText: message }).waitFor();
    equal(await page.inputValue("#question"), "what is asthma");
    equal(await page.locator("#question").getAttribute("aria-invalid"), "true");
    equal(await page.locator(".turn").count(), 0, "turns:");
    await page.unroute("**/v1/ask");
    await ask(page, "what is asthma");
    equal(await page.locator("#problem").innerText(), "", "afterwards:");
  });
}

await test("offline the question is still in the box", {}, async (page, context) => {
  await context.setOffline(true);
  await page.fill("#question", "what is asthma");
  await page.press("#question", "Enter");
  await page.locator("#problem", { hasText: "cannot be reached" }).waitFor();
  equal(await page.inputValue("#question"), "what is asthma");
});

await test("a server that wants a key is given one, kept in memory", {}, async (page) => {
  const keys = [];
  await page.route("**/v1/ask", (route) => {
    const { authorization } = route.request().headers();
    keys.push(authorization ?? null);
    return authorization ? route.continue() : route.fulfill({ status: 401, body: "{}" });
  });
  await page.fill("#question", "what is asthma");
  await page.press("#question", "Enter");
  await page.fill("#key", "secret");
  await page.press("#key", "Enter");
  await page.locator("#turn-0 .tools").waitFor();
  equal(keys, [null, "Bearer secret"]);
  equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
});

await test("an empty or endless question is refused before it is sent", {}, async (page) => {
  const sent = [];
  page.on("request", (request) => sent.push(request.url()));
  await page.press("#question", "Enter");
  await page.locator("#problem", { hasText: "There is no question yet" }).waitFor();
  await page.fill("#question", "é".repeat(2001));
  await page.press("#question", "Enter");
  await page.locator("#problem", { hasText: "too long" }).waitFor();
  equal(sent.filter((url) => url.includes("/v1/")), []);
});

await test("text from right to left runs from right to left, and the page does not", {}, async (page) => {
  const turn = await ask(page, "ما هي أعراض الربو asthma؟");
  const direction = (selector) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).direction);
  equal(await direction(".asked [dir]"), "rtl", "the question:");
  equal(await direction("main"), "ltr", "the page:");
  holds((await turn.locator(".asked").innerText()).includes("الربو"), "the question is shown");
  await page.evaluate(() => document.documentElement.setAttribute("dir", "rtl"));
  equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "a mirrored page fits:");
});

for (const width of [320, 390, 640]) {
  await test(`nothing is cut off ${width} pixels wide`, { viewport: { width, height: 700 } }, async (page) => {
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    holds(await fits(), "the empty page fits");
    await ask(page, ASTHMA);
    await ask(page, EMERGENCY);
    await ask(page, "x".repeat(300));
    holds(await fits(), "a conversation fits");
    await page.goto(`${base}/source/asthma?start=10&end=60#span`);
    holds(await fits(), "a source fits");
  });
}

await test("the dark page is dark", { colorScheme: "dark" }, async (page) => {
  const [paper, ink] = await page.evaluate(() => {
    const luminance = (color) => color.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
    return [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color].map(luminance);
  });
  holds(paper < 0.2 && ink > 0.7, `paper ${paper}, ink ${ink}`);
});

await test("nothing moves for who wants no motion", { reducedMotion: "reduce" }, async (page) => {
  await page.route("**/v1/ask", () => null);
  await page.fill("#question", "what is asthma");
  await page.press("#question", "Enter");
  await page.locator(".dots i").first().waitFor();
  equal(await page.locator(".dots i").first().evaluate((dot) => getComputedStyle(dot).animationName), "none");
});

await finish();
