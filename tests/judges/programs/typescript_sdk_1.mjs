// The client of MCP's TypeScript SDK 1.x.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { command, lifecycle, requestInit, url } from './lifecycle.mjs';

let transport;
if (command.length) transport = new StdioClientTransport({ command: command[0], args: command.slice(1) });
else if (url.pathname.endsWith('/sse')) transport = new SSEClientTransport(url, { requestInit });
else transport = new StreamableHTTPClientTransport(url, { requestInit });
const client = new Client({ name: 'typescript-1', version: '1' });
let version;
transport.setProtocolVersion = ((set) => (agreed) => { version = agreed; set?.call(transport, agreed); })(transport.setProtocolVersion);
await client.connect(transport);
await lifecycle(client, () => version);
