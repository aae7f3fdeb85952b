// Keeps the timeline current while its page is visible.
const list = document.getElementById("posts");

async function refresh() {
  if (document.hidden || location.pathname.includes("/posts/")) return;
  const answer = await fetch(list.dataset.live, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const html = await answer.text();
  if (html.trim() !== list.innerHTML.trim()) list.innerHTML = html;
}

setInterval(() => refresh().catch(() => {}), 3000);
