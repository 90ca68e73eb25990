/** Turns a detector of type `sender` into what the engine runs. Promises: what could never fit is an error with its place. */
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import { NULL_SENDER } from "../../core/address-pattern.ts";
import { NO_ADDRESS_PATTERN, readAddressPattern } from "../../parts/smtp/address-pattern.ts";
import type { DetectorEntryOf, Report } from "./compile-detectors.ts";
import type { DetectionMethod } from "./compiled-pack.ts";
import { readListId, spacedWords } from "./message-sender.ts";

export function compileSender(entry: DetectorEntryOf<"sender">, path: YamlPath, report: Report): DetectionMethod {
  const { addresses = [], list_ids: listIds = [], words = [] } = entry;
  if (addresses.length + listIds.length + words.length === 0) report(path, "needs addresses, list_ids or words");
  entry.confidence?.forEach(({ near }, index) => {
    if (near === undefined) return;
    report([...path, "confidence", index, "near"], "no words stand near a sender; let a rule ask for them");
  });
  const read = (key: string, texts: readonly string[], readOne: (text: string) => string | null): readonly string[] =>
    texts.map((text, position) => {
      const pattern = readOne(text);
      if (pattern === null) report([...path, key, position], FAULTS[key] ?? "");
      return pattern ?? text;
    });
  return {
    kind: "sender",
    addresses: read("addresses", addresses, addressOf),
    listIds: read("list_ids", listIds, readListId),
    words: read("words", words, wordOf),
  };
}

const FAULTS: Readonly<Record<string, string>> = {
  addresses: NO_ADDRESS_PATTERN,
  list_ids: "is no List-Id; write news.clinic.example, or .clinic.example (all below it), without brackets",
  words: "holds no letter or digit, so it never matches",
};

/** Nobody writes from the null sender in a header. */
function addressOf(text: string): string | null {
  return text === NULL_SENDER ? null : readAddressPattern(text);
}

function wordOf(text: string): string | null {
  const word = spacedWords(text);
  return word.trim() === "" ? null : word;
}
