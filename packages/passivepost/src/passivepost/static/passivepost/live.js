// Keeps what is marked data-live true while somebody looks: every few seconds it asks the server,
// which answers 204 while nothing has changed. data-live may name the seconds.

const busy = (element) =>
  element.querySelector("details[open]") || // somebody decides
  element.contains(document.activeElement?.closest("input, textarea, select, form"));

let last = new WeakMap();
function tick() {
  if (document.visibilityState !== "visible") return;
  for (const element of document.querySelectorAll("[data-live]")) {
    const seconds = Number(element.dataset.live) || 5;
    if (Date.now() - (last.get(element) ?? 0) < seconds * 1000 - 50 || busy(element)) continue;
    last.set(element, Date.now());
    htmx.trigger(element, "live");
  }
}
for (const element of document.querySelectorAll("[data-live]")) last.set(element, Date.now());
setInterval(tick, 1000);
document.addEventListener("visibilitychange", () => { last = new WeakMap(); tick(); });
