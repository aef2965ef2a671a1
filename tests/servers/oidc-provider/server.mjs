// A real authorization server (npm oidc-provider) and the API that its tokens open, on loopback, for the tests.
//
//   node server.mjs          settings come from the environment:
//     TOKEN_TTL              lifetime of an access token in whole seconds (60)
//     AUTHORIZATION_PORT     port of the authorization server (0: any free one)
//     RESOURCE_PORT          port of the API and of the control routes (0: any free one)
//     CLIENTS                JSON array of client metadata, in place of the clients below
//     TLS_CERT, TLS_KEY      files (PEM) that put TLS before the authorization server, which then asks for a certificate
//
// One line on stdout says that both listen: {"authorization_server":"http://…","resource_server":"http://…"}.
// The process ends when its stdin closes, so that a test which is killed leaves no server behind.
//
//   POST {authorization_server}/token                              oidc-provider's own endpoint
//   GET  {resource_server}/api/v1/deliveryexperience/ping          needs a live bearer token
//   GET  {resource_server}/control/stats                           what both servers have seen
//   POST {resource_server}/control/revoke                          destroys every token issued so far
//   POST {resource_server}/control/client    {"client_id":…, …}    changes a client's metadata (its secret, say), or adds one
//                                                                  "keys":[{"pem":…, "kid":…}, …] stands for its jwks

