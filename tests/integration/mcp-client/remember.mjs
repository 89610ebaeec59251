// Stores and recalls with a client of the official TypeScript SDK, over stdio or HTTP, and prints what it saw as JSON.
//   node remember.mjs v1|v2|v2-modern stdio COMMAND ARGUMENTS…
//   node remember.mjs v1|v2|v2-modern http URL KEY
const [generation, transport, target, ...rest] = process.argv.slice(2);
const sdk = generation === "v1"
  ? { ...(await import("@modelcontextprotocol/sdk/client/index.js")), ...(await import("@modelcontextprotocol/sdk/client/stdio.js")),
      ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")) }
  : { ...(await import("@modelcontextprotocol/client")), ...(await import("@modelcontextprotocol/client/stdio")) };

const options = generation === "v2-modern" ? { versionNegotiation: { mode: { pin: "2026-07-28" } } } : {};
const client = new sdk.Client({ name: "engram-test", version: "1.0.0" }, options);
const channel = transport === "stdio"
  ? new sdk.StdioClientTransport({ command: target, args: rest, env: process.env, stderr: "inherit" })
  : new sdk.StreamableHTTPClientTransport(new URL(target), { requestInit: { headers: { Authorization: `Bearer ${rest[0]}` } } });
await client.connect(channel);

const tools = (await client.listTools()).tools.map((tool) => tool.name);  // also lets the client check structuredContent
const call = async (name, args) => client.callTool({ name, arguments: args });
const workspace = `${generation}-${transport}`;
const made = await call("memory_create", { content: `Ada met Grace in Zürich (${workspace})`, workspace, tags: ["people"] });
await Promise.all(Array.from({ length: 20 }, (_, n) => call("memory_create", { content: `parallel ${n}`, workspace })));
const found = await call("memory_search", { query: "whom did Ada meet", workspace });
const refused = await call("memory_get", { id: "nothing" });
let unknown = null;
try { await call("no_such_tool", {}); } catch (error) { unknown = error.code; }
const listed = await call("memory_list", { workspace, limit: 100 });
await client.close();
console.log(JSON.stringify({
  server: client.getServerVersion?.(), tools, made: made.structuredContent, found: found.structuredContent, refused, unknown,
  stored: listed.structuredContent.memories.length,
}));
