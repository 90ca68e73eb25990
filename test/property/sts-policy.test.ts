/**
 * Policy hosts of MTA-STS that answer with anything, in any pieces, over real TLS: the fetch comes to an end in time, and gives a policy only where the
 * octets hold it. Names and policies never match more than one label.
 */
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { createServer } from "node:tls";
import type { Server } from "node:tls";
import type { AddressInfo } from "node:net";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { createFetchPolicy, FETCH_DEFAULTS } from "../../src/parts/sts/fetch-policy.ts";
import type { FetchPolicy, StsFetch } from "../../src/parts/sts/fetch-policy.ts";
import { matchesMx } from "../../src/parts/sts/mx-match.ts";
import { damage, damaged, fuzz, FUZZ_TIMEOUT_MS, pieces } from "../support/fuzz.ts";

const DOMAIN = "policy.test";
const DAY_MS = 86_400_000;
/** Of a fetch whose answer never ends; others end sooner. */
const DEADLINE_MS = 300;
const PATIENCE_MS = 10_000;

type Answer = { readonly said: readonly Buffer[]; readonly ending: "end" | "cut" | "wait" };

let server: Server;
let answer: Answer = { said: [], ending: "end" };
let fetchPolicy: FetchPolicy;
const sockets = new Set<Socket>();

