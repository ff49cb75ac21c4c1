// A customer's admin, from the link that the product gave him.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { base, done, known, look, managementKey, open, text } from "./visitor.mjs";

const manage = async (method, path, body) => {
  const answer = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${managementKey}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.status === 204 ? undefined : answer.json();
};
const acme = await manage("POST", "/organizations", { name: "Acme <b>&</b> Sons" });
const other = await manage("POST", "/organizations", { name: "Other" });
for (const [slug, grantable_to] of [["flows:read", undefined], ["flows:execute", undefined], ["admin:all", ["m2m"]]]) {
  await manage("POST", "/authorization/permissions", { slug, name: slug, grantable_to });
}
await manage("POST", "/permission_presets", { slug: "ci", name: "CI pipeline", permissions: ["flows:execute"] });
const ada = await manage("POST", "/user_management/users", { email: "ada@example.com", first_name: "Ada", last_name: "Lovelace" });
await manage("POST", "/user_management/organization_memberships", { user_id: ada.id, organization_id: acme.id, role_slug: "admin" });
const foreign = await manage("POST", `/organizations/${other.id}/api_keys`, { name: "foreign" });

// Keys: with the keyboard as far as it goes.
const link = (await manage("POST", "/portal/generate_link", { organization: acme.id, user: ada.id, return_url: "https://example.com/back" })).link;
const page = await open();
await page.goto(link);
await text(page, "This link opens once");
await look(page, "portal-link");
await page.getByRole("button", { name: "Continue" }).focus();
await page.keyboard.press("Enter");
await page.waitForURL("**/portal/api_keys");
await text(page, "No API key yet.");
assert.ok((await page.textContent("header")).includes("Acme <b>&</b> Sons"));
assert.equal(await page.getByRole("link", { name: "Applications" }).count(), 0, "the link does not grant them");
assert.equal(await page.getByRole("checkbox", { name: "admin:all" }).count(), 0, "a key cannot be granted it");
await look(page, "portal-empty");
await page.getByRole("textbox", { name: "Name" }).focus();
await page.keyboard.type("CI/CD Pipeline");
await page.getByRole("button", { name: "CI pipeline" }).click();
await page.getByRole("textbox", { name: "Name" }).focus();
await page.keyboard.press("Enter");
await text(page, "Copy your API key now — it will not be shown again");
await look(page, "portal-key-made");
await page.getByRole("button", { name: "Copy", exact: true }).click();
const value = await page.evaluate(() => navigator.clipboard.readText());
const valid = async (key) => (await manage("POST", "/api_keys/validations", { value: key })).api_key;
assert.deepEqual((await valid(value)).permissions, ["flows:execute"]);
await page.getByRole("link", { name: "I have stored it" }).click();
await look(page, "portal-keys");
assert.ok((await page.textContent("nav[aria-label=Main]")).includes("Admin"));
await page.locator(".chip.good", { hasText: "Active" }).waitFor();
assert.equal(await page.getByRole("link", { name: "Revoke CI/CD Pipeline" }).locator("svg").count(), 1, "a bin");
await page.getByRole("link", { name: "CI/CD Pipeline", exact: true }).click();
await text(page, "24 h / 7 d / 30 d");
await look(page, "portal-key");
await page.goBack();
await page.getByRole("link", { name: "Rotate CI/CD Pipeline" }).click();
await look(page, "portal-rotate");
await page.getByRole("button", { name: "Rotate" }).click();
const rotated = await page.textContent("#secret");
assert.ok((await valid(rotated)) && (await valid(value)), "both work in the overlap");
await page.getByRole("button", { name: "Copy", exact: true }).click();
await page.getByRole("link", { name: "I have stored it" }).click();
await page.getByRole("link", { name: "CI/CD Pipeline", exact: true }).last().click();
await text(page, "Uses since");
await look(page, "portal-key-rotating");
await page.getByRole("link", { name: /^Finish: revoke the old key/ }).click();
await text(page, "Are you sure you want to revoke this API key? Any applications using it will immediately lose access.");
await look(page, "portal-revoke");
await page.getByRole("button", { name: "Revoke" }).click();
await text(page, "Revoked.");
await page.locator(".chip.bad", { hasText: "Revoked" }).waitFor();
await look(page, "portal-revoked");

// Nothing of another organization, and nothing the link does not grant.
for (const path of [`api_keys/${foreign.id}/revoke`, `api_keys/${foreign.id}/rotate`, "applications", "own_keys", "members_keys"]) {
  assert.equal((await page.goto(`/portal/${path}`)).status(), 404, path);
}
assert.equal((await page.goto(link)).status(), 200);
await page.getByRole("button", { name: "Continue" }).click();
await text(page, "The link was opened already");

