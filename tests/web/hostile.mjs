// Does anything that a user or a document writes become code? 1,000 hostile strings through every field (promise S7).
//
// `write FOLDER` makes a corpus of them; without arguments it is looked at in the browser, and so is every field of a
// reply, of a form and of a question. Each string must leave the elements of a page as a harmless one leaves them.

import fs from "node:fs";
import path from "node:path";
import process from "node:process";

const COUNT = 1000;
const HARMLESS = "plain words";

/** Between them they bring every part of a reply. */
const HARMLESS_QUESTIONS = ["plain words", "plain words too", "plain words before it", "after it", "I have crushing chest pain", "how much paracetamol can I take?", "what is the capital of France?", "zzzz"];

/** Mulberry32: the same strings on every machine. */
function randomness(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const RUN = ["alert(1)", "window.ran=1", "top.ran=1", "eval('ran=1')", "import('data:text/javascript,ran=1')", "fetch('//evil.example')"];
const TAGS = ["script", "img", "svg", "iframe", "object", "embed", "video", "style", "link", "base", "form", "input", "math", "template",
  "details", "marquee", "meta", "body", "a", "button", "textarea", "title", "noscript", "plaintext", "xmp", "select", "dialog"];
const EVENTS = ["onerror", "onload", "onclick", "onmouseover", "onfocus", "ontoggle", "onanimationstart", "onbeforetoggle", "onpointerenter", "ONERROR"];
const OPENINGS = ["\"", "'", "`", "\">", "'>", "-->", "]]>", "</textarea>", "</title>", "</style>", "</script>", "</p></section></article>", "&quot;", "&#34;&#62;", "<!--", "<![CDATA[", "</template>", "\\\"", "*/", "?>"];
const TEMPLATES = ["{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{constructor.constructor('ran=1')()}}", "{% raw %}", "@(7*7)", "[[${7*7}]]", "{number}", "{seconds}", "%s%n", "$(id)", "__proto__", "constructor"];
const UNICODE = ["\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u200b", "\ufeff", "\u00ad", "\uff1cscript\uff1e", "\u0130\u0131", "\ufdfd", "e\u0301\u0301\u0301", "\u{1f469}\u200d\u{2695}\ufe0f", "\ufffe", "\u{10ffff}", "\u0085", "\u2028", "\u2029"];
const ADDRESSES = ["javascript:", "JaVaScRiPt:", "java\tscript:", "\u0001javascript:", "vbscript:", "data:text/html,<script>", "data:text/html;base64,PHNjcmlwdD5yYW49MTwvc2NyaXB0Pg==", "//evil.example/", "https://evil.example/\"onmouseover=ran=1 x=\"", "http://evil.example/'><script>ran=1</script>", "https://evil.example/<svg/onload=ran=1>", "file:///etc/passwd", "blob:https://evil.example/x"];
const CONTROLS = ["\u0000", "\u0007", "\u001b[31m", "\u007f", "\u009b", "\r"];

function hostile() {
  const below = randomness(20261129);
  const one = (list) => list[below(list.length)];
  const forms = [
    () => `<${one(TAGS)}>${one(RUN)}</${one(TAGS)}>`,
    () => `${one(OPENINGS)}<${one(TAGS)} ${one(EVENTS)}=${one(RUN)}>`,
    () => `<${one(TAGS)}/src=x ${one(EVENTS)}="${one(RUN)}"/>`,
    () => `${one(OPENINGS)} ${one(EVENTS)}=${one(RUN)} autofocus tabindex=1 x=${one(OPENINGS)}`,
    () => `<a href="${one(ADDRESSES)}${one(RUN)}">x</a>`,
    () => `${one(ADDRESSES)}${one(RUN)}`,
    () => `${one(TEMPLATES)}${one(OPENINGS)}${one(TEMPLATES)}`,
    () => `${one(UNICODE)}<${one(TAGS)} ${one(EVENTS)}=${one(RUN)}>${one(UNICODE)}`,
    () => `<${one(CONTROLS)}${one(TAGS)}${one(CONTROLS)}>${one(RUN)}`,
    () => `<scr<script>ipt>${one(RUN)}</scr</script>ipt>`,
    () => `${encodeURIComponent(`<${one(TAGS)}>`)}&lt;${one(TAGS)}&gt;&#x3c;${one(TAGS)}&#x3e;${one(RUN)}`,
    () => `<svg><animate ${one(EVENTS)}=${one(RUN)} attributeName=x><a xlink:href="${one(ADDRESSES)}">`,
    () => `<math><mtext></form><form><mglyph><style></math><img src ${one(EVENTS)}=${one(RUN)}>`,
    () => `${one(OPENINGS)}${one(UNICODE)}${one(TEMPLATES)}${one(ADDRESSES)}${one(CONTROLS)}`,
    () => `<style>@import '${one(ADDRESSES)}';*{background:url(${one(ADDRESSES)})}</style>${one(OPENINGS)}`,
    () => `<form action="${one(ADDRESSES)}"><button formaction="${one(ADDRESSES)}${one(RUN)}">x</button>`,
  ];
  return Array.from({ length: COUNT }, (_, at) => `${forms[at % forms.length]()} ${at}`);
}

const id = (at) => `h${String(at).padStart(4, "0")}`;

/** Harmless documents, with an address and without, then one a string. */
function write(folder) {
  const record = (name, text, url) => JSON.stringify({
    _id: name, title: text, text: `Before it. ${text} After it.`,
    metadata: { publisher: text, kind: text, specialty: text, audience: text, url },
  });
  const records = [
    record("linked", HARMLESS, "https://example.org/x"),
    record("unlinked", `${HARMLESS} too`, ""),
    // Some separators of Unicode become the ends of lines, and lines become paragraphs.
    record("linked-lines", "plain\nwords", "https://example.org/x"),
    record("unlinked-lines", "plain\nwords too", ""),
  ];
  hostile().forEach((text, at) => records.push(record(id(at), text, at % 2 ? text : `https://evil.example/${at}?${text.replace(/\s/g, "+")}`)));
  // A line that is no UTF-8 is skipped, not guessed at.
  const broken = Buffer.concat([Buffer.from('{"_id":"broken","text":"'), Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80]), Buffer.from('"}\n')]);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "corpus.jsonl"), Buffer.concat([Buffer.from(`${records.join("\n")}\n`), broken]));
}

