// An operator in the console, from the first page on.
import assert from "node:assert/strict";
import { base, done, known, look, managementKey, open, text } from "./visitor.mjs";

const registerTheRest = async (page) => {
  await page.goto("/console/resource_servers");
  await page.getByRole("textbox", { name: "Name" }).fill("Public API");
  await page.getByLabel("Identifier").fill("https://api.example.com");
  await page.getByRole("button", { name: "Register" }).click();
  await text(page, "https://api.example.com");
  await page.goto("/console/webhook_endpoints");
  // What is refused stands there as it was written, with what is wrong with it in view.
  await page.getByLabel("URL").fill("http://10.0.0.1/hooks");
  await page.getByRole("checkbox", { name: "api_key.revoked" }).check();
  await page.getByRole("button", { name: "Create" }).click();
  await page.locator("[role=alert]:focus", { hasText: "endpoint_url" }).waitFor();
  assert.equal(await page.getByLabel("URL").inputValue(), "http://10.0.0.1/hooks");
  assert.ok(await page.getByRole("checkbox", { name: "api_key.revoked" }).isChecked());
  await look(page, "webhook-endpoint-refused");
  await page.getByLabel("URL").fill("http://127.0.0.1:9/hooks");
  await page.getByRole("button", { name: "Create" }).click();
  await text(page, "Copy the signing secret now");
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  await page.getByRole("link", { name: "I have stored it" }).click();
  await text(page, "http://127.0.0.1:9/hooks");
  await look(page, "webhook-endpoint");
};
const began = Date.now();
const page = await open();

// In with the keyboard alone.
const first = await page.goto("/");
assert.equal(first.status(), 200);
assert.ok(page.url().endsWith("/console/sign_in"));
await look(page, "sign-in");
await page.getByLabel("Management key").focus();
await page.keyboard.type("not a management key at all, but long enough");
await page.keyboard.press("Enter");
await text(page, "This is no management key.");
await page.getByLabel("Management key").focus();
await page.keyboard.type(managementKey);
await page.keyboard.press("Enter");
await page.waitForURL("**/console?signed_in=now");
await text(page, "Begin with an organization");
await look(page, "overview-empty");

// Three steps to a token.
await page.getByLabel("Name").fill("Acme");
await page.keyboard.press("Enter");
await page.waitForURL("**/organizations/org_*");
const organization = new URL(page.url()).pathname;
await look(page, "organization-empty");
await page.getByRole("link", { name: "Permissions" }).click();
for (const [slug, name] of [["threads:read", "Read threads"], ["threads:write", "Write threads"]]) {
  const form = page.locator("details", { hasText: "New permission" });
  if (!(await form.evaluate((element) => element.open))) await form.locator("summary").click();
  await form.getByLabel("Slug").fill(slug);
  await form.getByLabel("Name").fill(name);
  await form.getByRole("button", { name: "Create" }).click();
  await text(page, "Made.");
}
const presets = page.locator("details", { hasText: "New preset" });
await presets.locator("summary").click();
await presets.getByLabel("Slug").fill("ci");
await presets.getByLabel("Name").fill("CI pipeline");
await presets.getByRole("checkbox", { name: "threads:read" }).check();
await presets.getByRole("button", { name: "Create" }).click();
await look(page, "permissions");

await page.goto(organization);
await page.getByLabel("Name").fill("integrations-backend-prod");
await page.getByRole("button", { name: "CI pipeline" }).click();
assert.ok(await page.getByRole("checkbox", { name: "threads:read" }).isChecked());
await page.getByRole("button", { name: "Save" }).click();
await text(page, "Copy the client secret now — it will not be shown again");
await look(page, "application-made");
const secret = await page.textContent("#secret");
const clientId = await page.textContent("#client-id");
await page.getByRole("button", { name: "Test these credentials" }).click();
await page.getByText("It works: an access token for 300 seconds").waitFor();
await text(page, `"client_id": "${clientId}"`);
await text(page, '"scope": "threads:read"');
assert.ok(Date.now() - began < 120_000, "a first token takes less than two minutes");
await look(page, "application-tried");

// Leaving without having copied asks; with it does not, and nothing is left behind.
await page.goto(`${organization}/api_keys`);
assert.equal(page.asked, 1);
await page.goBack().catch(() => "the browser has nothing to show there");
await page.waitForTimeout(500);
assert.ok(!(await page.content()).includes(secret), "the secret is gone once it was left");
await page.goto(organization);
await page.getByRole("link", { name: "integrations-backend-prod", exact: true }).click();
const application = new URL(page.url()).pathname;
await look(page, "application");
assert.ok(!(await page.content()).includes(secret));