// Applications, through a link of their own.
const second = (await manage("POST", "/portal/generate_link", { organization: acme.id, user: ada.id, intent: "applications" })).link;
await page.goto(second);
await page.getByRole("button", { name: "Continue" }).click();
await page.waitForURL("**/portal/applications");
await page.getByRole("textbox", { name: "Name" }).fill("integrations-backend-prod");
await page.getByRole("checkbox", { name: "flows:read" }).check();
await page.getByRole("button", { name: "Save" }).click();
await text(page, "Copy the client secret now — it will not be shown again");
await page.getByRole("button", { name: "Test these credentials" }).click();
await page.getByText("It works: an access token for 300 seconds").waitFor();
await look(page, "portal-application-made");
await page.getByRole("button", { name: "Copy", exact: true }).click();
await page.getByRole("link", { name: "I have stored it" }).click();
await text(page, "Client secrets");
await look(page, "portal-application");
await page.getByText("Rotate", { exact: true }).first().click();
await page.getByRole("button", { name: "Rotate" }).click();
await page.getByRole("button", { name: "Copy", exact: true }).click();
await page.getByRole("link", { name: "I have stored it" }).click();
await text(page, "The new secret has not been used yet");
await page.getByRole("link", { name: /^Finish: remove the old secret/ }).click();
await look(page, "portal-remove-secret");
await page.getByRole("link", { name: "Cancel" }).click();
await page.getByRole("link", { name: "Cancel the rotation" }).click();
await look(page, "portal-cancel-rotation");
await page.getByRole("button", { name: "Cancel the rotation" }).click();
await text(page, "The rotation was cancelled");
await page.getByRole("link", { name: /^Delete/ }).click();
await page.getByRole("button", { name: "Delete" }).click();
await text(page, "Deleted.");
await page.getByRole("button", { name: "Leave" }).click();
await text(page, "This session is over.");
assert.equal((await page.goto("/portal/applications")).status(), 403);

// One's own keys, and, to look after them, the members'.
const grace = await manage("POST", "/user_management/users", { email: "grace@example.com", first_name: "Grace" });
await manage("POST", "/user_management/organization_memberships", { user_id: grace.id, organization_id: acme.id, role_slug: "member" });
await manage("POST", `/user_management/users/${grace.id}/api_keys`, { name: "Grace's", organization_id: acme.id });
const scopes = ["widgets:user-api-keys:manage-self", "widgets:user-api-keys:manage-all"];
const widget = await manage("POST", "/widgets/token", { organization_id: acme.id, user_id: ada.id, scopes });
await page.goto(`${base}/portal/${widget.token}`);
await page.getByRole("button", { name: "Continue" }).click();
await page.waitForURL("**/portal/own_keys");
await look(page, "portal-own-keys-empty");
await page.getByRole("textbox", { name: "Name" }).fill("Ada's own");
await page.getByRole("button", { name: "Create", exact: true }).click();
await text(page, "Copy your API key now — it will not be shown again");
assert.equal((await valid(await page.textContent("#secret"))).owner.id, ada.id);
await page.getByRole("button", { name: "Copy", exact: true }).click();
await page.getByRole("link", { name: "I have stored it" }).click();
await text(page, "Ada's own");
assert.equal(await page.getByText("Grace's").count(), 0);
await look(page, "portal-own-keys");
await page.getByRole("link", { name: "Members' API Keys" }).click();
await text(page, "Grace's");
await page.getByRole("row", { name: /Ada's own.*Ada Lovelace/ }).waitFor();
assert.equal(await page.getByRole("link", { name: "Rotate Grace's" }).count(), 0, "whoever looks after them gets none of them");
await look(page, "portal-members-keys");
await page.getByRole("link", { name: "Revoke Grace's" }).click();
await page.getByRole("button", { name: "Revoke" }).click();
await text(page, "Revoked.");
await text(page, "Grace's");

// Without a script.
const third = (await manage("POST", "/portal/generate_link", { organization: acme.id })).link;
const plain = await open({ javaScriptEnabled: false });
await plain.goto(third);
await plain.getByRole("button", { name: "Continue" }).click();
await plain.getByText("New API key").click();
await plain.getByRole("textbox", { name: "Name" }).fill("without a script");
await plain.getByRole("button", { name: "Create", exact: true }).click();
await text(plain, "Copy your API key now");
assert.ok(await valid(await plain.textContent("#secret")));

// In the product's own pages, under its name and in its colour; in nobody else's.
const embed = (port, host) =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<!doctype html><html lang="en"><title>Product</title><iframe title="Keys" width="900" height="700" src="${new URL(request.url, base).searchParams.get("link")}"></iframe>`);
    });
    server.listen(port, host, () => resolve(server));
  });
const product = await embed(Number(process.env.PRODUCT_PORT), "localhost");
const stranger = await embed(0, "localhost");
const [productOrigin, strangerOrigin] = [product, stranger].map((server) => `http://localhost:${server.address().port}`);
known.push(productOrigin, strangerOrigin);
const framedLink = async () => (await manage("POST", "/portal/generate_link", { organization: acme.id, user: ada.id })).link;
const embedded = await open();
await embedded.goto(`${productOrigin}/?link=${encodeURIComponent(await framedLink())}`);
const frame = embedded.frameLocator("iframe");
await frame.getByRole("button", { name: "Continue" }).click();
await frame.getByText("Product · Acme").waitFor();
await frame.getByText("New API key").click();
await frame.getByRole("textbox", { name: "Name" }).fill("made in a frame");
await frame.getByRole("button", { name: "Create", exact: true }).click();
await frame.getByText("Copy your API key now").waitFor();
assert.ok(await valid(await frame.locator("#secret").textContent()));
await embedded.screenshot({ path: `${process.env.SHOTS}/portal-framed.png` });
const [framedCookie] = await embedded.context().cookies();
assert.deepEqual([framedCookie.sameSite, framedCookie.secure, framedCookie.httpOnly], ["None", true, true]);
const refused = await open({ bypassCSP: false });
refused.removeAllListeners("console");
await refused.goto(`${strangerOrigin}/?link=${encodeURIComponent(await framedLink())}`);
await refused.waitForTimeout(500);
assert.equal(await refused.frameLocator("iframe").getByRole("button", { name: "Continue" }).count(), 0, "a stranger frames nothing");
product.close();
stranger.close();

await done();
