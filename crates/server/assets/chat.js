// What does the page do in a browser that runs scripts? It asks without a reload, keeps the conversation in memory and
// nowhere else, and builds what it shows from text: no string ever becomes markup here.
//
// A turn has the same parts, in the same order, as `pages/parts.rs` gives it on the server; a test compares the two.

const main = document.getElementById("main");
const log = document.getElementById("log");
const welcome = document.getElementById("welcome");
const form = document.getElementById("ask");
const box = document.getElementById("question");
const send = form.querySelector(".send");
const problem = document.getElementById("problem");
const fresh = document.getElementById("new");

const words = JSON.parse(main.dataset.words);
const marks = JSON.parse(main.dataset.marks);
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December"];
const MOST_CHARACTERS = 2000;
/** Bytes of the turns that go with a question: the rules for emergencies read all of them, as far as a body holds them. */
const MOST_CARRIED = 48000;
const PATIENCE_MS = 30000;

/** The turns before, as the server needs them; a page that a form brought carries them in its fields. */
let turns = carried();
let number = turns.length;
let asking = null;
let key = "";
let glossary = { meanings: new Map(), longest: 0 };

/** An element with attributes and children; a child that is text stays text. */
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function carried() {
  const found = [];
  for (const field of form.querySelectorAll("input[type=hidden]")) {
    if (field.name === "asked") found.push({ question: field.value, answer: "", urgent: false });
    if (field.name === "urgent" && found.length) found.at(-1).urgent = true;
    if (field.name === "answered" && found.length) found.at(-1).answer = field.value;
    field.remove();
  }
  return found;
}

/** The turns that fit: the oldest are left out first, and what was urgent after all others. */
function lightened() {
  const sent = turns.map(({ question, answer, urgent }) => ({ turn: { question, answer }, urgent }));
  const weight = ({ turn }) => new TextEncoder().encode(JSON.stringify(turn)).length;
  let carried = sent.reduce((sum, one) => sum + weight(one), 0);
  while (carried > MOST_CARRIED) {
    const oldest = sent.findIndex((one) => !one.urgent);
    carried -= weight(sent.splice(Math.max(oldest, 0), 1)[0]);
  }
  return sent.map((one) => one.turn);
}

// Parts of a reply.

function asked(question) {
  return el("h2", { class: "asked" }, el("span", { class: "quiet" }, words.you, " "), el("span", { dir: "auto" }, question));
}

function turnOf(at, question, reply) {
  const body = reply.answer ? answerOf(reply.answer, at) : unanswered(reply);
  return [
    asked(question),
    reply.notices.map(noticeOf),
    body,
    reply.reading.length ? readingOf(reply) : null,
  ];
}

function noticeOf(notice) {
  const urgent = notice.kind === "emergency";
  const kinds = ["emergency", "boundary", "scope", "retraction", "age"];
  return el("section", { class: `notice ${kinds.includes(notice.kind) ? notice.kind : "scope"}`, role: urgent ? "alert" : null },
    el("h3", null, notice.title),
    notice.call ? el("p", { class: "call" }, words.call, " ", numbers(notice.call.number)) : null,
    el("p", null, notice.text),
    notice.source && !["scope", "retraction", "age"].includes(notice.kind) ? el("p", { class: "follows" }, words.follows, " ", notice.source) : null);
}

/** `999`, or `144 or 112`: each number a link that dials, other words as they are. */
function numbers(text) {
  return text.split(" or ").flatMap((part, at) => [
    at ? " or " : "",
    /^[0-9 ]*[0-9][0-9 ]*$/.test(part) ? el("a", { href: `tel:${part.replaceAll(" ", "")}` }, part) : part,
  ]);
}

function answerOf(answer, at) {
  const [first, ...others] = answer.citations;
  const prefix = `m-${at}-`;
  const differing = answer.differing ?? [];
  return el("section", { class: "answer" },
    el("div", { class: "head" }, el("h3", null, words.answer), sureOf(answer)),
    said(first, prefix),
    others.length ? el("section", { class: "also" },
      el("h4", null, words.also),
      el("ul", null, others.map((citation) => el("li", null, sourceOf(citation))))) : null,
    differing.length ? el("section", { class: "differing" },
      el("h4", null, words.differing),
      el("p", null, words.differing_why),
      differing.map((citation, place) => said(citation, `${prefix}d${place}-`))) : null,
    el("p", { class: "general" }, words.general));
}

