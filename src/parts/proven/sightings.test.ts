import { expect, test } from "vitest";
import type { AttemptFacts } from "../../core/outcome.ts";
import { sightingsOf } from "./sightings.ts";

const attempt = (change: Partial<AttemptFacts>): AttemptFacts => ({
  host: "mx.example",
  address: "192.0.2.1",
  port: 25,
  phase: "done",
  starttlsOffered: true,
  tls: null,
  rung: "pkix",
  reused: false,
  code: null,
  replyCode: null,
  enhanced: null,
  startedAt: 1,
  durationMs: 1,
  ...change,
});

test.each<readonly [string, Partial<AttemptFacts>, string | null]>([
  ["a delivery", {}, "pkix"],
  ["a kept connection", { reused: true }, null],
  [
    "a handshake after which nothing was sent",
    { phase: "verify", code: "PST-DLV-039", rung: "tls-unauthenticated" },
    "tls-unauthenticated",
  ],
  ["no STARTTLS any more, and nothing sent", { rung: null, phase: "verify", starttlsOffered: false }, "plain"],
  ["no STARTTLS although DNS asks for it", { rung: null, phase: "starttls", code: "PST-DLV-040" }, "plain"],
  ["a handshake that failed", { rung: null, phase: "handshake", code: "PST-DLV-008" }, "plain"],
  ["a connection cut in the handshake", { rung: null, phase: "handshake", code: "PST-DLV-002" }, null],
  ["nobody there", { rung: null, phase: "dial", starttlsOffered: false, code: "PST-DLV-001" }, null],
  ["a broken greeting", { rung: null, phase: "greeting", starttlsOffered: false }, null],
  ["a pin of the operator", { rung: "pinned" }, null],
  [
    "a server that falls short of the operator's rule, perhaps of an old one",
    {
      rung: "tls-unauthenticated",
      phase: "verify",
      code: "PST-DLV-050",
      rule: { of: "a.example", met: false, refused: "key not pinned" },
    },
    null,
  ],
  [
    "no modern TLS, whatever the operator's rule says",
    { rung: "plain", phase: "verify", rule: { of: "a.example", met: false, refused: "older TLS" } },
    "plain",
  ],
])("%s shows of its server: %s", (_, change, rung) => {
  expect(sightingsOf([attempt(change)])).toEqual(rung === null ? [] : [{ host: "mx.example", rung }]);
});
