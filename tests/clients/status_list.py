# openvc-core against a running authority: the status of an access token in its Token Status List.
import json
import sys

import jwt
import requests
from openvc.status import check_token_status, verify_status_list_token

if len(sys.argv) != 4:
    sys.exit("usage: status_list.py ACCESS_TOKEN ISSUER STATUS_JWKS_URL")
ACCESS_TOKEN, ISSUER, JWKS_URL = sys.argv[1:]
MEDIA_TYPE = "application/statuslist+jwt"


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def get(url, accept):
    answer = requests.get(url, headers={"Accept": accept}, timeout=10)
    check(answer.status_code == 200, f"GET {url}: {answer.status_code} {answer.text[:200]}")
    return answer


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def status():
    fetched = {}

    def resolve(uri):
        answer = get(uri, MEDIA_TYPE)
        content_type = answer.headers.get("content-type", "")
        check(content_type.split(";")[0].strip() == MEDIA_TYPE, f"content-type of {uri}: {content_type}")
        token = answer.text
        header = jwt.get_unverified_header(token)
        check(header.get("alg") == "ES256", f"alg: {header}")
        keys = [key for key in get(JWKS_URL, "application/json").json()["keys"] if key.get("kid") == header.get("kid")]
        check(header.get("kid") and len(keys) == 1, f"{len(keys)} keys of {JWKS_URL} have the kid of {header}")
        claims = verify_status_list_token(token, public_key_jwk=keys[0], expected_uri=uri, leeway_s=0)
        check(claims.get("iss") == ISSUER, f"iss of the status list token: {claims.get('iss')}")
        for name in ("iat", "exp", "ttl"):
            check(is_number(claims.get(name)), f"{name} of the status list token: {claims.get(name)}")
        check(claims["ttl"] > 0, f"ttl of the status list token: {claims['ttl']}")
        fetched.update(claims)
        return claims

    access = jwt.decode(ACCESS_TOKEN, options={"verify_signature": False})
    check(access.get("iss") == ISSUER, f"iss of the access token: {access.get('iss')}")
    result = check_token_status(access, resolve_status_list_token=resolve)
    check(result is not None, "the access token has no status.status_list")
    return {"status": result.status, "ttl": fetched["ttl"], "bits": fetched["status_list"]["bits"]}


try:
    seen = status()
except Exception as error:
    sys.exit(f"FAILED openvc-core: {type(error).__name__}: {error}")
print(json.dumps(seen))
