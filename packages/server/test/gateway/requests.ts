/**
 * What is asked of the gateway and of the pages beside it, in this order, of a single member whose store is empty. The answers of etcd
 * 3.7.3 stand in test/golden/gateway-etcd-3.7.3.json, recorded by differential.ts.
 */

/** One request. */
export interface GatewayRequest {
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Streams are read until this many lines have come. */
  readonly lines?: number;
  /** Where we differ, and why; then only that there is an answer is checked. */
  readonly differs?: string;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const foo = base64("foo");

function nested(depth: number, open: string, close: string): string {
  return open.repeat(depth) + close.repeat(depth);
}

const range = (body: string): GatewayRequest => ({ path: "/v3/kv/range", body });
const put = (body: string): GatewayRequest => ({ path: "/v3/kv/put", body });
const txn = (body: unknown): GatewayRequest => ({ path: "/v3/kv/txn", body: JSON.stringify(body) });
const post = (path: string, body: unknown = {}): GatewayRequest => ({
  path: `/v3/${path}`,
  body: typeof body === "string" ? body : JSON.stringify(body),
});

const writes: readonly GatewayRequest[] = [
  put(`{"key":"${foo}","value":"${base64("bar")}"}`),
  put(`{"key":"${foo}","value":"${base64("baz")}","prev_kv":true}`),
  put(`{"key":"${foo}","value":"","prevKv":true}`),
  put(`{"key":"_-8","value":"_-8="}`),
  put(`{"key":"/+8=","value":"+/8"}`),
  put(`{"key":"Zm9\\nvMQ=="}`),
  put(`{"key":"Zm9v","key":"Zm9v"}`),
  put(`{"key":"Zm9v","prev_kv":true,"prevKv":true}`),
  put(`{"key":"Zm9v","value":1}`),
  put(`{"key":"Zm9v","value":null,"lease":null}`),
  put(`{"key":"Zm9v","lease":"99"}`),
  put(`{"key":"Zm9v","ignore_value":true,"value":"YQ=="}`),
  put(`{"key":"bm9uZQ==","ignore_value":true}`),
  put(`{"key":""}`),
  put("{}"),
  put(`{"key":"Z"}`),
  put(`{"key":"Zg"}`),
  put(`{"key":"Zg="}`),
  put(`{"key":"Zg=="}`),
  put(`{"key":"Zm9v="}`),
  put(`{"key":"Zm9v===="}`),
  put(`{"key":"Z m9"}`),
  put(`{"key":"Zm9-+"}`),
  put(`{"key":["Zm9v"]}`),
  put(`{"key":{"a":1}}`),
  put(`{"key":"Zm9v","prev_kv":"true"}`),
  put(`{"key":"Zm9v","prev_kv":1}`),
];

const syntax: readonly GatewayRequest[] = [
  "",
  " \n\t",
  "null",
  "[]",
  "1",
  '"x"',
  "true",
  "{",
  '{"key"',
  '{"key":',
  '{"key":}',
  '{"key" 1}',
  "{key:1}",
  "{'key':1}",
  '{"key":"Zm9v",}',
  '{"key":"Zm9v" "x":1}',
  '{"x":[1 2]}',
  '{"x":[1,]}',
  '{"x":[,1]}',
  '{"x":01}',
  '{"x":-}',
  '{"x":1.}',
  '{"x":1e}',
  '{"x":+1}',
  '{"x":.5}',
  '{"x":NaN}',
  '{"x":nul}',
  '{"x":truE}',
  '{"x":fals3}',
  '{"x":"\u0001"}',
  '{"x":"\\q"}',
  '{"x":"\\u12g4"}',
  '{"x":"unfinished',
  '{"x":"\\ud800"}',
  '{"x":"\\ud800\\u0041"}',
  '{"x":"\\ude00\\ud83d"}',
  '{"x":"\\ud83d\\ude00","key":"Zm9v"}',
  '{"__proto__":{"key":"Zm9v"},"constructor":1,"key":"Zm9v"}',
  '{"key":"Zm9v"} trailing',
  '{"key":"Zm9v"}{"key":"bm8="}',
  '\ufeff{"key":"Zm9v"}',
  '\u00e9{"key":"Zm9v"}',
  '{"key":"Zm9v","unknown":{"deep":[{"a":null},1e999,-0]}}',
  '{\n  "\u00fcber": 1,\n  "key": 5\n}',
  nested(10_001, "[", "]"),
  `{"x":${nested(9999, "[", "]")},"key":"Zm9v"}`,
  `{"x":${nested(10_000, "[", "]")},"key":"Zm9v"}`,
].map((body) => range(body));

const bytes: readonly GatewayRequest[] = [
  { path: "/v3/kv/range", body: Buffer.from('{"x":"\xff"}', "latin1") },
  { path: "/v3/kv/range", body: Buffer.from('{"\xff":1,"key":"Zm9v"}', "latin1") },
  { path: "/v3/kv/range", body: Buffer.from([0]) },
  { path: "/v3/kv/range", body: Buffer.from([0x7b, 0x00, 0x7d]) },
  { path: "/v3/kv/range", body: Buffer.from([0xff, 0xfe]) },
  { path: "/v3/kv/range", body: Buffer.from([0x7f]) },
];

const numbers: readonly GatewayRequest[] = [
  '"1"',
  "1",
  "1.0",
  "1.5",
  "1e0",
  "15e-1",
  "10e-1",
  "0.1e1",
  "-0",
  "-1",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "-9223372036854775809",
  "9007199254740993",
  "1e18",
  "1e19",
  "1e999",
  "1e-999",
  '"1e0"',
  '"1.0"',
  '" 1"',
  '"1 "',
  '"0x1"',
  '"01"',
  '"+1"',
  '""',
  '"one"',
  "true",
  "null",
  "[]",
  "{}",
].map((limit) => range(`{"key":"Zm9v","limit":${limit}}`));

const ranges: readonly GatewayRequest[] = [
  range(`{"key":"${foo}"}`),
  range(`{"key":"${base64("\0")}","range_end":"${base64("\0")}","limit":"2","sortOrder":"DESCEND"}`),
  range(`{"key":"AA==","rangeEnd":"AA==","keys_only":true,"sort_target":"MOD","sort_order":2}`),
  range(`{"key":"AA==","rangeEnd":"AA==","countOnly":true}`),
  range(`{"key":"Zm9v","sort_order":"NOPE"}`),
  range(`{"key":"Zm9v","sort_order":9}`),
  range(`{"key":"Zm9v","sort_order":1.5}`),
  range(`{"key":"Zm9v","sort_order":4294967296}`),
  range(`{"key":"Zm9v","sort_order":true}`),
  range(`{"key":"Zm9v","revision":"99"}`),
  range(`{"key":"Zm9v","revision":"-1"}`),
  range(`{"key":"Zm9v","serializable":true}`),
];

const transactions: readonly GatewayRequest[] = [
  txn({}),
  txn({
    compare: [{ key: foo, target: "CREATE", create_revision: "2", result: "EQUAL" }],
    success: [{ request_put: { key: foo, value: "eA==" } }, { requestRange: { key: foo } }],
    failure: [{ request_range: { key: foo } }],
  }),
  txn({
    compare: [{ key: foo, target: 3, value: "eA==" }],
    success: [{ request_delete_range: { key: "Zm9vMQ==", prev_kv: true } }],
  }),
  txn({
    success: [
      {
        request_txn: {
          compare: [{ key: foo, target: "LEASE", lease: 0 }],
          success: [{ request_range: { key: foo, count_only: true } }],
        },
      },
    ],
  }),
  txn({ compare: [{ key: foo, target: "VERSION", version: 1, value: "eA==" }] }),
  txn({ compare: [{ key: foo, target: "VERSION", result: "NOT_EQUAL" }], failure: [{}] }),
  txn({ success: [null] }),
  txn({ success: {} }),
  txn({ success: [[]] }),
  txn({ success: [{ request_put: { key: foo }, request_range: { key: foo } }] }),
  txn({ success: [{ request_put: { key: foo } }, { request_put: { key: foo } }] }),
  post("kv/deleterange", { key: "_-8=", prevKv: true }),
  post("kv/deleterange", { key: "bm9uZQ==" }),
  post("kv/compaction", { revision: 3 }),
  post("kv/compaction", { revision: "3", physical: true }),
  range(`{"key":"Zm9v","revision":2}`),
];

const leases: readonly GatewayRequest[] = [
  post("lease/grant", { TTL: 300, ID: 77 }),
  post("lease/grant", { TTL: "300", ID: "77" }),
  post("lease/grant", { TTL: "9000000001", ID: 78 }),
  post("lease/grant", { ttl: 300, ID: 79 }),
  put(`{"key":"bGVhc2Vk","lease":"77"}`),
  post("lease/timetolive", { ID: 77, keys: true }),
  post("kv/lease/timetolive", { ID: "77" }),
  post("lease/timetolive", { ID: 5 }),
  post("lease/leases"),
  post("kv/lease/leases"),
  { ...post("lease/keepalive", { ID: 77 }), lines: 1 },
  { ...post("lease/keepalive", '{"ID":"5"}{"ID":6}'), lines: 2 },
  post("lease/revoke", { ID: 77 }),
  post("kv/lease/revoke", { ID: 77 }),
];

const streams: readonly GatewayRequest[] = [
  { ...post("watch", { create_request: { key: foo, start_revision: 4 } }), lines: 2 },
  {
    ...post(
      "watch",
      '{"createRequest":{"key":"Zm9v"}} {"create_request":{"key":"Zm9v","watch_id":"7"}} junk',
    ),
    lines: 2,
  },
  { ...post("watch", { create_request: { key: foo, start_revision: 1 } }), lines: 2 },
  { ...post("watch", { create_request: { key: foo, start_revision: -1 } }), lines: 1 },
  { ...post("watch", { create_request: { key: foo, filters: ["NODELETE", 0, "NOPE"] } }), lines: 1 },
];

const services: readonly GatewayRequest[] = [
  post("cluster/member/list"),
  post("cluster/member/remove", { ID: "1" }),
  post("cluster/member/add", { peerURLs: ["not a url"] }),
  post("cluster/member/add", { peerURLs: "http://a:1" }),
  post("cluster/member/update", { ID: 1, peerURLs: ["http://a:1"] }),
  post("cluster/member/promote", { ID: 18446744073709551615n.toString() }),
  post("cluster/member/promote", '{"ID":18446744073709551616}'),
  post("cluster/member/promote", '{"ID":-1}'),
  post("maintenance/alarm", { action: "GET" }),
  post("maintenance/alarm", { action: "GET", memberID: "x" }),
  post("maintenance/status"),
  post("maintenance/hashkv", { revision: "99" }),
  post("maintenance/transfer-leadership", { targetID: 5 }),
  post("maintenance/downgrade", { action: "CANCEL" }),
  post("auth/status"),
  post("auth/user/list"),
  post("auth/role/list"),
  post("auth/user/get", { name: "nobody" }),
  post("auth/user/add", { name: "", password: "x" }),
  post("auth/user/add", { name: 'u\u00fc<&>\u2028"', password: "x" }),
  post("auth/user/get", { name: 'u\u00fc<&>\u2028"' }),
  post("auth/user/list"),
  post("auth/role/add", { name: "r" }),
  post("auth/role/grant", { name: "r", perm: { permType: "READWRITE", key: foo, range_end: "Zm9w" } }),
  post("auth/role/get", { role: "r" }),
  post("auth/enable"),
  post("auth/authenticate", { name: "root", password: "x" }),
  post("election/leader", { name: foo }),
  {
    ...post("election/campaign", { name: foo, lease: 5 }),
    differs: "NOT_FOUND, as for any other method; the client that etcd's service has inside loses the code",
  },
  post("lease/grant", { TTL: 300, ID: 4242 }),
  post("lock/lock", { name: foo, lease: 4242 }),
  post("lock/unlock", { key: "Zm9vLzEwOTI=" }),
  post("election/campaign", { name: "ZWxlY3Q=", lease: "4242", value: "djE=" }),
  post("election/leader", { name: "ZWxlY3Q=" }),
  { ...post("election/observe", { name: "ZWxlY3Q=" }), lines: 1 },
];

const paths: readonly GatewayRequest[] = [
  post("kv/rangestream"),
  post("kv/range/"),
  post("kv/Range"),
  post("kv"),
  post("", {}),
  { path: "/v3", method: "GET" },
  { path: "/v3beta/kv/range", body: `{"key":"Zm9v"}` },
  { path: "/v3alpha/kv/range", body: `{"key":"Zm9v"}` },
  { path: "/v2/keys", method: "GET" },
  { path: "/v3/kv/range", method: "GET" },
  { path: "/v3/kv/range", method: "HEAD" },
  { path: "/v3/kv/range", method: "PUT", body: "{}" },
  { path: "/v3/kv/range", method: "DELETE" },
  { path: "/v3/kv/range", method: "OPTIONS" },
  { path: "/health", method: "OPTIONS" },
  { path: "/nothing", method: "OPTIONS" },
  { path: "/v3/kv/range?key=Zm9v", body: "{}" },
  { path: "/v3/kv/range", body: `{"key":"Zm9v"}`, headers: { "content-type": "text/plain" } },
  { path: "/v3/kv/range", body: `{"key":"Zm9v"}`, headers: { "content-type": "application/grpc" } },
  { path: "/v3/kv/range", body: `{"key":"Zm9v"}`, headers: { "x-http-method-override": "GET" } },
  { path: "/v3/kv/range", body: `{"key":"Zm9v"}`, headers: { "grpc-timeout": "5S" } },
  { path: "/v3/kv/range", body: `{"key":"Zm9v"}`, headers: { "grpc-timeout": "5" } },
  { path: "/v3/kv/range", body: `{"key":"Zm9v"}`, headers: { authorization: "no.token" } },
  { path: "/v3/kv/range", body: `{"key":"Zm9v"}`, headers: { "grpc-metadata-hasleader": "true" } },
  { path: "/v3/kv/put", body: JSON.stringify({ key: foo, value: "A".repeat(1_600_000 + 600_000) }) },
  { path: "/v3/kv/put", body: JSON.stringify({ key: foo, value: "A".repeat(3_000_000) }) },
];

const pages: readonly GatewayRequest[] = [
  "/health",
  "/health?serializable=true",
  "/health?exclude=NOSPACE",
  "/health/",
  "/livez",
  "/livez?verbose",
  "/livez/serializable_read",
  "/livez/serializable_read?verbose",
  "/livez/nope",
  "/livez?exclude=serializable_read",
  "/livez?exclude=serializable_read&verbose",
  "/readyz",
  "/readyz?verbose",
  "/readyz?verbose=false",
  "/readyz?exclude=nope",
  "/readyz?verbose&exclude=linearizable_read&exclude=non_learner",
  "/readyz/data_corruption",
  "/readyz/linearizable_read?verbose",
  "/readyz/",
  "/version",
  "/version/",
  "/metrics/",
  "/debug/requests",
  "/debug/pprof/",
  "/",
  "/config",
].map((path) => ({ path, method: "GET" }));

const redirected: GatewayRequest = {
  path: "/readyz//",
  method: "GET",
  differs: "paths are taken as they are: Go's server sends clients from this one to /readyz/",
};

const pageMethods: readonly GatewayRequest[] = [
  "/health",
  "/livez",
  "/readyz",
  "/version",
  "/debug/vars",
].flatMap((path) => ["POST", "HEAD", "PUT", "DELETE"].map((method) => ({ path, method })));

/** All of them. */
export const gatewayRequests: readonly GatewayRequest[] = [
  ...writes,
  ...syntax,
  ...bytes,
  ...numbers,
  ...ranges,
  ...transactions,
  ...leases,
  ...streams,
  ...services,
  ...paths,
  ...pages,
  redirected,
  ...pageMethods,
];
