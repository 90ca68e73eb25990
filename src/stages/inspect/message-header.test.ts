import { expect, test } from "vitest";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import { asksOf, namedValues, wantedOf } from "./message-header.ts";

const wanted = wantedOf(DEFAULT_INSPECT_OPTIONS, { senders: false });

test.each([
  [["TLS-Required", "No"], true],
  [["tls-required", "  no "], true],
  [["TLS-Required", "Yes"], false],
  [["TLS-Required", ""], false],
  [["Subject", "No"], false],
] as const)("whether %j says that its sender needs no TLS: %j", ([name, value], isWaived) => {
  expect(asksOf(namedValues([{ name, value, start: 0, end: 0 }]), wanted).tlsRequiredNo).toBe(isWaived);
});
