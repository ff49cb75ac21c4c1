// An operator who signs in at his own identity provider, which is node-oidc-provider on another site.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import Provider from "oidc-provider";
import { base, done, known, look, managementKey, open, text } from "./visitor.mjs";

const site = `http://localhost:${process.env.PROVIDER_PORT}`;
known.push(site);
const provider = new Provider(site, {
  clients: [{ client_id: "chancery", client_secret: "the secret of the console", redirect_uris: [`${base}/console/openid/callback`] }],
  claims: { email: ["email", "email_verified"] },
  features: { devInteractions: { enabled: false } },
  findAccount: async (_, sub) => ({ accountId: sub, claims: async () => ({ sub, email: `${sub}@example.com`, email_verified: true }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ["a key of this test"] },
});
// Whoever comes is asked his name, and believed.
const interact = async (request, response) => {
  const { prompt, session, params, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === "login" && request.method === "GET") {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><html lang="en"><title>Provider</title><main><h1>Provider</h1><form method="post"><label>Name <input name="login"></label><button>Log in</button></form></main>`);
    return;
  }
  if (prompt.name === "login") {
    let body = "";
    for await (const chunk of request) body += chunk;
    return provider.interactionFinished(request, response, { login: { accountId: new URLSearchParams(body).get("login") } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope("openid email");
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
};
const handle = provider.callback();
const server = createServer((request, response) => (request.url.startsWith("/interaction/") ? interact(request, response) : handle(request, response)));
await new Promise((resolve) => server.listen(process.env.PROVIDER_PORT, "localhost", resolve));

// The first operator makes a key for Ada.
const first = await open();
await first.goto("/");
await look(first, "sign-in-openid");
await first.getByLabel("Management key").fill(managementKey);
await first.getByRole("button", { name: "Sign in", exact: true }).click();
await first.getByRole("link", { name: "Management keys" }).click();
await first.getByRole("link", { name: "New management key" }).click();
await first.getByLabel("Name").fill("Ada");
await first.getByRole("checkbox", { name: "everything, whatever is added later" }).check();
await first.getByLabel("Signs in as").fill("Ada@example.com");
await first.getByRole("button", { name: "Create", exact: true }).click();
await text(first, "Copy the management key now");
await first.getByRole("button", { name: "Copy", exact: true }).click();
await first.getByRole("link", { name: "I have stored it" }).click();
await text(first, "ada@example.com");

// Ada never sees it: she signs in where she always does.
const logIn = async (page, name) => {
  await page.waitForURL(`${site}/interaction/**`);
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Log in" }).click();
};
const ada = await open();
await ada.goto("/");
await ada.getByRole("link", { name: /Sign in at your identity provider/ }).click();
await logIn(ada, "ada");
await ada.waitForURL(`${base}/console`);
await text(ada, "Begin with an organization");
assert.ok((await ada.textContent("header")).includes("Ada"));
await ada.getByLabel("Name").fill("Acme");
await ada.keyboard.press("Enter");
await ada.waitForURL("**/organizations/org_*");

// Whom nobody has made a key for is told so.
const eve = await open();
await eve.goto("/console/openid");
await logIn(eve, "eve");
await text(eve, "no management key says that eve@example.com signs in as it");
await look(eve, "openid-unknown");
assert.equal((await eve.context().cookies(base)).filter((cookie) => cookie.name === "__Host-chancery-console").length, 0);

// What cannot be undone sends her there again, though she is signed in there.
await ada.goto("/console/confirm?next=management_keys");
await look(ada, "confirm-openid");
await ada.getByRole("link", { name: /Sign in at your identity provider/ }).click();
await logIn(ada, "ada");
await ada.waitForURL(`${base}/console/management_keys`);
await text(ada, "ada@example.com");

server.close();
server.closeAllConnections();
await done();
