// node-oidc-provider with client_credentials and signed access tokens for one resource, which it does not store.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const provider = new Provider("http://127.0.0.1", {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig" }] },
  clients: [
    {
      client_id: "client",
      client_secret: "a-secret-of-more-than-thirty-two-characters",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: "ES256",
      scope: "threads:read",
    },
  ],
  scopes: ["threads:read"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "https://es256.example",
      getResourceServerInfo: () => ({
        scope: "threads:read",
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});
const server = provider.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
