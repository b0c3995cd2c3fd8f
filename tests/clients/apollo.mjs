// Apollo Client, the one that the front ends of the original system are made with: `Authorization: JWT`, a cache by
// `__typename:id`, and only operations that the original has.
import assert from 'node:assert/strict';
import test from 'node:test';
import apollo from '@apollo/client/core/core.cjs';
import { base, PASSWORD, unique } from './gateway.mjs';

const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = apollo;

/** A browser with that front end open: one client, and the token that it keeps. */
function browser() {
  const kept = { token: '' };
  const signed = new ApolloLink((operation, forward) => {
    operation.setContext({ headers: { authorization: kept.token && `JWT ${kept.token}` } });
    return forward(operation);
  });
  // That client says the path with a slash at its end.
  const http = new HttpLink({ uri: `${base}/graphql/`, fetch, headers: { origin: 'http://localhost:5173' } });
  const client = new ApolloClient({ link: signed.concat(http), cache: new InMemoryCache(), queryDeduplication: false });
  const mutate = async (mutation, variables) =>
    Object.values((await client.mutate({ mutation, variables })).data)[0];
  const query = async (document, variables, fetchPolicy = 'network-only') =>
    (await client.query({ query: document, variables, fetchPolicy })).data;
  return { kept, client, mutate, query };
}

const TASK = gql`
  fragment Card on Task { id taskId title description status dueDate createdAt assignee { id name email } }
`;
const CREATE_ORGANIZATION = gql`
  mutation NewOrganization($input: OrganizationInput!) {
    createOrganization(input: $input) { organization { id name slug contactEmail } success errors }
  }
`;
const REGISTER = gql`
  mutation SignUp($input: RegisterUserInput!) {
    registerUser(input: $input) { user { id email name createdAt } token success errors }
  }
`;
const LOGIN = gql`
  mutation SignIn($input: LoginUserInput!) {
    loginUser(input: $input) { user { id email name createdAt } token success errors }
  }
`;
const DIRECTORY = gql`query Directory { organizations { id name slug contactEmail } }`;
const MINE = gql`query Mine { me { id email } myOrganizations { id name slug contactEmail } }`;
const MEMBERS = gql`query Members($org: String!) { organizationMembers(orgSlug: $org) { id name email role } }`;
const PROJECTS = gql`
  query Projects($org: String!) {
    projects(orgSlug: $org) { id name slug description status dueDate createdAt taskCount completedTasks }
  }
`;
const CREATE_PROJECT = gql`
  mutation NewProject($input: ProjectInput!) {
    createProject(input: $input) { project { id name slug description status dueDate createdAt } success errors }
  }
`;
const UPDATE_PROJECT = gql`
  mutation ChangeProject($org: String!, $slug: String!, $input: UpdateProjectInput!) {
    updateProject(organizationSlug: $org, projectSlug: $slug, input: $input) {
      project { id name slug status dueDate } success errors
    }
  }
`;
const DELETE_PROJECT = gql`
  mutation DropProject($org: String!, $slug: String!) {
    deleteProject(organizationSlug: $org, projectSlug: $slug) { success errors }
  }
`;
const BOARD = gql`
  ${TASK}
  query Board($org: String!, $slug: String!) {
    project(orgSlug: $org, projectSlug: $slug) { id name slug taskCount completedTasks }
    tasks(orgSlug: $org, projectSlug: $slug) { ...Card }
  }
`;
const ONE_TASK = gql`
  ${TASK}
  query OneTask($org: String!, $task: String!) {
    task(orgSlug: $org, taskId: $task) { ...Card }
    taskComments(orgSlug: $org, taskId: $task) { id content author { id name email } timestamp }
  }
`;
const CREATE_TASK = gql`
  ${TASK}
  mutation NewTask($input: TaskInput!) { createTask(input: $input) { task { ...Card } success errors } }
`;
const UPDATE_TASK = gql`
  ${TASK}
  mutation ChangeTask($org: String!, $task: String!, $input: UpdateTaskInput!) {
    updateTask(orgSlug: $org, taskId: $task, input: $input) { task { ...Card } success errors }
  }
`;
const DELETE_TASK = gql`
  mutation DropTask($org: String!, $task: String!) { deleteTask(orgSlug: $org, taskId: $task) { success errors } }
`;
const COMMENT = gql`
  mutation Say($org: String!, $task: String!, $content: String!) {
    createTaskComment(orgSlug: $org, taskId: $task, content: $content) {
      comment { id content author { id name email } timestamp } success errors
    }
  }
`;

const timeout = 60_000;

/** A new organization and its first user, made as the original's sign-up page does, signed out. */
async function signUp() {
  const page = browser();
  const slug = unique('org');
  const email = `${unique('ada')}@example.test`;
  const made = await page.mutate(CREATE_ORGANIZATION, { input: { name: slug, slug, contactEmail: email } });
  assert.deepEqual([made.success, made.errors, made.organization.slug], [true, [], slug]);
  const { organizations } = await page.query(DIRECTORY);
  assert.ok(organizations.some((organization) => organization.slug === slug), 'it is in the directory');
  const input = { email, password: PASSWORD, name: 'Ada', organizationSlug: slug };
  const registered = await page.mutate(REGISTER, { input });
  assert.deepEqual([registered.success, registered.errors, registered.user.email], [true, [], email]);
  page.kept.token = registered.token;
  return { page, slug, email };
}

