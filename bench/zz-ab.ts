import { encodeCommand, KvStateMachine } from "@quorate/kv";
const e = new TextEncoder(); const m = new KvStateMachine(); let index = 0;
const cpu = () => { const u = process.threadCpuUsage(); return (u.user + u.system) / 1000; };
const N = 20000; const value = new Uint8Array(256);
const out: number[] = [];
for (let round = 0; round < 12; round++) {
  const cmds = Array.from({ length: N }, (_, i) => encodeCommand({ type: "put", key: e.encode(`/registry/pods/${(i * 7919) % N}`), value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false }));
  const s = cpu(); for (const c of cmds) m.apply(c, { index: ++index, term: 1 }); out.push(((cpu() - s) * 1000) / N);
  m.apply(encodeCommand({ type: "compaction", revision: m.revision, physical: false }), { index: ++index, term: 1 }); while (m.sweep(1000)) {}
}
out.shift(); out.sort((a, b) => a - b); console.log("min", out[0]?.toFixed(2), "median", out[5]?.toFixed(2));
