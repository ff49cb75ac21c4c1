// The official WorkOS SDK for Node, unmodified, with only its address changed.
import assert from 'node:assert/strict';
import http from 'node:http';
import { WorkOS } from '@workos-inc/node';

const { BASE, KEY } = process.env;
const { hostname, port } = new URL(BASE);
const options = { https: false, apiHostname: hostname, port: Number(port), clientId: 'client' };
const workos = new WorkOS(KEY, options);

async function raises(name, status, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor.name, name, `${error.stack}`);
    if (status) assert.equal(error.status, status);
    assert.match(error.requestID ?? error.requestId ?? '', /^req_/);
    return error;
  }
  assert.fail(`${name} was expected`);
}

// Organizations, pages, idempotency.
const organization = await workos.organizations.createOrganization({ name: 'Node', externalId: 'node:1', metadata: { a: 'b' } });
assert.deepEqual([organization.domains, organization.metadata, organization.externalId], [[], { a: 'b' }, 'node:1']);
assert.equal((await workos.organizations.getOrganizationByExternalId('node:1')).id, organization.id);
const renamed = await workos.organizations.updateOrganization({ organization: organization.id, name: 'Node 2' });
assert.equal(renamed.externalId, 'node:1');
const idempotencyKey = 'once-only';
const [one, two] = [
  await workos.organizations.createOrganization({ name: 'Once' }, { idempotencyKey }),
  await workos.organizations.createOrganization({ name: 'Once' }, { idempotencyKey }),
];
assert.deepEqual(one, two);
for (let number = 0; number < 12; number += 1) await workos.organizations.createOrganization({ name: `node page ${number}` });
const list = await workos.organizations.listOrganizations();
const all = await list.autoPagination();
assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
assert.ok(all.length >= 14);
assert.deepEqual((await workos.organizations.listOrganizations({ domains: ['a', 'b'] })).data, []);

// Users and memberships.
const user = await workos.userManagement.createUser({ email: 'node@example.com', firstName: 'Node' });
const membership = await workos.userManagement.createOrganizationMembership({
  userId: user.id, organizationId: organization.id, roleSlug: 'admin',
});
assert.equal(membership.role.slug, 'admin');
const off = await workos.userManagement.deactivateOrganizationMembership(membership.id);
assert.equal(off.status, 'inactive');
assert.equal((await workos.userManagement.reactivateOrganizationMembership(membership.id)).status, 'active');
assert.equal((await workos.userManagement.listOrganizationMemberships({ organizationId: organization.id })).data.length, 1);
await raises('UnprocessableEntityException', 422, () => workos.userManagement.createUser({ email: 'x@example.com', password: 'no' }));

// Permissions.
const permission = await workos.authorization.createPermission({ slug: 'node:read', name: 'Read' });
assert.equal(permission.system, false);
assert.equal((await workos.authorization.getPermission('node:read')).slug, 'node:read');
assert.equal((await workos.authorization.updatePermission('node:read', { name: 'Read it' })).name, 'Read it');

// Applications: Node sends null for whatever its caller left out.
const application = await workos.connect.createApplication({
  applicationType: 'm2m', name: 'backend', organizationId: organization.id, scopes: ['node:read'],
});
assert.deepEqual((await workos.connect.createM2MApplication('bare', organization.id)).scopes, []);
assert.equal(application.applicationType, 'm2m');
const updated = await workos.connect.updateApplication({ id: application.id, name: 'renamed' });
assert.deepEqual([updated.name, updated.scopes], ['renamed', ['node:read']]);
assert.equal((await workos.connect.getApplication({ id: application.clientId })).id, application.id);
const secret = await workos.connect.createApplicationClientSecret({ id: application.id });
assert.equal(secret.secretHint, secret.secret.slice(-6));
const secrets = await workos.connect.listApplicationClientSecrets({ id: application.clientId });
assert.ok(Array.isArray(secrets) && secrets.length === 2 && secrets.every((one) => one.secret === undefined));
const basic = Buffer.from(`${application.clientId}:${secret.secret}`).toString('base64');
const token = await fetch(`${BASE}/oauth/token`, {
  method: 'POST', headers: { Authorization: `Basic ${basic}` }, body: new URLSearchParams({ grant_type: 'client_credentials' }),
});
assert.equal((await token.json()).scope, 'node:read');
await workos.connect.deleteClientSecret({ id: secret.id });
assert.ok((await workos.connect.listApplications({ organizationId: organization.id })).data.length === 2);

