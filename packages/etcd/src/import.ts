/** The public list of `@quorate/etcd/import`: what another program kept, read so that an image can be made of it. */
export { readEtcdState } from "./import/etcd-state.ts";
export { isPageFile, type PagePort } from "./import/page-file.ts";
