"""Authlib's authorization server on Flask with client_credentials and RFC 9068 access tokens, which it does not store."""
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.jose import JsonWebKey
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask

KEY = JsonWebKey.generate_key("EC", "P-256", {"kid": "key"}, is_private=True)


class Client:
    client_id = "client"

    def get_client_id(self):
        return self.client_id

    def check_client_secret(self, secret):
        return secret == "a-secret-of-more-than-thirty-two-characters"

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"

    def get_allowed_scope(self, scope):
        return scope


class Tokens(JWTBearerTokenGenerator):
    def get_jwks(self):
        return {"keys": [KEY.as_dict(is_private=True)]}

    def get_audiences(self, client, user, scope):
        return "https://es256.example"


app = Flask(__name__)
server = AuthorizationServer(app, query_client=lambda client_id: Client(), save_token=lambda token, request: None)
server.register_grant(grants.ClientCredentialsGrant)
server.register_token_generator("default", Tokens("http://127.0.0.1", alg="ES256"))


@app.post("/oauth/token")
def token():
    return server.create_token_response()