beforeAll(async () => {
  const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
  const issuer = await issueAuthority({ ...validity, commonName: "Policy CA" });
  const names = { commonName: DOMAIN, dnsNames: [`mta-sts.${DOMAIN}`] };
  const { keyPem, certPem } = await issueServerCertificate({ ...validity, ...names, issuer });
  server = createServer({ key: keyPem, cert: certPem }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => void pour(socket, answer));
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const options = { ...FETCH_DEFAULTS, port, ca: [issuer.certPem], mayDial: () => true };
  const addresses = { kind: "found", value: ["127.0.0.1"], security: "insecure" } as const;
  fetchPolicy = createFetchPolicy(options, { addresses: () => Promise.resolve(addresses) });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

/** `cut`: the connection ends beneath TLS, as anybody on the way can end it. */
async function pour(socket: Socket, { said, ending }: Answer): Promise<void> {
  for (const piece of said) {
    if (!socket.writable) return;
    socket.write(piece);
    await turn();
  }
  if (ending === "end") socket.end();
  if (ending === "cut") for (const raw of sockets) raw.end();
}

async function fetchOf(next: Answer, deadlineMs = DEADLINE_MS): Promise<StsFetch> {
  answer = next;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the fetch hangs")), PATIENCE_MS);
  try {
    return await Promise.race([fetchPolicy(DOMAIN, deadlineMs, new AbortController().signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

const LINES = ["version: STSv1", "mode: enforce", "mx: mx1.policy.test", "mx: *.mail.test", "max_age: 604800"];
const BODY = Buffer.from(`${LINES.join("\r\n")}\r\n`);
const headed = (body: Buffer, ...fields: readonly string[]): Buffer =>
  Buffer.concat([Buffer.from(["HTTP/1.1 200 OK", "Content-Type: text/plain", ...fields, "", ""].join("\r\n")), body]);
const chunkedBody = Buffer.concat([
  Buffer.from("28\r\n"),
  BODY.subarray(0, 40),
  Buffer.from(`\r\n${(BODY.length - 40).toString(16)}\r\n`),
  BODY.subarray(40),
  Buffer.from("\r\n0\r\n\r\n"),
]);
const HONEST: readonly Buffer[] = [
  headed(BODY, `Content-Length: ${BODY.length}`),
  headed(chunkedBody, "Transfer-Encoding: chunked"),
  headed(BODY),
];

/** What is in the policy and not in the octets, or the other way round where it would weaken; null where all is well. */
function flawIn(fetched: StsFetch, sent: Buffer): string | null {
  if (fetched.kind === "failed") return null;
  const text = sent.toString("latin1");
  const { mode, mx, maxAgeSeconds } = fetched.policy;
  if (!/^HTTP\/\d\.\d 200[ \r\n]/.test(text)) return "a policy from an answer that is not 200";
  if (!/content-type:[ \t]*text\/plain/i.test(text)) return "a policy that is no text/plain";
  // Chunks may cut lines, and their sizes stand between.
  const whole = /transfer-encoding/i.test(text) ? text.replaceAll(/\r\n[0-9a-fA-F]+\r\n/g, "") : text;
  const holds = (field: string): boolean => whole.toLowerCase().includes(field.toLowerCase());
  if (!/version:[ \t]*STSv1/.test(whole) || !new RegExp(`mode:[ \\t]*${mode}`).test(whole)) return "a mode nobody said";
  if (!mx.every((name) => holds(name))) return "a mail server nobody named";
  const ages = [...whole.matchAll(/max_age:[ \t]*(\d+)/g)].map(([, age]) => Math.min(Number(age), 31_557_600));
  if (ages.includes(maxAgeSeconds)) return null;
  // A server that announces less than it sends has said what lies within the announcement, be it half a number.
  const isAnnounced = /content-length/i.test(text);
  const isHalf = [...whole.matchAll(/max_age:[ \t]*(\d+)/g)].some(([, age]) => age?.startsWith(String(maxAgeSeconds)));
  return isAnnounced && isHalf ? null : "an age nobody gave";
}

describe("a fetch", () => {
  test.each(HONEST.map((bytes, index) => [["a length", "chunks", "the end"][index] ?? "", bytes] as const))(
    "of an answer with %s reads it alike, octet by octet",
    async (_what, bytes) => {
      const octets = pieces(
        bytes,
        Array.from({ length: bytes.length }, (_, at) => at),
      );
      const policy = { mode: "enforce", mx: ["mx1.policy.test", "*.mail.test"], maxAgeSeconds: 604_800 };
      for (const said of [[bytes], octets]) {
        expect(await fetchOf({ said, ending: "end" }, PATIENCE_MS)).toEqual({ kind: "policy", policy });
      }
    },
  );

  test("of a media type behind an octet that is no blank gives no policy", async () => {
    const [honest = Buffer.alloc(0)] = HONEST;
    const said = Buffer.from(honest);
    said[said.indexOf("Content-Type: ") + "Content-Type:".length] = 0xa0;
    expect(await fetchOf({ said: [said], ending: "end" }, PATIENCE_MS)).toMatchObject({ kind: "failed" });
  });

  test(
    "of damaged answers, in any pieces and with any end, gives no policy that was not sent",
    async () => {
      const sent = fc.record({
        honest: fc.constantFrom(...HONEST),
        damages: fc.array(damage, { maxLength: 3 }),
        cuts: fc.array(fc.nat(), { maxLength: 6 }),
        ending: fc.constantFrom("end", "end", "cut", "wait"),
      });
      await fc.assert(
        fc.asyncProperty(sent, async ({ honest, damages, cuts, ending }) => {
          const bytes = damaged(honest, damages);
          expect(flawIn(await fetchOf({ said: pieces(bytes, cuts), ending }), bytes)).toBeNull();
        }),
        fuzz(60),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test.each(["end", "cut"] as const)(
    "of an answer cut anywhere (%s) gives no policy that is weaker than it",
    async (ending) => {
      for (const honest of HONEST) {
        const from = honest.indexOf("version:");
        for (let length = from; length < honest.length; length += 3) {
          const fetched = await fetchOf({ said: [honest.subarray(0, length)], ending });
          const ages =
            fetched.kind === "policy" ? [fetched.policy.mode, fetched.policy.maxAgeSeconds] : ["enforce", 604_800];
          expect([length, ...ages]).toEqual([length, "enforce", 604_800]);
        }
      }
    },
    60_000,
  );
});

describe("a pattern", () => {
  const label = fc.constantFrom("a", "b", "mx", "xn--a", "*", "", "test");
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));

  /** Without the one dot that may stand behind a name. */
  const labelsOf = (text: string): readonly string[] => text.replace(/\.$/, "").split(".");

  test("matches the name itself, or with a star any one label before it, and nothing else", () => {
    fc.assert(
      fc.property(name, name, (pattern, host) => {
        const [first, ...rest] = labelsOf(pattern);
        const [head, ...parent] = labelsOf(host);
        const areLabels = (labels: readonly string[]): boolean => labels.every((one) => one !== "*" && one !== "");
        const isHost = head !== undefined && areLabels([head, ...parent]);
        const isStar = first === "*" && rest.length > 0 && rest.join(".") === parent.join(".");
        const isSame = labelsOf(pattern).join(".") === labelsOf(host).join(".");
        expect(matchesMx([pattern], host)).toBe(isHost && areLabels(rest) && (isStar || isSame));
      }),
      fuzz(1_000),
    );
  });
});