function said(citation, prefix) {
  const terms = termsIn(citation.quote);
  return [
    el("figure", { class: "said" },
      el("blockquote", { dir: "auto" }, quoteOf(citation, terms, prefix)),
      el("figcaption", null, sourceOf(citation))),
    plainOf(citation.quote, terms, prefix),
  ];
}

/** What the hard words of a quote mean; without a prefix nothing can lead there. */
function plainOf(text, terms, prefix) {
  if (!terms.length) return null;
  return el("section", { class: "plain" },
    el("h4", null, words.plain),
    el("dl", null, terms.map((term, at) => el("div", prefix ? { id: prefix + at } : null,
      el("dt", { dir: "auto" }, text.slice(term.start, term.end)),
      el("dd", null, term.meaning)))));
}

/** Words of which the hard ones are explained on hover. They are no links: what is cut off below must not take the focus. */
function hinted(text, terms) {
  let at = 0;
  const made = terms.flatMap((term) => {
    const bits = [text.slice(at, term.start), el("span", { class: "term", title: term.meaning }, text.slice(term.start, term.end))];
    at = term.end;
    return bits;
  });
  return [...made, text.slice(at)];
}

function sureOf(answer) {
  const label = ["high", "moderate", "low"].includes(answer.confidence_label) ? answer.confidence_label : "low";
  return el("p", { class: `sure ${label}` },
    el("span", { class: "bars", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
    words.sure[label], ` (${Math.round(answer.confidence * 100)}%)`);
}

/** Lines become paragraphs, lines that begin with a dash a list; the span is marked, hard words lead to their meaning. */
function quoteOf(citation, terms, prefix) {
  const text = citation.quote;
  const characters = [...text];
  const place = (at) => characters.slice(0, Math.max(0, at - citation.start)).join("").length;
  const marked = { start: place(citation.answer_start), end: place(citation.answer_end) };
  const bits = (start, end) => {
    const made = [];
    let at = start;
    terms.forEach((term, number) => {
      if (term.start < start || term.end > end) return;
      made.push(text.slice(at, term.start));
      made.push(el("a", { class: "term", href: `#${prefix}${number}`, title: term.meaning }, text.slice(term.start, term.end)));
      at = term.end;
    });
    return [...made, text.slice(at, end)];
  };
  const line = (start, end) => {
    const from = Math.min(Math.max(marked.start, start), end);
    const to = Math.min(Math.max(marked.end, start), end);
    return from < to ? [bits(start, from), el("mark", null, bits(from, to)), bits(to, end)] : bits(start, end);
  };
  const blocks = [];
  let start = 0;
  for (const whole of text.split("\n")) {
    const end = start + whole.length;
    const indent = whole.length - whole.trimStart().length;
    const item = whole.trimStart();
    if (item.startsWith("- ") && item.slice(2).trim()) {
      if (blocks.at(-1)?.localName !== "ul") blocks.push(el("ul"));
      blocks.at(-1).append(el("li", null, line(start + indent + 2, end)));
    } else if (whole.trim()) {
      blocks.push(el("p", null, line(start, end)));
    }
    start = end + 1;
  }
  return blocks;
}

function sourceOf(citation) {
  return [
    el("p", { class: "cite" },
      el("cite", null, titleOf(citation)),
      el("span", { class: "meta" }, el("bdi", null, citation.publisher), " · ", el("bdi", null, citation.kind),
        citation.published ? ` · ${dateInWords(citation.published)}` : null,
        citation.page ? ` · ${words.page} ${Number(citation.page)}` : null,
        citation.grade ? [` · ${words.grade} `, el("bdi", null, citation.grade)] : null),
      markOf(citation), alsoIn(citation)),
    el("p", { class: "ways" },
      el("a", { class: "show", href: placeOf(citation), target: "_blank", rel: "noopener" },
        words.show, el("span", { class: "quiet" }, " ", words.new_tab)),
      /^https?:\/\//.test(citation.url ?? "") ? [" ", el("a", { class: "original", href: citation.url, target: "_blank", rel: "noopener noreferrer" },
        words.original, el("span", { class: "quiet" }, " ", words.new_tab))] : null),
  ];
}