/** A reply with `text` wherever a reply has text. */
function reply(text, address) {
  const citation = {
    document_id: text, title: text, section: text, publisher: text, kind: text, published: "2026-11-22", url: address,
    passage_id: text, quote: `Before. ${text} After.`, start: 5, end: 5 + [...text].length + 15, answer_start: 13, answer_end: 13 + [...text].length,
  };
  const notice = (kind) => ({ kind, rule: text, title: text, text, call: { region: text, number: text }, source: text });
  return {
    outcome: "answered", notices: [notice("emergency"), notice("boundary"), notice(text)],
    answer: { text, confidence: 0.8, confidence_label: text, citations: [citation, citation], differing: [citation] },
    reading: [{ ...citation, score: 1 }], generation: text, encoder: text, reader: text, took_ms: 1,
  };
}

async function look() {
  const { TRIES, ask, base, equal, finish, holds, skeleton, test } = await import("./browser.mjs");
  const strings = hostile();
  const STILL = { reducedMotion: "reduce", viewport: { width: 600, height: 400 } };
  const harm = () => {
    const handlers = [...document.querySelectorAll("*")].filter((element) =>
      [...element.attributes].some(({ name, value }) => name.startsWith("on") || /^\s*(java|vb)script:/i.test(value)));
    return [window.ran ?? 0, handlers.length, window.violations.length];
  };
  /** What the browser's own parser makes of what the server sends, in the shape of `skeleton`; nothing of it runs. */
  const parsed = (page, requests) => page.evaluate(async ([requests, tries]) => {
    const shapes = [];
    const answered = async (path, fields, tries) => {
      const body = fields && new URLSearchParams(fields);
      const response = await fetch(path, { method: body ? "POST" : "GET", body });
      // A browser that has to wait for a core sends its body too late, and is told to send it again.
      return response.status === 408 && tries > 1 ? answered(path, fields, tries - 1) : response;
    };
    for (const [path, fields] of requests) {
      const response = await answered(path, fields, tries);
      const whole = new DOMParser().parseFromString(await response.text(), "text/html");
      shapes.push([response.status, window.shapeOf(whole.documentElement)]);
    }
    return shapes;
  }, [requests, TRIES]);
  const kinds = (page) => page.evaluate(() => [...new Set([...document.querySelectorAll("*")].map((element) =>
    `${element.localName} ${[...element.attributes].map(({ name }) => name).sort()} ${element.getAttribute("class")}`))].sort());
  const watched = async (page) => page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
  });

  const asDocument = () => test(`${COUNT} strings as title, text, address and metadata of a document`, STILL, async (page) => {
    await watched(page);
    const shapes = [];
    for (const name of ["linked", "unlinked", "linked-lines", "unlinked-lines"]) {
      await page.goto(`${base}/source/${name}?start=0&end=6#span`);
      holds(await page.locator("#span").count(), "a harmless document has a span");
      shapes.push(await skeleton(page, "html"));
    }
    for (let from = 0; from < COUNT; from += 100) {
      const batch = strings.slice(from, from + 100).map((_, ahead) => from + ahead);
      const found = await parsed(page, batch.map((at) => [`/source/${id(at)}?start=0&end=6`]));
      found.forEach(([status, shape], ahead) => {
        equal(status, 200, id(from + ahead));
        holds(shapes.includes(shape), `${id(from + ahead)} has other elements: ${strings[from + ahead]}`);
      });
    }
    // One of each form, twice, is opened as a page, where it could run.
    for (let at = 0; at < COUNT; at += 31) {
      await page.goto(`${base}/source/${id(at)}?start=0&end=6#span`, { waitUntil: "domcontentloaded" });
      holds(shapes.includes(await skeleton(page, "html")), `${id(at)} has other elements: ${strings[at]}`);
      equal(await page.evaluate(harm), [0, 0, 0], strings[at]);
    }
    equal((await page.goto(`${base}/source/broken`)).status(), 404, "no UTF-8:");
  });

  const asReply = () => test(`${COUNT} strings in every field of a reply, and as question and history`, STILL, async (page) => {
    await watched(page);
    await page.goto(base);
    let next = null;
    let sent = 0;
    await page.route("**/v1/ask", (route) => {
      sent = route.request().postDataJSON().history.length;
      route.fulfill({ json: next });
    });
    const show = async (text, address) => {
      next = reply(text, address);
      await ask(page, text);
      const shape = await skeleton(page, "#log .turn:last-child");
      return [shape, await skeleton(page, "body > header"), await page.evaluate(harm)];
    };
    const linked = await show(HARMLESS, "https://example.org/x");
    const unlinked = await show(HARMLESS, "none");
    for (const [at, text] of strings.entries()) {
      if (at % 25 === 0) await page.click("#new");
      const address = at % 2 ? text : `https://evil.example/${text}`;
      const wanted = /^https?:\/\//.test(address) ? linked : unlinked;
      equal(await show(text, address), wanted, JSON.stringify(text));
    }
    holds(sent > 5, `history was sent along, ${sent} turns`);
  });

  const asForm = () => test(`${COUNT} strings as question and as turns of a form`, STILL, async (page, context) => {
    await watched(page);
    let body = "";
    // How it looks is not what is asked here.
    await page.route(/chat\.css|mark\.svg|glossary\.json/, (route) => route.abort());
    await page.route("**/posted", async (route) => route.fulfill({ response: body }));
    const fieldsOf = (texts, question) => [
      ...texts.flatMap((text) => [["asked", text], ["answered", text], ["source", `${text} 1 2`], ["source", "linked 3 9"]]),
      ["question", question],
    ];
    const post = async (texts, question, status) => {
      const data = new URLSearchParams(fieldsOf(texts, question)).toString();
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      for (let tries = 0; tries === 0 || (body.status() === 408 && tries < TRIES); tries += 1) {
        body = await context.request.post(`${base}/`, { data, headers });
      }
      equal(body.status(), status, JSON.stringify(question.slice(-80)));
      await page.goto(`${base}/posted`, { waitUntil: "domcontentloaded" });
      return [await skeleton(page, "html"), await page.evaluate(harm)];
    };
    const eight = (at) => Array.from({ length: 8 }, (_, ahead) => strings[(at + ahead) % COUNT]);
    const long = (text) => `${"long ".repeat(400)}${text}`;
    const [[, refused]] = await parsed(page, [["/", fieldsOf(Array(8).fill(HARMLESS), long(HARMLESS))]]);
    for (let from = 0; from < COUNT; from += 100) {
      const batch = strings.slice(from, from + 100);
      const found = await parsed(page, batch.map((text, ahead) => ["/", fieldsOf(eight(from + ahead), long(text))]));
      found.forEach((one, ahead) => equal(one, [422, refused], JSON.stringify(batch[ahead])));
    }
    // One of each form, twice, is opened as a page, where it could run.
    const opened = await post(Array(8).fill(HARMLESS), long(HARMLESS), 422);
    for (let at = 0; at < COUNT; at += 31) {
      equal(await post(eight(at), long(strings[at]), 422), opened, JSON.stringify(strings[at]));
    }
    const known = new Set();
    for (const text of HARMLESS_QUESTIONS) {
      await post([], text, 200);
      for (const kind of await kinds(page)) known.add(kind);
    }
    for (const [at, text] of strings.entries()) {
      // One in twenty-one goes through the models too; what holds control characters is refused before them.
      if (at % 21 || /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f]/.test(text)) continue;
      const [, harmed] = await post([], text, 200);
      equal(harmed, [0, 0, 0], JSON.stringify(text));
      const strange = (await kinds(page)).filter((kind) => !known.has(kind));
      equal(strange, [], `elements that no harmless question brings: ${JSON.stringify(text)}`);
    }
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    for (const data of ["question=%ff%fe%c0%80", "question=%00", "question=%ed%a0%80"]) {
      equal((await context.request.post(`${base}/`, { data, headers })).status(), 422, data);
    }
  });

  await Promise.all([asDocument(), asReply(), asForm()]);
  await finish();
}

if (process.argv[2] === "write") write(process.argv[3]);
else await look();
