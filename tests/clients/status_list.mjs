// @owf/token-status-list and jose against a running authority: the status of an access token in its Token Status List.
import { getListFromStatusListJWT, getStatusListFromJWT, JWT_STATUS_LIST_TYPE, MediaTypes } from "@owf/token-status-list";
import * as jose from "jose";

if (process.argv.length !== 5) {
  console.error("usage: status_list.mjs ACCESS_TOKEN ISSUER STATUS_JWKS_URL");
  process.exit(1);
}
const [accessToken, issuer, jwksUrl] = process.argv.slice(2);

function check(condition, message) {
  if (!condition) throw new Error(message);
}

async function fetchList(uri) {
  const accept = MediaTypes.STATUS_LIST_JWT;
  const answer = await fetch(uri, { headers: { accept }, signal: AbortSignal.timeout(10_000) });
  const body = await answer.text();
  check(answer.status === 200, `GET ${uri}: ${answer.status} ${body.slice(0, 200)}`);
  const type = answer.headers.get("content-type") ?? "";
  check(type.split(";")[0].trim() === accept, `content-type of ${uri}: ${type}`);
  return body;
}

async function status() {
  const access = jose.decodeJwt(accessToken);
  check(access.iss === issuer, `iss of the access token: ${access.iss}`);
  check(access.status?.status_list, "the access token has no status.status_list");
  const { idx, uri } = getStatusListFromJWT(accessToken);
  check(Number.isSafeInteger(idx) && idx >= 0, `idx: ${idx}`);
  const token = await fetchList(uri);
  const keys = jose.createRemoteJWKSet(new URL(jwksUrl));
  const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
    algorithms: ["ES256"],
    issuer,
    subject: uri,
    typ: JWT_STATUS_LIST_TYPE,
    requiredClaims: ["iat", "exp", "ttl", "status_list"],
  });
  check(protectedHeader.kid, `no kid: ${JSON.stringify(protectedHeader)}`);
  check(Number.isFinite(payload.ttl) && payload.ttl > 0, `ttl of the status list token: ${payload.ttl}`);
  const list = getListFromStatusListJWT(token);
  return { status: list.getStatus(idx), ttl: payload.ttl, bits: list.getBitsPerStatus() };
}

try {
  console.log(JSON.stringify(await status()));
} catch (error) {
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  console.error(`FAILED @owf/token-status-list: ${error.name}: ${error.message}${cause}`);
  process.exitCode = 1;
}