/** The mark of a document that does not stand as published, put together as `Standing::mark` does it. */
function markText({ standing }) {
  const state = marks[standing?.state];
  if (!state) return "";
  const told = [standing.notice, standing.since].filter(Boolean).join(", ");
  return told ? `${state} (${told})` : state;
}

function markOf(citation) {
  const mark = markText(citation);
  return mark ? [" ", el("strong", { class: "fallen", dir: "auto" }, mark)] : null;
}

function alsoIn({ siblings = [] }) {
  if (!siblings.length) return null;
  return el("span", { class: "meta" }, " · ", words.also_in,
    siblings.map((id) => [" ", el("a", { href: `/source/${encodeURIComponent(id)}` }, id)]));
}

function titleOf(citation) {
  return [el("bdi", null, citation.title), citation.section ? [" › ", el("bdi", null, citation.section)] : null];
}

function placeOf(citation) {
  const { document_id: id, answer_start: start, answer_end: end } = citation;
  return `/source/${encodeURIComponent(id)}?start=${Number(start)}&end=${Number(end)}#span`;
}

function dateInWords(date) {
  const [year, month, day] = date.split("-");
  const name = MONTHS[Number(month) - 1];
  if (name && day) return `${Number(day)} ${name} ${year}`;
  return name ? `${name} ${year}` : year;
}

function unanswered(reply) {
  const reasons = { emergency: words.urgent, personal: words.personal, scope: words.scope };
  const text = reasons[reply.outcome === "redirected" ? "emergency" : reply.reason] ?? words.unsupported;
  const [before, after] = words.turn_to.split("{number}");
  const number = main.dataset.number;
  const told = reply.notices.some((notice) => notice.kind === "boundary" || notice.kind === "scope");
  return el("section", { class: "none" },
    told ? null : [el("h3", null, text.title), el("p", null, text.text)],
    reply.outcome === "abstained"
      ? [el("h4", null, words.turn), el("p", null, before, number ? numbers(number) : words.nowhere, after)] : null);
}

function readingOf(reply) {
  return el("section", { class: "reading" },
    el("h3", null, reply.reason === "unsupported" ? words.found : words.reading),
    el("ul", null, reply.reading.map((citation) => el("li", null, entryOf(citation)))));
}

function entryOf(citation) {
  const terms = termsIn(citation.quote);
  return [
    el("a", { href: placeOf(citation), target: "_blank", rel: "noopener" },
      titleOf(citation), el("span", { class: "quiet" }, " ", words.new_tab)),
    el("p", { dir: "auto" }, hinted(citation.quote, terms)),
    el("p", { class: "meta" }, el("bdi", null, citation.publisher), " · ", el("bdi", null, citation.kind), markOf(citation)),
    plainOf(citation.quote, terms, ""),
  ];
}

// Hard words: the list is fetched once and whole, so that no word of an answer is ever asked for.

async function learn() {
  try {
    const entries = Object.entries(await (await fetch("/assets/glossary.json")).json());
    const meanings = new Map(entries.map(([form, meaning]) => [form.toLowerCase(), meaning]));
    const longest = Math.max(0, ...[...meanings.keys()].map((form) => form.split(" ").length));
    glossary = { meanings, longest };
  } catch {
    // Answers are whole without it.
  }
}