import { X509Certificate, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

// stdout carries the ready line alone; the library's notices belong to stderr.
console.log = console.info = console.error;
const { Provider } = await import('oidc-provider');

const TOKEN_TTL = Number(process.env.TOKEN_TTL ?? 60);
if (!Number.isInteger(TOKEN_TTL) || TOKEN_TTL < 1) {
  throw new Error(`TOKEN_TTL must be a whole number of seconds, not ${process.env.TOKEN_TTL}`);
}

const SCOPES = 'auth-service shiptime-service';
// Printable ASCII is all that the library lets through; everything in it that an encoding could mangle is here.
const AWKWARD_SECRET = 'p+a s:s/w%2F&=';
const CLIENTS = process.env.CLIENTS ? JSON.parse(process.env.CLIENTS) : [
  { client_id: 'basic', client_secret: AWKWARD_SECRET, token_endpoint_auth_method: 'client_secret_basic' },
  { client_id: 'acme:eu/1', client_secret: AWKWARD_SECRET, token_endpoint_auth_method: 'client_secret_basic' },
  { client_id: 'post', client_secret: AWKWARD_SECRET, token_endpoint_auth_method: 'client_secret_post' },
  { client_id: 'jwt', client_secret: 'a-secret-of-thirty-two-bytes-or-more', token_endpoint_auth_method: 'client_secret_jwt' },
];

const stats = {
  token_requests: 0, tokens_issued: 0, pings_accepted: 0, pings_refused: 0, expired_tokens_seen: 0,
};

// ── what the provider stores ────────────────────────────────────────────────────────────────────────────────────────
// Nothing is swept away at its expiry: the ping can then tell an expired token from one that was never issued.

const stored = new Map();
const records = (model) => stored.get(model) ?? stored.set(model, new Map()).get(model);

class Storage {
  constructor(model) { this.records = records(model); }

  async upsert(id, payload) { this.records.set(id, payload); }

  async find(id) { return this.records.get(id); }

  async destroy(id) { this.records.delete(id); }

  async consume(id) { this.records.get(id).consumed = Math.floor(Date.now() / 1000); }
}

/** A public key, or that of a certificate, as a JWK. */
function jwk({ pem, ...rest }) {
  const x5c = pem.includes('BEGIN CERTIFICATE') ? [new X509Certificate(pem).raw.toString('base64')] : undefined;
  return { ...createPublicKey(pem).export({ format: 'jwk' }), x5c, ...rest };
}

/** Adds a client, or changes the named members of one. */
function changeClient({ keys, ...metadata }) {
  const change = keys ? { ...metadata, jwks: { keys: keys.map(jwk) } } : metadata;
  const clients = records('Client');
  clients.set(change.client_id, {
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: SCOPES,
    ...clients.get(change.client_id),
    ...change,
  });
}

// ── the two servers ─────────────────────────────────────────────────────────────────────────────────────────────────

function authorizationServer(issuer) {
  // None of these keys and methods is used by opaque tokens; the library warns about its own defaults without them.
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const provider = new Provider(issuer, {
    adapter: Storage,
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt',
      'self_signed_tls_client_auth',
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    enabledJWA: {
      clientAuthSigningAlgValues: [
        'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512',
        'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
      ],
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      mTLS: {
        enabled: true,
        selfSignedTlsClientAuth: true,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
      },
    },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
    scopes: SCOPES.split(' '),
    ttl: { ClientCredentials: TOKEN_TTL },
  });
  provider.use(async (ctx, next) => {
    if (ctx.method === 'POST' && ctx.path === '/token') stats.token_requests += 1;
    await next();
  });
  provider.on('grant.success', () => { stats.tokens_issued += 1; });
  provider.on('server_error', (_ctx, error) => { console.error(error); });
  return provider;
}

function resourceServer(provider) {
  const routes = {
    'GET /api/v1/deliveryexperience/ping': async (request, response) => {
      const value = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
      const token = value && await provider.ClientCredentials.find(value);
      if (token?.isExpired) stats.expired_tokens_seen += 1;
      if (token && !token.isExpired) {
        stats.pings_accepted += 1;
        answer(response, 200, { info: 'pong', status: 1 });
      } else {
        stats.pings_refused += 1;
        // The provider whose API this stands for repeats the refused token in its answer, so this does too.
        const error_description = `Invalid access token: ${value}`;
        const challenge = value ? `Bearer error="invalid_token", error_description="${error_description}"` : 'Bearer';
        answer(response, 401, { error: 'invalid_token', error_description }, { 'www-authenticate': challenge });
      }
    },
    'GET /control/stats': async (_request, response) => answer(response, 200, stats),
    'POST /control/revoke': async (_request, response) => {
      const issued = [...records('ClientCredentials').keys()];
      for (const value of issued) {
        await (await provider.ClientCredentials.find(value)).destroy();
      }
      answer(response, 200, { revoked: issued.length });
    },
    'POST /control/client': async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      const change = JSON.parse(body);
      changeClient(change);
      try {
        await provider.Client.find(change.client_id);
        answer(response, 200, { client_id: change.client_id });
      } catch (error) {
        answer(response, 400, { error: error.error_description ?? error.message });
      }
    },
  };
  return (request, response) => {
    const route = routes[`${request.method} ${request.url}`];
    if (!route) return answer(response, 404, { error: 'not_found' });
    return route(request, response).catch((error) => answer(response, 500, { error: String(error) }));
  };
}

function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Binds a port of loopback; the server is given its handler later, as its own address is part of it. */
async function listen(port, tls) {
  const server = tls ? createTlsServer(tls) : createServer();
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(Number(port ?? 0), '127.0.0.1', resolve);
  });
  return { server, url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}` };
}

process.stdin.on('close', () => process.exit(0)).resume();

CLIENTS.forEach(changeClient);
const tls = process.env.TLS_CERT && {
  cert: readFileSync(process.env.TLS_CERT),
  key: readFileSync(process.env.TLS_KEY),
  requestCert: true,
  rejectUnauthorized: false, // the provider compares it with what the client registered
};
const authorization = await listen(process.env.AUTHORIZATION_PORT, tls);
const resource = await listen(process.env.RESOURCE_PORT);
const provider = authorizationServer(authorization.url);
authorization.server.on('request', provider.callback());
resource.server.on('request', resourceServer(provider));
process.stdout.write(`${JSON.stringify({ authorization_server: authorization.url, resource_server: resource.url })}\n`);
