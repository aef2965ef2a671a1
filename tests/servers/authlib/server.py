"""A real authorization server (Authlib on Flask) and the API that its tokens open, on loopback, for the tests.

    python server.py         settings come from the environment:
      TOKEN_TTL              lifetime of an access token in whole seconds (60)
      AUTHORIZATION_PORT     port of the authorization server (0: any free one)
      RESOURCE_PORT          port of the API and of the control routes (0: any free one)
      CLIENTS                JSON array of client metadata, in place of the clients below

One line on stdout says that both listen: {"authorization_server":"http://…","resource_server":"http://…"}.
The process ends when its stdin closes, so that a test which is killed leaves no server behind.

    POST {authorization_server}/token                             Authlib's client-credentials grant
    GET  {resource_server}/api/v1/deliveryexperience/ping         needs a live bearer token
    GET  {resource_server}/control/stats                          what both servers have seen
    POST {resource_server}/control/revoke                         revokes every token issued so far
    POST {resource_server}/control/client   {"client_id":…, …}    changes a client's metadata (its secret, say), or adds one

How Authlib reads HTTP Basic: it undoes percent escapes, but leaves "+" alone. A secret sent as it is (`raw`) arrives
unless it holds what looks like an escape; one in form encoding arrives only if a space went as "%20", not as "+".
"""

import json
import os
import sys
import threading
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain HTTP, on loopback

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator, BearerTokenValidator
from authlib.common.security import generate_token
from flask import Flask, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

TOKEN_TTL = int(os.environ.get("TOKEN_TTL", "60"))
SCOPES = "auth-service shiptime-service"
AWKWARD_SECRET = "p+a s:s/w%ö&="
CLIENTS = json.loads(os.environ.get("CLIENTS", "null")) or [
    {"client_id": "basic", "client_secret": AWKWARD_SECRET, "token_endpoint_auth_method": "client_secret_basic"},
    {"client_id": "post", "client_secret": AWKWARD_SECRET, "token_endpoint_auth_method": "client_secret_post"},
]


class Client(ClientMixin):
    def __init__(self, metadata):
        self.metadata = {"scope": SCOPES, **metadata}

    def get_client_id(self):
        return self.metadata["client_id"]

    def get_allowed_scope(self, scope):
        """What was asked for, if this client may have all of it; everything it may have, if nothing was asked for."""
        allowed = self.metadata["scope"]
        return (scope if set(scope.split()) <= set(allowed.split()) else None) if scope else allowed

    def check_client_secret(self, client_secret):
        return self.metadata["client_secret"] == client_secret

    def check_endpoint_auth_method(self, method, endpoint):
        return self.metadata["token_endpoint_auth_method"] == method

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class Token(TokenMixin):
    def __init__(self, scope):
        self.scope = scope
        self.expires = time.monotonic() + TOKEN_TTL
        self.revoked = False

    def get_scope(self):
        return self.scope

    def is_expired(self):
        return time.monotonic() >= self.expires

    def is_revoked(self):
        return self.revoked


# In-memory storage, and what both servers have seen. Requests come on threads of their own.
lock = threading.Lock()
clients = {metadata["client_id"]: Client(metadata) for metadata in CLIENTS}
tokens = {}
stats = dict.fromkeys(
    ["token_requests", "tokens_issued", "pings_accepted", "pings_refused", "expired_tokens_seen"], 0
)


def count(what):
    with lock:
        stats[what] += 1


def save_token(token, _request):
    with lock:
        tokens[token["access_token"]] = Token(token.get("scope", ""))


class ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


class Validator(BearerTokenValidator):
    def authenticate_token(self, token_string):
        token = tokens.get(token_string)
        if token and token.is_expired():
            count("expired_tokens_seen")
        return token


def authorization_server():
    app = Flask("authorization_server")
    server = AuthorizationServer(app, query_client=clients.get, save_token=save_token)
    server.register_grant(ClientCredentials)
    server.register_token_generator(
        "default",
        BearerTokenGenerator(lambda **_: generate_token(42), expires_generator=lambda *_: TOKEN_TTL),
    )

    @app.post("/token")
    def token():
        count("token_requests")
        response = server.create_token_response()
        if response.status_code == 200:
            count("tokens_issued")
        return response

    return app


def resource_server():
    app = Flask("resource_server")
    protector = ResourceProtector()
    protector.register_token_validator(Validator())

    @app.get("/api/v1/deliveryexperience/ping")
    @protector()
    def ping():
        return jsonify(info="pong", status=1)

    @app.after_request
    def count_pings(response):
        if request.endpoint == "ping":
            count("pings_accepted" if response.status_code == 200 else "pings_refused")
        return response

    @app.get("/control/stats")
    def show_stats():
        with lock:
            return jsonify(stats)

    @app.post("/control/revoke")
    def revoke():
        with lock:
            for token in tokens.values():
                token.revoked = True
            return jsonify(revoked=len(tokens))

    @app.post("/control/client")
    def change_client():
        change = request.get_json(force=True)
        client_id = change["client_id"]
        with lock:
            known = clients[client_id].metadata if client_id in clients else {}
            clients[client_id] = Client({**known, **change})
        return jsonify(client_id=client_id)

    return app


class QuietHandler(WSGIRequestHandler):
    def log_request(self, code="-", size="-"):
        pass


def serve(app, port_variable):
    port = int(os.environ.get(port_variable, "0"))
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.port}"


if __name__ == "__main__":
    ready = {
        "authorization_server": serve(authorization_server(), "AUTHORIZATION_PORT"),
        "resource_server": serve(resource_server(), "RESOURCE_PORT"),
    }
    print(json.dumps(ready, separators=(",", ":")), flush=True)
    sys.stdin.buffer.read()