// Rotate: who still has the old one.
const rotate = page.locator("details", { hasText: "A new one beside the old one" });
await rotate.locator("summary").click();
await rotate.getByRole("button", { name: "Rotate" }).click();
await text(page, "Copy the client secret now");
await page.getByRole("button", { name: "Copy", exact: true }).click();
const rotated = await page.evaluate(() => navigator.clipboard.readText());
assert.equal(rotated, await page.textContent("#secret"));
const asked = page.asked;
await page.getByRole("link", { name: "I have stored it" }).click();
assert.equal(page.asked, asked);
await text(page, "The new secret has not been used yet");
await text(page, "the hour of the rotation");
await look(page, "rotating");
const token = async (value) =>
  fetch(`${base}/oauth/token`, {
    method: "POST",
    headers: { authorization: "Basic " + btoa(`${clientId}:${value}`) },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
assert.equal((await token(rotated)).status, 200);
// Uses are written in batches.
for (const end = Date.now() + 20_000; Date.now() < end; await page.waitForTimeout(200)) {
  await page.reload();
  if ((await page.textContent("main")).includes("safe to remove then")) break;
}
await text(page, "Only the new secret is in use. Tokens that the old one obtained live until");
await look(page, "safe-to-remove");
await page.getByRole("link", { name: /^Finish: remove the old secret/ }).click();
await look(page, "remove-secret");
await page.getByRole("button", { name: "Remove" }).click();
await text(page, "Verifiers that follow revocations refuse it within a second; every other by");
assert.equal((await token(secret)).status, 401);
assert.equal((await token(rotated)).status, 200);

// API keys: the texts of the promises, word for word.
await page.goto(`${organization}/api_keys`);
await text(page, "Full Access (grants all scopes)");
assert.equal(await page.getByPlaceholder("CI/CD Pipeline").getAttribute("required"), "");
await page.getByLabel("Name").fill("CI/CD Pipeline");
await page.getByRole("checkbox", { name: "threads:read" }).check();
await text(page, "Expires on ");
await page.getByLabel("Expiry Date").selectOption("never");
await text(page, "Never expires");
await page.getByLabel("Expiry Date").selectOption("7");
await page.getByRole("button", { name: "Create", exact: true }).click();
await text(page, "Copy your API key now — it will not be shown again");
await page.getByRole("button", { name: "Test these credentials" }).click();
await page.getByText("It works: an access token for 300 seconds").waitFor();
const download = page.waitForEvent("download");
await page.getByRole("button", { name: "Download .env" }).click();
assert.match((await download).suggestedFilename(), /\.env$/);
await look(page, "key-made");
// Loaded again it makes no other one, and shows this one no more.
const key = await page.textContent("#secret");
await page.reload();
await text(page, "is not shown again");
assert.ok(!(await page.content()).includes(key));
assert.equal(await page.getByRole("link", { name: "Revoke CI/CD Pipeline" }).count(), 1);
await look(page, "key-made-again");
await page.goto(`${organization}/api_keys`);
for (const column of ["Name", "Key Prefix", "Scopes", "Last Used", "Status", "Created"]) await page.getByRole("columnheader", { name: column, exact: true }).waitFor();
await text(page, "Expires soon");
await look(page, "keys");
await page.getByRole("columnheader", { name: "Name" }).getByRole("link").click();
assert.equal(await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort"), "ascending");
await page.getByRole("link", { name: "Revoke CI/CD Pipeline" }).click();
await text(page, "Are you sure you want to revoke this API key? Any applications using it will immediately lose access.");
await look(page, "revoke-key");
await page.getByRole("link", { name: "Cancel" }).click();
await page.getByRole("link", { name: "Revoke CI/CD Pipeline" }).click();
await page.getByRole("button", { name: "Revoke" }).click();
// Its row is there still, in the section of what ended, and is found there.
await text(page, "Revoked.");
await page.locator("[aria-current=true]", { hasText: "Revoked / Expired" }).waitFor();
await page.locator(".chip.bad", { hasText: "Revoked" }).waitFor();
await page.getByRole("searchbox").fill("pipeline");
await page.keyboard.press("Enter");
await page.waitForURL("**/api_keys?status=ended&search=pipeline");
await text(page, "CI/CD Pipeline");
await page.getByRole("searchbox").fill("nothing of the kind");
await page.keyboard.press("Enter");
await text(page, "Nothing matches");
await page.getByRole("link", { name: "Active" }).click();
await text(page, "Nothing matches");
await page.goto(`${organization}/api_keys`);
await text(page, "None works: those that ended are under Revoked / Expired.");

// Found by a part of its name, and not found.
await page.goto(`${organization}?search=BACKEND`);
await text(page, "integrations-backend-prod");
await page.getByRole("searchbox").fill("nothing of the kind");
await page.keyboard.press("Enter");
await text(page, "Nothing matches");

// A member, who may make keys, and then may not.
await page.goto(`${organization}/members`);
await page.getByLabel("Email").fill("ada@example.com");
await page.getByLabel("First name").fill("Ada");
await page.getByRole("button", { name: "Add" }).click();
await text(page, "ada@example.com");
await look(page, "organization-with-a-member");
await page.getByRole("link", { name: "Ada", exact: true }).click();
await look(page, "member");
await page.getByText("New API key").click();
await page.getByRole("textbox", { name: "Name" }).fill("Ada's own");
await page.getByRole("button", { name: "Create", exact: true }).click();
await text(page, "Copy your API key now");
await page.getByRole("button", { name: "Copy", exact: true }).click();
await page.getByRole("link", { name: "I have stored it" }).click();

// What his admin will see.
await page.goto(`${organization}/members`);
await page.getByText("Portal link").click();
await page.locator("select[name=user]").selectOption({ label: "Ada" });
await page.getByRole("checkbox", { name: "Its applications" }).check();
await page.getByRole("button", { name: "Make a link" }).click();
await text(page, "Copy the link now");
await look(page, "portal-link-made");
const link = await page.textContent("#secret");
await page.getByRole("button", { name: "Copy", exact: true }).click();
const admin = await open();
await admin.goto(link);
await admin.getByRole("button", { name: "Continue" }).click();
await admin.getByRole("link", { name: "Applications" }).click();
await text(admin, "integrations-backend-prod");
await page.goto(`${organization}/members`);
await page.getByRole("button", { name: /^Make a member/ }).click();
await text(page, "Saved.");
await registerTheRest(page);

// Everything else is there, and in order.
for (const part of ["members", "usage", "settings", "events"]) {
  await page.goto(`${organization}/${part}`);
  await look(page, `organization-${part}`);
}
for (const place of ["organizations", "resource_servers", "signing_keys", "webhook_endpoints", "management_keys", "management_keys/new", "settings", "permissions/threads:read", "presets/ci", "users", "check", "events", "sessions", ""]) {
  await page.goto(`/console/${place}`.replace(/\/$/, ""));
  await look(page, place.replaceAll(/[/:]/g, "-") || "overview");
}

// 40 names that would run if anything let them.
const payloads = [
  "<script>window.ran=1</script>", "<img src=x onerror=window.ran=1>", "<svg onload=window.ran=1>", "\"><script>window.ran=1</script>",
  "'><img src=x onerror=window.ran=1>", "javascript:window.ran=1", "<a href=javascript:window.ran=1>x</a>", "<body onload=window.ran=1>",
  "<iframe srcdoc='<script>parent.ran=1</script>'>", "<details open ontoggle=window.ran=1>", "<video><source onerror=window.ran=1>",
  "<input autofocus onfocus=window.ran=1>", "<marquee onstart=window.ran=1>", "<math><mtext></form><form><mglyph><style></math><img src onerror=window.ran=1>",
  "</title><script>window.ran=1</script>", "</textarea><script>window.ran=1</script>", "</style><script>window.ran=1</script>",
  "</script><script>window.ran=1</script>", "<style>*{display:none}</style>", "<link rel=stylesheet href=//evil.example>", "<base href=//evil.example>",
  "<meta http-equiv=refresh content=0;url=//evil.example>", "<form action=//evil.example><button>x</button></form>", "<object data=//evil.example>",
  "<embed src=//evil.example>", "{{7*7}}", "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "&lt;script&gt;window.ran=1&lt;/script&gt;",
  "\u202Egnp.exe", "\u2066evil\u2069", "\u200Bzero", "a\" onmouseover=\"window.ran=1", "a' onclick='window.ran=1", "`-window.ran=1-`", "]]><script>window.ran=1</script>",
  "<!--<script>window.ran=1</script>-->", "<svg><animate onbegin=window.ran=1 attributeName=x dur=1s>",
];
assert.equal(payloads.length, 40);
const manage = async (path, body) => {
  const answer = await fetch(base + path, {
    method: "POST",
    headers: { authorization: `Bearer ${managementKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  return answer.json();
};
const evil = await manage("/organizations", { name: "Payloads" });
for (const [number, name] of payloads.entries()) {
  await manage("/organizations", { name, external_id: `${number} ${name}`.slice(0, 255) });
  await manage("/connect/applications", { name, description: name, organization_id: evil.id });
  await manage(`/organizations/${evil.id}/api_keys`, { name, description: name });
  const user = await manage("/user_management/users", { email: `p${number}@example.com`, first_name: name, last_name: name, external_id: `${number} ${name}`.slice(0, 255) });
  await manage("/user_management/organization_memberships", { user_id: user.id, organization_id: evil.id, role_slug: "member" });
  await manage("/authorization/permissions", { slug: `payload:n${number}`, name, description: name });
  await manage("/permission_presets", { slug: `payload${number}`, name, description: name, permissions: [`payload:n${number}`] });
  await manage("/management_keys", { name, permissions: ["events:read"] });
  await manage("/resource_servers", { name, identifier: `https://payload.example/${number}` });
  if (number < 10) await manage("/webhook_endpoints", { endpoint_url: `http://127.0.0.1:9/?q=${encodeURIComponent(name)}`, events: ["*"] });
}
// Browsers call themselves what they like, too.
for (const name of payloads.slice(0, 8)) {
  const named = await open({ userAgent: name });
  await named.goto("/console/sign_in");
  await named.getByLabel("Management key").fill(managementKey);
  await named.getByRole("button", { name: "Sign in" }).click();
  await text(named, "Health");
}
const named = ["organizations", "users", "resource_servers", "permissions", "presets/payload0", "permissions/payload:n0", "management_keys", "sessions", "webhook_endpoints", "events", ""];
const within = ["", "/api_keys", "/members", "/usage", "/settings", "/events"].map((part) => `organizations/${evil.id}${part}`);
for (const place of [...named, ...within]) {
  await page.goto(`/console/${place}`.replace(/\/$/, ""));
  assert.equal(await page.evaluate(() => window.ran), undefined, place);
  assert.equal(await page.locator("main script, main img, main iframe, main style, main object, main embed, main base, main meta, main video").count(), 0, place);
}
await page.goto(`/console/organizations/${evil.id}`);
const shown = (await page.locator("tbody tr td:first-child").allTextContents()).map((name) => name.trim());
for (const name of payloads) assert.ok(shown.includes(name.trim()), `${name} is not shown as it is`);

// What cannot be undone asks for the key again; who leaves is out.
await page.goto(`${organization}/settings`);
await page.getByRole("link", { name: "Delete Acme" }).click();
await look(page, "delete-organization");
await page.getByLabel("Write its name").fill("Acme");
await page.getByRole("button", { name: "Delete" }).click();
await text(page, "Deleted.");
assert.equal((await token(rotated)).status, 401);
const cookies = await page.context().cookies();
await page.getByRole("button", { name: "Sign out" }).click();
await page.waitForURL("**/console/sign_in");
await page.context().addCookies(cookies);
await page.goto("/console/organizations");
await text(page, "Your session is over: sign in again.");
assert.ok(page.url().includes("/console/sign_in"), "a session that was left is over, whoever kept its cookie");
// Signed in again he is where he wanted to be, also when he comes by a link on another site.
await page.getByLabel("Management key").fill(managementKey);
await page.getByRole("button", { name: "Sign in" }).click();
await page.waitForURL("**/console/organizations?signed_in=now");
const elsewhere = base.replace("127.0.0.1", "localhost");
known.push(elsewhere);
await page.goto(`${elsewhere}/console/sign_in`);
await page.evaluate((href) => document.querySelector("main").insertAdjacentHTML("beforeend", `<a href="${href}">from another site</a>`), `${base}/console/events`);
await page.getByRole("link", { name: "from another site" }).click();
await page.waitForURL(`${base}/console/events`);
await text(page, "organization.deleted");

// Without a script.
const plain = await open({ javaScriptEnabled: false });
await plain.goto("/console/sign_in");
await plain.getByLabel("Management key").fill(managementKey);
await plain.getByRole("button", { name: "Sign in" }).click();
await plain.goto(`/console/organizations/${evil.id}/api_keys`);
await plain.getByText("New API key").click();
await plain.getByRole("textbox", { name: "Name" }).fill("without a script");
await plain.getByRole("button", { name: "Create", exact: true }).click();
await text(plain, "Copy your API key now");
assert.match(await plain.textContent("#secret"), /^chk_/);
// Framed by nobody (case 265), and small.
const framed = await plain.request.get("/console/sign_in");
assert.match(framed.headers()["content-security-policy"], /frame-ancestors 'none'/);
const sizes = [];
const weighed = await open();
weighed.on("response", async (response) => sizes.push((await response.body().catch(() => Buffer.alloc(0))).length));
await weighed.goto("/console/sign_in");
await weighed.waitForLoadState("networkidle");
const all = sizes.reduce((sum, size) => sum + size, 0);
assert.ok(all < 100_000, `${all} bytes`);
const timing = await weighed.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd);
console.log(`first page: ${all} bytes, ${Math.round(timing)} ms`);

await done();
