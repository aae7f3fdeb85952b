// Passkeys: the browser is asked to show one, or to make one, and its answer is sent.
// A button says which by data-passkey="sign-in", "confirm" or "add"; what went wrong stands in the element
// with data-passkey-fault of the same form.

const able = typeof PublicKeyCredential !== "undefined"
  && typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function";

if (able) for (const part of document.querySelectorAll("[data-passkey-part]")) part.hidden = false;
else for (const part of document.querySelectorAll("[data-passkey-unable]")) part.hidden = false;

async function post(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST", credentials: "same-origin", body: JSON.stringify(body),
    headers: { "content-type": "application/json", accept: "application/json" },
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (said.code === "reauthenticate") {
    location.assign(`/re-authenticate?next=${encodeURIComponent(location.pathname)}`);
  }
  throw new Error(said.errors?.[0]?.message ?? said.detail ?? `${answer.status}`);
}

async function show(form, path) {
  const { options } = await post(`${path}/options`);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey });
  await post(path, { credential: credential.toJSON() });
  // The server has judged this path when it wrote the page.
  location.assign(form.elements.next?.value || "/dashboard");
}

async function add(form) {
  const { options } = await post("/api/auth/passkeys/options");
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await navigator.credentials.create({ publicKey });
  const name = form.elements.name.value;
  await post("/api/auth/passkeys", { credential: credential.toJSON(), name });
  location.reload();
}

const acts = {
  "sign-in": (form) => show(form, "/api/auth/sign-in/passkey"),
  confirm: (form) => show(form, "/api/auth/re-authenticate/passkey"),
  add,
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-passkey]");
  if (!button) return;
  event.preventDefault();
  const form = button.closest("form");
  const fault = form.querySelector("[data-passkey-fault]");
  fault.hidden = true;
  button.disabled = true;
  try {
    await acts[button.dataset.passkey](form);
  } catch (error) {
    // The person has closed the browser's own dialogue, or it took too long: it said so itself.
    if (error.name !== "NotAllowedError" && error.name !== "AbortError") {
      fault.textContent = error.name === "InvalidStateError" ? fault.dataset.known : error.message;
      fault.hidden = false;
    }
  } finally {
    button.disabled = false;
  }
});
