// What pages can do beyond forms and links: copy, download, try, choose a preset, sort. Without it everything else still works.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// A secret that is shown once: leaving without having taken it asks first, and once left nothing of it remains.
const reveal = document.querySelector("[data-reveal]");
let stored = !reveal;
const ask = (event) => {
  if (!stored) event.preventDefault();
};
if (reveal) {
  addEventListener("beforeunload", ask);
  addEventListener("pagehide", () => all("[data-secret], [data-tried]").forEach((element) => element.replaceChildren()));
  addEventListener("pageshow", (event) => event.persisted && location.replace(reveal.querySelector("[data-stored]").href));
  reveal.querySelector("[data-stored]").addEventListener("click", () => (stored = true));
}

// A form is sent once, also when its button is pressed twice.
const SENDING = 3000;
addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sending) return event.preventDefault();
  form.dataset.sending = "yes";
  setTimeout(() => delete form.dataset.sending, SENDING);
});

// A link to a form opens it.
const meant = location.hash && document.getElementById(location.hash.slice(1));
if (meant?.tagName === "DETAILS") meant.open = true;

all("[data-copy]").forEach((button) => {
  button.hidden = false;
  const text = button.textContent;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
      if (source.hasAttribute("data-secret")) stored = true;
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: copy it";
    }
    setTimeout(() => (button.textContent = text), 2000);
  });
});

all("[data-download]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([document.getElementById(button.dataset.download).textContent], { type: "text/plain" }));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
    stored = true;
  });
});

// The exchange an integrator will make, and what is in the token.
const decoded = (part) => {
  const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  return JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)), null, 2);
};
all("[data-try]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const told = document.querySelector("[data-tried]");
    const say = (heading, text) => {
      const title = document.createElement("h2");
      const body = document.createElement("pre");
      title.textContent = heading;
      body.textContent = text;
      body.tabIndex = 0;
      told.replaceChildren(title, body);
    };
    button.disabled = true;
    try {
      const client = document.getElementById("client-id").textContent + ":" + document.getElementById("secret").textContent;
      const answer = await fetch(button.dataset.try, {
        method: "POST",
        headers: { authorization: "Basic " + btoa(client) },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      });
      const body = await answer.json();
      if (answer.ok) {
        const [head, claims] = body.access_token.split(".");
        say("It works: an access token for " + body.expires_in + " seconds", decoded(head) + "\n" + decoded(claims));
      } else {
        say("Refused with " + answer.status, body.error + ": " + body.error_description);
      }
    } catch (error) {
      say("It could not be tried", String(error));
    }
    button.disabled = false;
  });
});

all("[data-preset]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => {
    const chosen = button.dataset.preset.split(" ");
    all("input", button.closest("[data-checks]")).forEach((box) => (box.checked = chosen.includes(box.value)));
  });
});

all("[data-expiry]").forEach((choice) => {
  const caption = choice.parentElement.querySelector("[data-expires]");
  const tell = () => {
    const others = { "": "", now: "Ends at once, for good", never: "Never expires: revoke it when it is not needed any more" };
    const on = () => "Expires on " + new Date(Date.now() + Number(choice.value) * 86400000).toISOString().slice(0, 10);
    caption.textContent = others[choice.value] ?? on();
  };
  choice.addEventListener("change", tell);
  tell();
});

all("th[data-sort]").forEach((head) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sort";
  button.append(...head.childNodes);
  head.append(button);
  const value = (row) => {
    const cell = row.cells[head.cellIndex];
    return cell.querySelector("time")?.dateTime ?? cell.textContent.trim();
  };
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    all("th", head.parentElement).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const rows = [...body.rows].sort((one, other) => value(one).localeCompare(value(other), undefined, { numeric: true }));
    body.append(...(up ? rows : rows.reverse()));
  });
});
