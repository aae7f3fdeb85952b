// The composer: counters that move with each key (the server's own count follows within half a
// second and stands), the counter above a phone's keyboard, and focus where a row was added.

const form = document.querySelector("[data-composer]");
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const segmenter = Intl.Segmenter ? new Intl.Segmenter("en", { granularity: "grapheme" }) : null;
const graphemes = (text) => (segmenter ? [...segmenter.segment(text)].length : [...text].length);
const LINK = /https?:\/\/\S+/g;
const light = (code) => code <= 0x10ff || (code >= 0x2000 && code <= 0x200d) || (code >= 0x2010 && code <= 0x201f) || (code >= 0x2032 && code <= 0x2037);

function weighted(text) {
  let total = 0;
  const rest = text.replace(LINK, () => { total += 23; return ""; });
  for (const { segment } of segmenter ? segmenter.segment(rest) : [...rest].map((segment) => ({ segment }))) {
    total += [...segment].length > 1 ? 2 : light(segment.codePointAt(0)) ? 1 : 2;
  }
  return total;
}
function measure(text, unit) {
  if (unit.includes("X")) return weighted(text);
  return unit === "graphemes" ? graphemes(text) : [...text].length;
}

function show(count, size) {
  const limit = Number(count.dataset.limit);
  one("[data-left]", count).textContent = limit - size;
  count.className = `count ${size > limit ? "over" : size > 0.9 * limit ? "near" : ""}`;
  one(".ring-on", count).setAttribute("stroke-dasharray", `${Math.min(100, (100 * size) / limit)} 100`);
}
function estimate(area) {
  const text = area.value.normalize("NFC");
  for (const count of all(`#count-${area.dataset.part} [data-count]`)) show(count, measure(text, count.dataset.unit));
  bar(area);
}

// On a phone the bar of buttons repeats the tightest counter, for it stays above the keyboard.
function bar(area = document.activeElement) {
  const box = one("[data-bar-count]");
  if (!box) return;
  const part = area?.dataset?.part ?? "0";
  const counts = all(`#count-${part} [data-count]`).sort((a, b) => one("[data-left]", a).textContent - one("[data-left]", b).textContent);
  box.replaceChildren(...counts.slice(0, 1).map((count) => { const copy = count.cloneNode(true); copy.removeAttribute("data-count"); return copy; }));
}
function lift() {
  const view = window.visualViewport;
  const hidden = view ? Math.max(0, window.innerHeight - view.height - view.offsetTop) : 0;
  document.documentElement.style.setProperty("--keyboard", `${Math.round(hidden)}px`);
}

if (form) {
  form.addEventListener("input", (event) => { if (event.target.matches("textarea[data-part]")) estimate(event.target); });
  form.addEventListener("focusin", (event) => bar(event.target));
  document.addEventListener("htmx:after:swap", () => {
    const fresh = one("[data-fresh]");
    if (fresh) {
      fresh.removeAttribute("data-fresh");
      fresh.focus();
      htmx.trigger(form, "judge");
    }
    bar();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) { event.preventDefault(); one('button[form="composer"][value="schedule"]')?.click(); }
  });
  // Sent twice it makes one post; sent once it need not ask.
  form.addEventListener("submit", () => { for (const each of all('button[form="composer"]')) each.setAttribute("aria-busy", "true"); });
  window.addEventListener("pageshow", () => { for (const each of all('button[form="composer"]')) each.removeAttribute("aria-busy"); });
  window.visualViewport?.addEventListener("resize", lift);
  window.visualViewport?.addEventListener("scroll", lift);
  bar();
}
