// What every page needs of script. Pages work without it: forms post, links lead, menus open.
// Markup asks for behaviour by data attributes, so that fragments swapped in later behave too.

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const remember = (name, value) => {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `musekit_${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
};

// --- messages ---

const closeToast = (toast) => toast?.remove();
const watchToast = (toast) => {
  // Errors stay until they are dismissed; the rest goes by itself, unless somebody reads it.
  if (toast.classList.contains("danger-tone")) return;
  let timer;
  const start = () => { timer = setTimeout(() => closeToast(toast), 7000); };
  for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, start);
  start();
};

/** Show a message in the corner; tone is success, info, warning or danger. */
export function toast(text, tone = "info") {
  const box = one("#toasts");
  const copy = one("#toast-template")?.content.firstElementChild.cloneNode(true);
  if (!box || !copy) return;
  copy.className = `toast ${tone === "danger" ? "danger-tone" : tone}`;
  one("p", copy).textContent = text;
  box.append(copy);
  watchToast(copy);
}

// --- tabs: the one we are on is in sight, also where there is no room for all ---

for (const tab of all(".tabs [aria-current]")) {
  const bar = tab.closest(".tabs");
  bar.scrollLeft = Math.max(0, tab.offsetLeft - bar.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2);
}

// --- times: kept true while the page is open ---

const steps = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [2592000, "day", 86400],
  [31536000, "month", 2629800], [Infinity, "year", 31557600]];
const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "always" });

function refreshTimes(root = document) {
  for (const element of all('time[data-time="ago"]', root)) {
    const seconds = (new Date(element.dateTime) - Date.now()) / 1000;
    const [, unit, length] = steps.find(([limit]) => Math.abs(seconds) < limit);
    const text = unit === "second" ? (seconds <= 0 ? "just now" : "in a moment") : words.format(Math.round(seconds / length), unit);
    if (element.textContent !== text) element.textContent = text;
  }
}

// --- overlays ---

function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return;
  closeMenus();
  dialog.showModal();
  if (id === "palette") filterPalette("");
}

function closeMenus(except) {
  for (const menu of all("details[data-menu][open]")) if (menu !== except) menu.open = false;
}

function moveInMenu(menu, step) {
  const items = all(".menu-item", menu).filter((item) => !item.disabled && item.offsetParent);
  if (!items.length) return;
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length + (at < 0 && step < 0 ? 1 : 0)) % items.length].focus();
}

// --- the palette ---

const options = () => all("#palette-list [role=option]");
function choose(option) {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  one("#palette input")?.setAttribute("aria-activedescendant", option?.id ?? "");
  option?.scrollIntoView({ block: "nearest" });
}
function filterPalette(text) {
  const wanted = text.trim().toLowerCase();
  const input = one("#palette input");
  if (!wanted) input.value = "";
  for (const each of options()) each.hidden = !each.textContent.toLowerCase().includes(wanted);
  const found = options().filter((each) => !each.hidden);
  one("#palette .none").hidden = found.length > 0;
  choose(found[0]);
}
function stepPalette(step) {
  const found = options().filter((each) => !each.hidden);
  const at = found.findIndex((each) => each.getAttribute("aria-selected") === "true");
  choose(found[(at + step + found.length) % found.length]);
}

// --- shortcuts: data-shortcut="c" or "g q"; pages of the navigation get "g" and a letter ---

function nameShortcuts() {
  const taken = new Set(all("[data-shortcut]").map((each) => each.dataset.shortcut));
  for (const link of all("[data-nav]:not([data-shortcut])")) {
    const letter = [...link.textContent.trim().toLowerCase()].find((char) => /[a-z]/.test(char) && !taken.has(`g ${char}`));
    if (!letter) continue;
    link.dataset.shortcut = `g ${letter}`;
    taken.add(link.dataset.shortcut);
  }
  const list = one("[data-shortcut-list]");
  for (const each of list ? all("[data-shortcut]") : []) {
    if (each.dataset.shortcut === "/") continue;
    const keys = document.createElement("dt");
    keys.innerHTML = `<span class="keys">${each.dataset.shortcut.split(" ").map(() => "<kbd></kbd>").join("")}</span>`;
    each.dataset.shortcut.split(" ").forEach((key, index) => { all("kbd", keys)[index].textContent = key; });
    const name = document.createElement("dd");
    name.textContent = each.dataset.shortcutLabel || each.getAttribute("aria-label") || each.textContent.trim();
    list.append(keys, name);
  }
}

let waiting = "";
function onKey(event) {
  const menu = document.activeElement?.closest?.("details[data-menu][open]");
  if (menu && event.key === "Escape") { menu.open = false; one("summary", menu).focus(); return; }
  if (menu && ["ArrowDown", "ArrowUp"].includes(event.key)) { event.preventDefault(); moveInMenu(menu, event.key === "ArrowDown" ? 1 : -1); return; }
  if (event.target.closest?.("#palette")) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); stepPalette(step); }
    if (event.key === "Enter") { event.preventDefault(); const chosen = one('#palette-list [aria-selected="true"]:not([hidden])'); if (chosen) location.assign(chosen.dataset.href); }
    return;
  }
  if ((event.metaKey || event.ctrlKey) && !event.altKey && event.key.toLowerCase() === "k" && one("#palette")) { event.preventDefault(); openDialog("palette"); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || one("dialog[open]")) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]:not([contenteditable=false])")) return;
  const pressed = waiting ? `${waiting} ${event.key.toLowerCase()}` : event.key.toLowerCase();
  waiting = "";
  if (pressed === "?") { event.preventDefault(); openDialog("shortcuts"); return; }
  const target = all("[data-shortcut]").find((each) => each.dataset.shortcut === pressed);
  if (target) { event.preventDefault(); target.click(); return; }
  if (all("[data-shortcut]").some((each) => each.dataset.shortcut.startsWith(`${pressed} `))) {
    waiting = pressed;
    setTimeout(() => { waiting = ""; }, 1200);
  }
}

// --- what is clicked and changed ---

async function onClick(event) {
  const target = event.target.closest?.("[data-open], [data-close], [data-dismiss], [data-copy], [data-fold], [data-theme-choice], [data-href]");
  if (!event.target.closest?.("details[data-menu] summary")) {
    const within = event.target.closest?.("details[data-menu]");
    closeMenus(event.target.closest?.(".menu-item") ? undefined : within);
  }
  if (event.target instanceof HTMLDialogElement && event.target.open) { event.target.close(); return; } // the backdrop
  if (!target) return;
  const data = target.dataset;
  if ("open" in data) {
    if (document.getElementById(data.open)) event.preventDefault(); // a link leads there without scripts
    openDialog(data.open);
  }
  if ("close" in data) target.closest("dialog")?.close();
  if ("dismiss" in data) closeToast(target.closest("[data-toast]"));
  if ("href" in data) location.assign(data.href);
  if ("fold" in data) {
    const folded = document.body.classList.toggle("folded");
    target.setAttribute("aria-pressed", String(folded));
    remember("nav", folded ? "folded" : "open");
  }
  if ("themeChoice" in data) {
    const root = document.documentElement;
    if (data.themeChoice === "system") delete root.dataset.theme; else root.dataset.theme = data.themeChoice;
    for (const each of all("[data-theme-choice]")) each.setAttribute("aria-pressed", String(each === target));
    remember("theme", data.themeChoice);
  }
  if ("copy" in data) {
    try { await navigator.clipboard.writeText(data.copy); toast("Copied.", "success"); }
    catch { toast("The browser did not allow copying. Select the text and copy it by hand.", "warning"); }
  }
}

function onChange(event) {
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form?.requestSubmit();
}

function settle(root) {
  refreshTimes(root);
  for (const each of all("[data-toast]", root)) if (!each.dataset.watched) { each.dataset.watched = "1"; watchToast(each); }
  for (const each of all("dialog[data-open-now]", root)) if (!each.open) each.showModal();
  for (const each of all("[data-browser-zone]", root)) { // tell the zone of the browser, or offer it
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!each.options || [...each.options].some((option) => option.value === zone)) each.value = zone;
    delete each.dataset.browserZone;
  }
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
document.addEventListener("change", onChange);
document.addEventListener("toggle", (event) => { if (event.target.matches?.("details[data-menu][open]")) closeMenus(event.target); }, true);
one("#palette input")?.addEventListener("input", (event) => filterPalette(event.target.value));
// htmx: fragments that were swapped in, faults of the network, and messages a fragment brings along
document.addEventListener("htmx:after:swap", () => settle(document));
document.addEventListener("htmx:error", () => toast("The server could not be reached. Nothing was changed; try again.", "danger"));
document.addEventListener("musekit:toast", (event) => toast(event.detail.message ?? event.detail.value ?? "", event.detail.tone));
settle(document);
nameShortcuts();
setInterval(refreshTimes, 30000);
