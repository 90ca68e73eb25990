import { expect, test } from "vitest";
import { namedValues, waivesTls } from "./message-header.ts";

test.each([
  [["TLS-Required", "No"], true],
  [["tls-required", "  no "], true],
  [["TLS-Required", "Yes"], false],
  [["TLS-Required", ""], false],
  [["Subject", "No"], false],
] as const)("whether %j says that its sender needs no TLS: %j", ([name, value], isWaived) => {
  expect(waivesTls(namedValues([{ name, value, start: 0, end: 0 }]))).toBe(isWaived);
});
