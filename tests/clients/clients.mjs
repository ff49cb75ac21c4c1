// Stock JavaScript OAuth clients against a running authority: tokens, verification, introspection, revocation.
import assert from "node:assert/strict";
import { once } from "node:events";
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";
import * as jose from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { ClientCredentials } from "simple-oauth2";

const env = Object.fromEntries(
  ["ISSUER", "CLIENT_ID", "CLIENT_SECRET", "AUDIENCE", "SCOPE"].map((name) => {
    if (!process.env[name]) {
      console.error(`missing environment variable ${name}`);
      process.exit(1);
    }
    return [name, process.env[name]];
  }),
);
const issuer = new URL(env.ISSUER);
const parameters = { audience: env.AUDIENCE, scope: env.SCOPE };
const insecure = { [oauth.allowInsecureRequests]: true };
const client = { client_id: env.CLIENT_ID };

async function discover(algorithm) {
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
  return oauth.processDiscoveryResponse(issuer, response);
}

async function grant(as, authenticate) {
  const response = await oauth.clientCredentialsGrantRequest(as, client, authenticate, parameters, insecure);
  return oauth.processClientCredentialsResponse(as, client, response);
}

async function introspect(as, authenticate, token) {
  const response = await oauth.introspectionRequest(as, client, authenticate, token, insecure);
  return oauth.processIntrospectionResponse(as, client, response);
}

async function oauth4webapi(algorithm, method) {
  const as = await discover(algorithm);
  const authenticate = method(env.CLIENT_SECRET);
  const { access_token } = await grant(as, authenticate);
  const fresh = await introspect(as, authenticate, access_token);
  assert.equal(fresh.active, true);
  assert.equal(fresh.client_id, env.CLIENT_ID);
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, authenticate, access_token, insecure),
  );
  assert.deepEqual(await introspect(as, authenticate, access_token), { active: false });
  await rejectsInvalidClient(grant(as, method("wrong-secret")));
}

// Given a WWW-Authenticate header these two clients raise the challenge and leave the JSON body unread.
async function rejectsInvalidClient(promise) {
  const error = await promise.then(() => assert.fail("a wrong secret was accepted"), (reason) => reason);
  const unread = error.code === "OAUTH_WWW_AUTHENTICATE_CHALLENGE";
  assert.equal(unread ? (await error.response.json()).error : error.error, "invalid_client", error);
}

async function openidClient(algorithm, method) {
  const configure = (secret) =>
    openid.discovery(issuer, env.CLIENT_ID, undefined, method(secret), {
      algorithm,
      execute: [openid.allowInsecureRequests],
    });
  const config = await configure(env.CLIENT_SECRET);
  const { access_token } = await openid.clientCredentialsGrant(config, parameters);
  assert.equal((await openid.tokenIntrospection(config, access_token)).active, true);
  await openid.tokenRevocation(config, access_token);
  assert.equal((await openid.tokenIntrospection(config, access_token)).active, false);
  await rejectsInvalidClient(openid.clientCredentialsGrant(await configure("wrong-secret"), parameters));
}

async function simpleOauth2(authorizationMethod) {
  const tokenPath = new URL((await discover("oauth2")).token_endpoint).pathname;
  const make = (secret) =>
    new ClientCredentials({
      client: { id: env.CLIENT_ID, secret },
      auth: { tokenHost: issuer.origin, tokenPath },
      options: { authorizationMethod },
    });
  const { token } = await make(env.CLIENT_SECRET).getToken(parameters);
  assert.ok(token.access_token && token.expires_at > new Date());
  await assert.rejects(make("wrong-secret").getToken(parameters), ({ output, data }) => {
    return output.statusCode === 401 && data.payload.error === "invalid_client";
  });
}

async function freshToken() {
  return (await grant(await discover("oauth2"), oauth.ClientSecretBasic(env.CLIENT_SECRET))).access_token;
}

async function joseVerify() {
  const keys = jose.createRemoteJWKSet(new URL((await discover("oauth2")).jwks_uri));
  const options = { issuer: env.ISSUER, audience: env.AUDIENCE, typ: "at+jwt" };
  const { payload } = await jose.jwtVerify(await freshToken(), keys, options);
  assert.equal(payload.client_id, env.CLIENT_ID);
}

async function expressGuard() {
  const app = express();
  app.get("/", auth({ issuerBaseURL: env.ISSUER, audience: env.AUDIENCE, strict: true }), (_, res) => res.send("ok"));
  app.use((error, _req, res, _next) => res.status(error.status ?? 500).send(error.message));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const url = `http://127.0.0.1:${server.address().port}/`;
    const guarded = await fetch(url, { headers: { authorization: `Bearer ${await freshToken()}` } });
    assert.equal(guarded.status, 200, await guarded.text());
    assert.equal((await fetch(url)).status, 401);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const clients = [];
for (const algorithm of ["oauth2", "oidc"]) {
  for (const method of ["ClientSecretBasic", "ClientSecretPost"]) {
    clients.push([`oauth4webapi ${algorithm} ${method}`, () => oauth4webapi(algorithm, oauth[method])]);
    clients.push([`openid-client ${algorithm} ${method}`, () => openidClient(algorithm, openid[method])]);
  }
}
for (const method of ["header", "body"]) clients.push([`simple-oauth2 ${method}`, () => simpleOauth2(method)]);
clients.push(["jose", joseVerify], ["express-oauth2-jwt-bearer", expressGuard]);

for (const [name, run] of clients) {
  try {
    await run();
  } catch (error) {
    console.error(`FAILED ${name}:`, error);
    process.exit(1);
  }
  console.log(`ok ${name}`);
}