test('signing up, out and in', { timeout }, async () => {
  const { page, slug, email } = await signUp();
  const mine = await page.query(MINE);
  assert.equal(mine.me.email, email);
  assert.deepEqual(mine.myOrganizations.map((organization) => organization.slug), [slug]);

  const again = browser();
  again.kept.token = 'what.is.long.stale';
  const wrong = await again.mutate(LOGIN, { input: { email, password: 'not the passphrase' } });
  assert.deepEqual([wrong.success, wrong.errors, wrong.user, wrong.token], [false, ['Invalid credentials'], null, null]);
  const right = await again.mutate(LOGIN, { input: { email, password: PASSWORD } });
  assert.deepEqual([right.success, right.errors, right.user.email], [true, [], email]);
  again.kept.token = right.token;
  assert.equal((await again.query(MINE)).me.id, right.user.id);
  const { organizationMembers } = await again.query(MEMBERS, { org: slug });
  assert.deepEqual(organizationMembers.map(({ name, role }) => [name, role]), [['Ada', 'ADMIN']]);
});

test('a board: projects, tasks and comments, with a cache that follows', { timeout }, async () => {
  const { page, slug: org, email } = await signUp();
  assert.deepEqual((await page.query(PROJECTS, { org })).projects, []);
  const input = { organizationSlug: org, name: 'Web Site', description: '', dueDate: '2030-01-31' };
  const { project } = await page.mutate(CREATE_PROJECT, { input });
  assert.deepEqual([project.slug, project.status, project.dueDate], ['web-site', 'ACTIVE', '2030-01-31']);
  const slug = project.slug;

  const tasks = [];
  for (const title of ['One', 'Two', 'Three']) {
    const task = { organizationSlug: org, projectSlug: slug, title, assigneeEmail: title === 'Two' ? email : '' };
    const made = await page.mutate(CREATE_TASK, { input: task });
    assert.deepEqual([made.success, made.errors], [true, []]);
    tasks.push(made.task);
  }
  const board = await page.query(BOARD, { org, slug });
  assert.deepEqual(board.tasks, tasks, 'the list has them as they were made, in that order');
  assert.equal(board.tasks[1].assignee.email, email);
  assert.deepEqual([board.project.taskCount, board.project.completedTasks], [3, 0]);

  // The payload of a change is enough for the page: the cached list shows it, with nothing asked again.
  const task = tasks[0].taskId;
  const change = { title: 'Uno', status: 'DONE', dueDate: '2030-02-01', assigneeEmail: email };
  const changed = await page.mutate(UPDATE_TASK, { org, task, input: change });
  assert.deepEqual([changed.success, changed.errors], [true, []]);
  const cached = await page.query(BOARD, { org, slug }, 'cache-only');
  assert.deepEqual(cached.tasks[0], changed.task);
  assert.deepEqual([cached.tasks[0].title, cached.tasks[0].status, cached.tasks[0].assignee.email], ['Uno', 'DONE', email]);
  assert.equal((await page.query(BOARD, { org, slug })).project.completedTasks, 1);

  const said = await page.mutate(COMMENT, { org, task, content: 'Hello' });
  assert.deepEqual([said.success, said.errors, said.comment.author.email], [true, [], email]);
  assert.deepEqual((await page.query(ONE_TASK, { org, task })).taskComments, [said.comment]);

  const renamed = await page.mutate(UPDATE_PROJECT, { org, slug, input: { name: 'Site', status: 'ON_HOLD' } });
  assert.deepEqual([renamed.project.name, renamed.project.status, renamed.project.dueDate], ['Site', 'ON_HOLD', '2030-01-31']);
  assert.equal((await page.query(BOARD, { org, slug }, 'cache-only')).project.name, 'Site');

  assert.equal((await page.mutate(DELETE_TASK, { org, task })).success, true);
  assert.deepEqual((await page.query(BOARD, { org, slug })).tasks.map(({ title }) => title), ['Two', 'Three']);
  assert.equal((await page.query(ONE_TASK, { org, task })).task, null);
  assert.equal((await page.mutate(DELETE_PROJECT, { org, slug })).success, true);
  assert.deepEqual((await page.query(PROJECTS, { org })).projects, []);
});

test('refusals look as that client expects them', { timeout }, async () => {
  const { page, slug: org } = await signUp();
  const { page: stranger } = await signUp();
  const missing = await page.mutate(UPDATE_TASK, { org, task: 'WEB-9', input: { title: 'x' } });
  assert.deepEqual([missing.success, missing.errors, missing.task], [false, ['Task not found'], null]);
  const input = { organizationSlug: org, name: 'x' };
  const denied = await stranger.mutate(CREATE_PROJECT, { input });
  assert.deepEqual([denied.success, denied.errors], [false, ["You don't have access to this organization"]]);
  await assert.rejects(stranger.query(PROJECTS, { org }), ({ message, graphQLErrors }) => {
    assert.equal(message, "You don't have access to this organization");
    assert.equal(graphQLErrors[0].extensions.code, 'not_found');
    return true;
  });
  await assert.rejects(browser().query(PROJECTS, { org }), ({ graphQLErrors }) => {
    assert.equal(graphQLErrors[0].message, 'You do not have permission to perform this action');
    return true;
  });
});
