// `graphql-ws`, the client that most front ends have for subscriptions, with its own reconnecting.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ask, base, comment, world } from './gateway.mjs';

const SUBSCRIPTION = `subscription ($org: String!, $after: String) {
  taskComments(orgSlug: $org, taskId: "WEB-1", after: $after) {
    cursor kind recovered
    comment { id content author { name email } }
  }
}`;

/** Values that come one by one, and can be waited for. */
class Mailbox {
  #values = [];
  #waiting = [];

  put(value) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(value);
    else this.#values.push(value);
  }

  next() {
    return this.#values.length ? this.#values.shift() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** A wire to the gateway that can be cut. */
async function wire() {
  const { hostname, port } = new URL(base);
  const sockets = new Set();
  let whole = true;
  const server = net.createServer((near) => {
    if (!whole) return near.destroy();
    const far = net.connect(port, hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => { sockets.delete(one); other.destroy(); });
      one.pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${server.address().port}/graphql`,
    cut() { whole = false; for (const socket of sockets) socket.destroy(); },
    mend() { whole = true; },
    close() { this.cut(); server.close(); },
  };
}

function client(url, connectionParams, more = {}) {
  return createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams,
    lazyCloseTimeout: 0,
    // A refused connection too, which is an error in Node, not a close. Codes that are final stay final.
    shouldRetry: () => true,
    retryAttempts: 200,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 25)),
    ...more,
  });
}

/** Listens to the comments on WEB-1 and keeps its place, so that each connection begins where the last one ended. */
function listen(socket, org) {
  const frames = new Mailbox();
  const end = new Mailbox();
  // The same object goes out again after a reconnect: with the cursor in it, the server takes up from there.
  const variables = { org, after: null };
  const stop = socket.subscribe({ query: SUBSCRIPTION, variables }, {
    next({ data, errors }) {
      assert.equal(errors, undefined, JSON.stringify(errors));
      variables.after = data.taskComments.cursor;
      const { kind, recovered } = data.taskComments;
      // A frame with a cursor alone says only that the place moved.
      if (kind !== null || recovered !== null) frames.put(data.taskComments);
    },
    error: (error) => end.put(error),
    complete: () => end.put(undefined),
  });
  return { frames, end, stop };
}

const timeout = 60_000;

test('what is written while the connection is cut arrives after it, once and in order', { timeout }, async (t) => {
  const { org, email, token } = await world();
  const line = await wire();
  t.after(() => line.close());
  const connected = new Mailbox();
  const socket = client(line.url, { Authorization: `Bearer ${token}` }, { on: { connected: () => connected.put() } });
  t.after(() => socket.dispose());
  const { frames, stop } = listen(socket, org);
  await connected.next();
  const begin = await frames.next();
  assert.deepEqual([begin.recovered, begin.kind, begin.comment], [true, null, null]);

  await comment(org, 'before', token);
  const first = await frames.next();
  assert.deepEqual([first.recovered, first.kind, first.comment.content], [null, 'comment.created', 'before']);
  assert.deepEqual(first.comment.author, { name: 'Ada', email });

  line.cut();
  for (const n of [1, 2, 3]) await comment(org, `missed ${n}`, token);
  line.mend();
  await connected.next();
  assert.equal((await frames.next()).recovered, true);
  await comment(org, 'after', token);
  for (const content of ['missed 1', 'missed 2', 'missed 3', 'after']) {
    assert.equal((await frames.next()).comment.content, content);
  }
  stop();
});

test('queries and mutations go by the same socket', { timeout }, async (t) => {
  const { org, email, token } = await world();
  const socket = client(`${base.replace('http', 'ws')}/graphql`, { token });
  t.after(() => socket.dispose());
  const answers = async (query) => {
    const results = [];
    for await (const result of socket.iterate({ query, variables: { org } })) results.push(result);
    assert.equal(results.length, 1);
    return results[0];
  };
  assert.deepEqual((await answers('{ me { email } }')).data, { me: { email } });
  const written = await answers(`mutation ($org: String!) {
    createTaskComment(orgSlug: $org, taskId: "WEB-1", content: "by socket") { success comment { content } }
  }`);
  assert.deepEqual(written.data.createTaskComment, { success: true, comment: { content: 'by socket' } });
  const refused = await answers('{ projects(orgSlug: "no-such-organization") { id } }');
  assert.deepEqual([refused.data, refused.errors[0].extensions.code], [{ projects: null }, 'not_found']);
});

test('logging out ends the socket for good, with 4401', { timeout }, async (t) => {
  const { org, token } = await world();
  let connections = 0;
  const on = { connected: () => { connections += 1; } };
  const socket = client(`${base.replace('http', 'ws')}/graphql`, { Authorization: `Bearer ${token}` }, { on });
  t.after(() => socket.dispose());
  const { frames, end } = listen(socket, org);
  await frames.next();
  await ask('mutation { logout { success errors } }', {}, token);
  const close = await end.next();
  assert.equal(close.code, 4401, close.reason);
  assert.equal(connections, 1);
});

test('a bad token closes with 4403, and a fresh one gets in by the same client', { timeout }, async (t) => {
  const { org, token } = await world();
  const tokens = ['stale', token];
  const closed = new Mailbox();
  const on = { closed: (close) => closed.put(close) };
  const socket = client(`${base.replace('http', 'ws')}/graphql`, () => ({ token: tokens.shift() }), { on });
  t.after(() => socket.dispose());
  const { frames, stop } = listen(socket, org);
  const refused = await closed.next();
  assert.deepEqual([refused.code, refused.reason], [4403, 'Forbidden']);
  assert.equal((await frames.next()).recovered, true);
  stop();
});

test('signed out one may connect, and a subscription says why it is refused', { timeout }, async (t) => {
  const { org } = await world();
  const socket = client(`${base.replace('http', 'ws')}/graphql`, undefined);
  t.after(() => socket.dispose());
  const refusal = await new Promise((resolve, reject) => {
    const seen = ({ errors, data }) => (errors ? resolve(errors) : reject(new Error(JSON.stringify(data))));
    const complete = () => reject(new Error('it ended without an error'));
    socket.subscribe({ query: SUBSCRIPTION, variables: { org } }, { next: seen, error: resolve, complete });
  });
  assert.equal(refusal[0].message, 'You do not have permission to perform this action');
  assert.equal(refusal[0].extensions.code, 'unauthenticated');
});
