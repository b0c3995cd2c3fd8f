"""Python's `gql`: queries, mutations, errors, and a subscription by its own transport.

Takes the gateway's address: `pip install -r requirements.txt && python python_gql.py http://127.0.0.1:8000`.
"""

import asyncio
import sys
import unittest
import uuid

from gql import Client, GraphQLRequest, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError

BASE = (sys.argv.pop(1) if len(sys.argv) > 1 else "http://127.0.0.1:8000").rstrip("/")
PASSWORD = "a-quite-long-passphrase"

CREATE_ORGANIZATION = gql("""
    mutation ($input: OrganizationInput!) {
      createOrganization(input: $input) { success errors organization { id slug } }
    }
""")
REGISTER = gql("""
    mutation ($input: RegisterUserInput!) {
      registerUser(input: $input) { success errors token user { id email name createdAt } }
    }
""")
CREATE_PROJECT = gql("""
    mutation ($input: ProjectInput!) {
      createProject(input: $input) { success errors userErrors { field code message } project { id slug key dueDate } }
    }
""")
CREATE_TASK = gql("""
    mutation ($input: TaskInput!) {
      createTask(input: $input) { success errors task { taskId title status assignee { email } } }
    }
""")
COMMENT = gql("""
    mutation ($org: String!, $task: String!, $content: String!) {
      createTaskComment(orgSlug: $org, taskId: $task, content: $content) { success errors comment { id content } }
    }
""")
BOARD = gql("""
    query ($org: String!) {
      organization(slug: $org) {
        projects(first: 10) {
          nodes { key taskCount tasks(first: 2, filter: {status: TODO}) { pageInfo { hasNextPage } nodes { taskId } } }
        }
      }
    }
""")
PROJECTS = gql("query ($org: String!) { projects(orgSlug: $org) { id } }")
COMMENTS = gql("""
    subscription ($org: String!, $task: String!) {
      taskComments(orgSlug: $org, taskId: $task) { cursor kind recovered comment { content author { name } } }
    }
""")


def asking(document, **variables):
    return GraphQLRequest(document, variable_values=variables)


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[-12:]}"


def client(token=None, schema=False):
    """With `schema` it asks for the gateway's schema first and checks every document against it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = HTTPXAsyncTransport(url=f"{BASE}/graphql", headers=headers, timeout=30)
    return Client(transport=transport, fetch_schema_from_transport=schema, execute_timeout=30)


async def sign_up():
    """A new organization and its first user: her token and its slug."""
    org = unique("org")
    email = f"{unique('ada')}@example.test"
    async with client() as session:
        organization = {"name": org, "slug": org, "contactEmail": email}
        await session.execute(asking(CREATE_ORGANIZATION, input=organization))
        ada = {"email": email, "password": PASSWORD, "name": "Ada", "organizationSlug": org}
        answer = await session.execute(asking(REGISTER, input=ada))
    assert answer["registerUser"]["success"], answer
    return answer["registerUser"]["token"], org, email


class Gql(unittest.IsolatedAsyncioTestCase):
    async def test_queries_mutations_and_errors_against_the_schema_that_it_fetched(self):
        token, org, email = await sign_up()
        async with client(token, schema=True) as session:
            project = {"organizationSlug": org, "name": "Website", "key": "WEB", "dueDate": "2030-01-31"}
            made = (await session.execute(asking(CREATE_PROJECT, input=project)))["createProject"]
            self.assertEqual((made["success"], made["errors"], made["userErrors"]), (True, [], []))
            self.assertEqual((made["project"]["key"], made["project"]["dueDate"]), ("WEB", "2030-01-31"))
            for title in ["One", "Two", "Three"]:
                task = {"organizationSlug": org, "projectSlug": "website", "title": title, "assigneeEmail": email}
                made = (await session.execute(asking(CREATE_TASK, input=task)))["createTask"]
                self.assertEqual((made["success"], made["task"]["assignee"]), (True, {"email": email}))
            board = await session.execute(asking(BOARD, org=org))
            [found] = board["organization"]["projects"]["nodes"]
            self.assertEqual((found["key"], found["taskCount"]), ("WEB", 3))
            self.assertEqual([task["taskId"] for task in found["tasks"]["nodes"]], ["WEB-1", "WEB-2"])
            self.assertTrue(found["tasks"]["pageInfo"]["hasNextPage"])

            # Refused by a payload, by the gateway, and by the client itself, which has the schema.
            again = await session.execute(asking(CREATE_PROJECT, input={**project, "slug": "Not One"}))
            self.assertFalse(again["createProject"]["success"])
            self.assertEqual(again["createProject"]["userErrors"][0]["field"], "slug")
            with self.assertRaises(TransportQueryError) as refused:
                await session.execute(asking(PROJECTS, org="no-such-organization"))
            [error] = refused.exception.errors
            self.assertEqual(error["message"], "You don't have access to this organization")
            self.assertEqual(error["extensions"]["code"], "not_found")
            with self.assertRaises(GraphQLError):
                await session.execute(gql("{ weather }"))

    async def test_a_subscription_by_its_websockets_transport(self):
        token, org, _ = await sign_up()
        async with client(token) as session:
            project = {"organizationSlug": org, "name": "Website", "key": "WEB"}
            await session.execute(asking(CREATE_PROJECT, input=project))
            task = {"organizationSlug": org, "projectSlug": "website", "title": "One"}
            await session.execute(asking(CREATE_TASK, input=task))

            # The subprotocol is named, since this client knows the server's choice under a header's name in one
            # spelling alone, where HTTP has it in any.
            socket = WebsocketsTransport(
                url=f"{BASE.replace('http', 'ws', 1)}/graphql",
                init_payload={"Authorization": f"Bearer {token}"},
                subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            )
            names = {"org": org, "task": "WEB-1"}
            async with Client(transport=socket, execute_timeout=30) as live:
                frames = live.subscribe(asking(COMMENTS, **names))
                begin = (await asyncio.wait_for(anext(frames), 30))["taskComments"]
                self.assertEqual((begin["recovered"], begin["kind"], begin["comment"]), (True, None, None))
                said = await session.execute(asking(COMMENT, **names, content="Hello"))
                self.assertTrue(said["createTaskComment"]["success"], said)
                heard = (await asyncio.wait_for(anext(frames), 30))["taskComments"]
                self.assertEqual(heard["kind"], "comment.created")
                self.assertEqual(heard["comment"], {"content": "Hello", "author": {"name": "Ada"}})
                # A query goes by the same socket.
                self.assertEqual(len((await live.execute(asking(PROJECTS, org=org)))["projects"]), 1)
                await frames.aclose()


if __name__ == "__main__":
    unittest.main(verbosity=2)