// API keys.
const key = await workos.apiKeys.createOrganizationApiKey({ organizationId: organization.id, name: 'CI', permissions: ['node:read'] });
const validated = await workos.apiKeys.createValidation({ value: key.value, required_permissions: ['node:read'] });
assert.deepEqual([validated.apiKey.id, validated.apiKey.owner.type, validated.apiKey.permissions], [key.id, 'organization', ['node:read']]);
const personal = await workos.userManagement.createUserApiKey(user.id, { name: 'mine', organizationId: organization.id });
const owner = (await workos.apiKeys.createValidation({ value: personal.value })).apiKey.owner;
assert.deepEqual([owner.type, owner.id, owner.organizationId], ['user', user.id, organization.id]);
assert.equal((await workos.apiKeys.createValidation({ value: 'nonsense' })).apiKey, null);
assert.equal((await workos.userManagement.listUserApiKeys(user.id)).data.length, 1);
await workos.apiKeys.deleteApiKey(key.id);
assert.equal((await workos.apiKeys.createValidation({ value: key.value })).apiKey, null);

// Portal and widgets.
const { link } = await workos.adminPortal.generateLink({
  organization: organization.id, intent: 'api_keys', successUrl: 'https://example.com/', adminEmails: ['it@example.com'],
});
assert.equal((await fetch(link)).status, 200);
await raises('UnprocessableEntityException', 422, () => workos.adminPortal.generateLink({ organization: organization.id, intent: 'sso' }));
const widget = await workos.widgets.createToken({ organizationId: organization.id, userId: user.id, scopes: ['widgets:user-api-keys:manage-self'] });
assert.match(widget.token, /^chp_/);
await raises('NotFoundException', 404, () =>
  workos.widgets.createToken({ organizationId: 'org_01KAJ2M3N4P5Q6R7S8T9V0W1X2', userId: user.id, scopes: ['widgets:api-keys:manage'] }));

// Error classes.
await raises('NotFoundException', 404, () => workos.organizations.deleteOrganization('org_01KAJ2M3N4P5Q6R7S8T9V0W1X2'));
await raises('ConflictException', 409, () => workos.authorization.createPermission({ slug: 'node:read', name: 'again' }));
await raises('GenericServerException', 400, () => workos.organizations.listOrganizations({ after: 'org_x' }));
await raises('UnprocessableEntityException', 422, () => workos.organizations.createOrganization({ name: '' }));
await raises('UnauthorizedException', 401, () => new WorkOS('no', options).organizations.listOrganizations());
const narrow = await fetch(`${BASE}/management_keys`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({ name: 'narrow', permissions: ['organizations:read'] }),
});
const refused = await raises('GenericServerException', 403, async () =>
  new WorkOS((await narrow.json()).value, options).organizations.createOrganization({ name: 'no' }));
assert.match(refused.message, /lacks the permission/);

// Webhooks and events.
const received = [];
const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    received.push({ body: Buffer.concat(chunks).toString(), signature: request.headers['workos-signature'] });
    response.end();
  });
}).listen(0, '127.0.0.1');
await new Promise((resolve) => { server.once('listening', resolve); });
const hook = await workos.webhooks.createWebhookEndpoint({
  endpointUrl: `http://127.0.0.1:${server.address().port}/`, events: ['user.created', 'api_key.created', 'connect_application.created'],
});
await workos.userManagement.createUser({ email: 'hook@example.com', firstName: 'Zoë "quoted" \u2028 \u{1F600} </script>', metadata: { z: '1', a: '\\' } });
await workos.apiKeys.createOrganizationApiKey({ organizationId: organization.id, name: 'hooked' });
await workos.connect.createM2MApplication('hooked', organization.id);
for (let waited = 0; received.length < 3 && waited < 200; waited += 1) await new Promise((resolve) => { setTimeout(resolve, 50); });
assert.equal(received.length, 3);
for (const { body, signature } of received) {
  for (const payload of [body, JSON.parse(body)]) {
    const event = await workos.webhooks.constructEvent({ payload, sigHeader: signature, secret: hook.secret });
    assert.equal(event.id, JSON.parse(body).id);
  }
  await assert.rejects(workos.webhooks.constructEvent({ payload: body.replace('e', 'E'), sigHeader: signature, secret: hook.secret }));
  const old = signature.replace(/t=(\d+)/, (_, t) => `t=${Number(t) - 181_000}`);
  await assert.rejects(workos.webhooks.constructEvent({ payload: body, sigHeader: old, secret: hook.secret }));
}
assert.equal((await workos.webhooks.listWebhookEndpoints()).data[0].secret === hook.secret, false);
await workos.webhooks.updateWebhookEndpoint({ id: hook.id, status: 'disabled' });
await workos.webhooks.deleteWebhookEndpoint({ id: hook.id });
server.close();
const events = await workos.events.listEvents({ events: ['api_key.created', 'organization.created'], limit: 100 });
assert.ok(events.data.length > 3 && events.data.every(({ data, createdAt }) => data && createdAt));
await workos.userManagement.deleteUser(user.id);
await workos.connect.deleteApplication({ id: application.id });
console.log('ok');
process.exit(0);
