// What the scripts share: where the gateway is, a plain request to it, and something to work on.
//
// Each script takes the gateway's address: `npm ci && node apollo.mjs http://127.0.0.1:8000`.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export const base = (process.argv[2] ?? 'http://127.0.0.1:8000').replace(/\/$/, '');
export const endpoint = `${base}/graphql`;
export const PASSWORD = 'a-quite-long-passphrase';

/** A name that nobody else uses. */
export const unique = (prefix) => `${prefix}-${randomUUID().replaceAll('-', '').slice(-12)}`;

/** One operation by plain HTTP; gives its data. */
export async function ask(query, variables = {}, token = undefined) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  for (const payload of Object.values(data ?? {})) {
    assert.notEqual(payload?.success, false, `${query}: ${payload?.errors}`);
  }
  return data;
}

/** A new organization with project WEB, task WEB-1, and Ada, who may everything in it. */
export async function world() {
  const org = unique('org');
  const email = `${unique('ada')}@example.test`;
  await ask(
    `mutation ($input: OrganizationInput!) { createOrganization(input: $input) { success errors } }`,
    { input: { name: org, slug: org, contactEmail: email } },
  );
  const { registerUser } = await ask(
    `mutation ($input: RegisterUserInput!) { registerUser(input: $input) { success errors token user { id } } }`,
    { input: { email, password: PASSWORD, name: 'Ada', organizationSlug: org } },
  );
  const { token } = registerUser;
  await ask(
    `mutation ($project: ProjectInput!, $task: TaskInput!) {
      createProject(input: $project) { success errors }
      createTask(input: $task) { success errors }
    }`,
    {
      project: { organizationSlug: org, name: 'Website', key: 'WEB' },
      task: { organizationSlug: org, projectSlug: 'website', title: 'Draw the landing page' },
    },
    token,
  );
  return { org, email, token, user: registerUser.user };
}

/** A new comment on WEB-1. */
export const comment = (org, content, token) =>
  ask(
    `mutation ($org: String!, $content: String!) {
      createTaskComment(orgSlug: $org, taskId: "WEB-1", content: $content) { success errors }
    }`,
    { org, content },
    token,
  );
