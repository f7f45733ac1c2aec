/** RFC 7541 Appendix A: the fields that both sides know before the first byte. Its order is the wire format. */
import { assert } from "@quorate/base";
import { HeaderField } from "./field.ts";

const rows = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

function parseRow(row: string): HeaderField {
  const space = row.indexOf(" ");
  return space < 0 ? new HeaderField(row, "") : new HeaderField(row.slice(0, space), row.slice(space + 1));
}

/** Entry `i` has index `i + 1` on the wire. */
export const staticTable: readonly HeaderField[] = rows.split("\n").map(parseRow);
assert(staticTable.length === 61, "hpack: the static table has 61 entries");

const indexByName = new Map<string, number>();
const indexByField = new Map<string, number>();
for (const [i, field] of staticTable.entries()) {
  if (!indexByName.has(field.name)) {
    indexByName.set(field.name, i + 1);
  }
  indexByField.set(`${field.name}\n${field.value}`, i + 1);
}

/** The lowest index of a name, or 0. */
export function staticNameIndex(name: string): number {
  return indexByName.get(name) ?? 0;
}

/** The index of a name with this very value, or 0. */
export function staticFieldIndex(name: string, value: string): number {
  return indexByField.get(`${name}\n${value}`) ?? 0;
}
