/** A Jest transformer of three lines. */
import { stripTypeScriptTypes } from "node:module";

export default { process: (code) => ({ code: stripTypeScriptTypes(code, { mode: "strip" }) }) };
