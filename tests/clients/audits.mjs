// The audits of `graphql-http`: what a server must, should and may do by the GraphQL-over-HTTP specification.
import assert from 'node:assert/strict';
import test from 'node:test';
import { serverAudits } from 'graphql-http';
import { endpoint } from './gateway.mjs';

const audits = serverAudits({ url: endpoint, fetchFn: fetch });

test('there are audits', () => assert.ok(audits.length > 60, `${audits.length} audits`));

for (const { id, name, fn } of audits) {
  test(`${id} ${name}`, async () => {
    const { status, reason } = await fn();
    assert.equal(status, 'ok', `${id} ${name}: ${reason}`);
  });
}
