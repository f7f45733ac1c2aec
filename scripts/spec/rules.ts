/** All rules, by the part of the sources that states them. */
import { chapter3 } from "./chapter-3.ts";
import { chapter4 } from "./chapter-4.ts";
import { cornerCases } from "./corner-cases.ts";
import { figure2 } from "./figure-2.ts";
import { chapter5, chapter6, laterChapters } from "./later-chapters.ts";
import type { Rule } from "./rule.ts";

/** Title of the part → its rules. */
export const ruleParts: ReadonlyMap<string, readonly Rule[]> = new Map([
  ["Figures 2 and 3", figure2],
  ["Elections, replication, durability, transfer (chapter 3)", chapter3],
  ["Membership (chapter 4)", chapter4],
  ["Snapshots (chapter 5)", chapter5],
  ["Clients and reads (chapter 6)", chapter6],
  ["Trial elections and parallel writes (§9.6, §10.2.1)", laterChapters],
]);

/** Rules and corner cases in one list. */
export const allRules: readonly Rule[] = [...[...ruleParts.values()].flat(), ...cornerCases];
