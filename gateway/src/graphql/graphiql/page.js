// Opens GraphiQL on this address: operations by POST, subscriptions over graphql-transport-ws with the same headers.
const address = new URL('/graphql', window.location.href);
const socket = new URL(address);
socket.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';

fetch('/graphql/assets/example.graphql')
  .then((answer) => answer.text())
  .then((example) => {
    const shared = new URLSearchParams(window.location.search);
    const fetcher = GraphiQL.createFetcher({ url: address.href, subscriptionUrl: socket.href });
    const page = React.createElement(GraphiQL, {
      fetcher,
      query: shared.get('query') ?? undefined,
      variables: shared.get('variables') ?? undefined,
      operationName: shared.get('operationName') ?? undefined,
      defaultQuery: example,
      defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
      defaultEditorToolsVisibility: 'headers',
    });
    ReactDOM.createRoot(document.getElementById('graphiql')).render(page);
  });
