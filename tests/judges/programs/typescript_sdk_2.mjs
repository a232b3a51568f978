// The client of MCP's TypeScript SDK 2.x, in the era that MCP_ERA names.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { command, lifecycle, requestInit, url } from './lifecycle.mjs';

let transport;
if (command.length) transport = new StdioClientTransport({ command: command[0], args: command.slice(1) });
else if (url.pathname.endsWith('/sse')) transport = new SSEClientTransport(url, { requestInit });
else transport = new StreamableHTTPClientTransport(url, { requestInit });
const client = new Client(
  { name: 'typescript-2', version: '1' },
  { versionNegotiation: { mode: process.env.MCP_ERA } },
);
await client.connect(transport);
await lifecycle(client, () => client.getNegotiatedProtocolVersion());