function termsIn(text) {
  const found = [...text.matchAll(/[\p{Alphabetic}\p{N}][\p{Alphabetic}\p{N}'’-]*/gu)];
  const spans = found.map((match) => ({ start: match.index, end: match.index + match[0].replace(/['’-]+$/, "").length }));
  const told = new Set();
  const terms = [];
  for (let at = 0; at < spans.length; at += 1) {
    for (let count = Math.min(glossary.longest, spans.length - at); count > 0; count -= 1) {
      const { start } = spans[at];
      const { end } = spans[at + count - 1];
      const meaning = glossary.meanings.get(text.slice(start, end).toLowerCase());
      if (!meaning) continue;
      if (!told.has(meaning)) terms.push({ start, end, meaning });
      told.add(meaning);
      at += count - 1;
      break;
    }
  }
  return terms;
}

// What only a script can offer: copy, print, and a count of who was helped.

function toolsOf(question, reply) {
  const status = el("span", { class: "told", role: "status" });
  const copy = el("button", { type: "button", class: "tool" }, words.tools.copy);
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(plainText(question, reply));
      status.textContent = words.tools.copied;
    } catch {
      status.textContent = words.tools.uncopied;
    }
  });
  const print = el("button", { type: "button", class: "tool" }, words.tools.print);
  print.addEventListener("click", () => window.print());
  return el("div", { class: "tools" }, copy, print, helpful(status), status);
}

function helpful(status) {
  const group = el("span", { class: "helpful", role: "group", "aria-label": words.tools.helpful },
    el("span", { "aria-hidden": "true" }, words.tools.helpful));
  for (const [text, value] of [[words.tools.yes, true], [words.tools.no, false]]) {
    const button = el("button", { type: "button", class: "tool" }, text);
    button.addEventListener("click", async () => {
      // The one who pressed it stays where they are: focus goes to the thanks, not to nowhere.
      status.tabIndex = -1;
      status.focus();
      group.remove();
      const counted = await post("/v1/feedback", { helpful: value }).catch(() => null);
      status.textContent = counted?.ok ? words.tools.thanks : words.tools.uncounted;
    });
    group.append(button);
  }
  return group;
}

function plainText(question, reply) {
  const lines = [question, ""];
  for (const notice of reply.notices) lines.push(notice.title, notice.text, "");
  for (const citation of reply.answer?.citations.slice(0, 1) ?? []) {
    const place = [citation.title, citation.section].filter(Boolean).join(" › ");
    const about = [citation.publisher, citation.kind, citation.published && dateInWords(citation.published), markText(citation), citation.url];
    lines.push(citation.quote, "", place, about.filter(Boolean).join(" · "), "");
  }
  if (!reply.answer && reply.outcome === "abstained") lines.push(words.unsupported.title, "");
  return [...lines, words.foot].join("\n");
}

/** The meaning of a word beside it, on hover, focus and touch; Escape puts it away. */
function explain() {
  const tip = el("div", { class: "tip", role: "tooltip", id: "tip", hidden: "" });
  let shown = null;
  const hide = () => {
    if (!shown) return;
    shown.removeAttribute("aria-describedby");
    shown.title = tip.textContent;
    shown = null;
    tip.hidden = true;
  };
  const show = (term) => {
    if (shown === term) return;
    hide();
    shown = term;
    tip.textContent = term.title;
    // Else the browser shows its own beside ours.
    term.removeAttribute("title");
    term.setAttribute("aria-describedby", "tip");
    tip.hidden = false;
    const place = term.getBoundingClientRect();
    const left = Math.min(Math.max(8, place.left), document.documentElement.clientWidth - tip.offsetWidth - 8);
    const above = place.top - tip.offsetHeight - 6;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(above > 90 ? above : place.bottom + 6) + window.scrollY}px`;
  };
  const termOf = (event) => (event.target instanceof Element ? event.target.closest("a.term") : null);
  main.append(tip);
  log.addEventListener("mouseover", (event) => (termOf(event) ? show(termOf(event)) : null));
  log.addEventListener("focusin", (event) => (termOf(event) ? show(termOf(event)) : hide()));
  log.addEventListener("focusout", hide);
  log.addEventListener("mouseout", (event) => {
    // The meaning itself may be pointed at.
    if (shown && event.relatedTarget !== tip && shown !== document.activeElement) hide();
  });
  tip.addEventListener("mouseleave", () => (shown !== document.activeElement ? hide() : null));
  document.addEventListener("keydown", (event) => (event.key === "Escape" ? hide() : null));
  log.addEventListener("click", (event) => {
    const term = termOf(event);
    if (!term) return;
    event.preventDefault();
    term.focus();
    show(term);
  });
}

// Asking.

function post(path, body, signal) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (key) headers.authorization = `Bearer ${key}`;
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal, cache: "no-store", credentials: "same-origin" });
}

async function ask(question) {
  if (asking) return;
  const tooLong = [...question].length > MOST_CHARACTERS;
  if (!question.trim() || tooLong) {
    tell(tooLong ? words.problems.long : words.problems.empty);
    box.focus();
    return;
  }
  tell("");
  const turn = el("article", { class: "turn", id: `turn-${number}` }, asked(question),
    el("p", { class: "waiting", role: "status" }, el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")), words.waiting));
  welcome.hidden = true;
  fresh.hidden = false;
  log.append(turn);
  box.value = "";
  fit();
  reveal(turn);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort("slow"), PATIENCE_MS);
  asking = { turn, controller };
  send.setAttribute("aria-disabled", "true");
  log.setAttribute("aria-busy", "true");
  try {
    const response = await post("/v1/ask", { question, history: lightened() }, controller.signal);
    if (!response.ok) throw new Refused(response);
    const reply = await response.json();
    if (!turn.isConnected) return;
    turn.replaceChildren(...turnOf(number, question, reply).flat(Infinity).filter(Boolean), toolsOf(question, reply));
    turns.push({ question, answer: reply.answer?.text ?? "", urgent: reply.outcome === "redirected" });
    number += 1;
    form.action = `/#turn-${number}`;
    reveal(turn);
  } catch (error) {
    if (turn.isConnected) {
      turn.remove();
      // What was typed is not lost, nor what was typed since.
      box.value = box.value ? `${question}\n${box.value}` : question;
      fit();
      if (!log.children.length) startAgain();
      await failed(error, controller.signal.aborted);
    }
  } finally {
    clearTimeout(timer);
    asking = null;
    send.removeAttribute("aria-disabled");
    log.removeAttribute("aria-busy");
  }
}

class Refused extends Error {
  constructor(response) {
    super("refused");
    this.response = response;
  }
}

async function failed(error, tooSlow) {
  const said = words.problems;
  if (!(error instanceof Refused)) {
    tell(`${tooSlow ? said.slow : said.offline} ${said.kept}`);
    return;
  }
  const { status, headers } = error.response;
  const texts = { 400: said.malformed, 401: said.key, 403: said.role, 408: said.slow, 413: said.long, 422: said.unreadable,
    429: said.often, 503: said.busy, 504: said.slow };
  const seconds = Number(headers.get("retry-after"));
  const wait = seconds > 1 && seconds < 3600 ? ` ${said.wait.replace("{seconds}", String(Math.ceil(seconds)))}` : "";
  tell(`${texts[status] ?? said.broken}${wait} ${said.kept}`);
  if (status === 401 || status === 403) askForKey();
}

function tell(text) {
  problem.replaceChildren(text);
  if (text) box.setAttribute("aria-invalid", "true");
  else box.removeAttribute("aria-invalid");
}

/** A key is kept as long as the page is, and as near: in memory. */
function askForKey() {
  if (document.getElementById("key")) return;
  const field = el("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false" });
  const use = el("button", { type: "button", class: "tool" }, words.tools.use_key);
  const row = el("div", { class: "key" }, el("label", { for: "key" }, words.tools.key), field, use);
  const take = () => {
    key = field.value.trim();
    row.remove();
    tell("");
    ask(box.value);
  };
  use.addEventListener("click", take);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    take();
  });
  problem.after(row);
  field.focus();
}

function startAgain() {
  welcome.hidden = false;
  fresh.hidden = true;
}

/** Grows the box with what is typed, up to a third of the window. */
function fit() {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, window.innerHeight / 3)}px`;
}

function reveal(turn) {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  turn.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const example = event.submitter?.name === "example" ? event.submitter.value : null;
  if (example) box.focus();
  ask(example ?? box.value);
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask(box.value);
});
box.addEventListener("input", () => {
  fit();
  if (problem.textContent) tell("");
});
fresh.addEventListener("click", (event) => {
  event.preventDefault();
  asking?.controller.abort();
  log.replaceChildren();
  turns = [];
  number = 0;
  tell("");
  startAgain();
  window.scrollTo({ top: 0 });
  box.focus();
});

explain();
learn();
fit();
