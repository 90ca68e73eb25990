/** Responses as an honest resolver gives them, one of each kind, to be damaged by tests. */
import type { RecordType } from "../../src/parts/dns/codec.ts";
import { ANSWERED, FLAGS, TYPE, writeMessage } from "./dns-wire.ts";
import type { WireMessage, WireRecord } from "./dns-wire.ts";

export type HonestAnswer = {
  readonly what: string;
  readonly question: { readonly name: string; readonly type: RecordType };
  readonly write: (id: number) => Buffer;
  /** Part of the answer it makes. */
  readonly expected: { readonly kind: string; readonly security?: string };
};

const SOA: WireRecord = {
  name: "example.test",
  type: TYPE.SOA,
  rdata: Buffer.concat([name("ns"), name("hostmaster"), Buffer.alloc(20, 1)]),
};
const DIGEST = Buffer.alloc(32, 0xab);

/** A name without compression below `example.test`. */
function name(label: string): Buffer {
  return Buffer.from(`\u0002${label.slice(0, 2)}\u0007example\u0004test\u0000`, "latin1");
}

type Answered = Omit<WireMessage, "id" | "question"> & { readonly expected: HonestAnswer["expected"] };

function honest(what: string, asked: readonly [name: string, type: RecordType], answered: Answered): HonestAnswer {
  const [qname, type] = asked;
  const { expected, ...rest } = answered;
  return {
    what,
    question: { name: qname, type },
    write: (id) => writeMessage({ ...rest, id, question: { name: qname, type: TYPE[type] } }),
    expected,
  };
}

const mx = (preference: number, host: string): WireRecord => ({
  name: "example.test",
  type: TYPE.MX,
  rdata: { head: Uint8Array.of(0, preference), name: host },
});
const alias = (from: string, to: string): WireRecord => ({ name: from, type: TYPE.CNAME, rdata: { name: to } });
const text = (...strings: readonly string[]): Buffer =>
  Buffer.concat(strings.map((one) => Buffer.concat([Buffer.of(one.length), Buffer.from(one)])));

export const HONEST: readonly HonestAnswer[] = [
  honest("two MX of a signed zone", ["example.test", "MX"], {
    flags: ANSWERED | FLAGS.ad,
    answers: [mx(10, "mx1.example.test"), mx(20, "mx2.other.test")],
    ede: 0,
    expected: { kind: "found", security: "secure" },
  }),
  honest("a null MX", ["example.test", "MX"], {
    flags: ANSWERED,
    answers: [mx(0, "")],
    expected: { kind: "found", security: "insecure" },
  }),
  honest("addresses behind two aliases", ["mx.example.test", "A"], {
    flags: ANSWERED,
    answers: [
      alias("mx.example.test", "m.host.test"),
      alias("m.host.test", "n.host.test"),
      { name: "n.host.test", type: TYPE.A, rdata: Uint8Array.of(127, 0, 0, 1) },
      { name: "n.host.test", type: TYPE.A, rdata: Uint8Array.of(127, 0, 0, 2) },
    ],
    ede: 0,
    expected: { kind: "found" },
  }),
  honest("an IPv6 address", ["mx.example.test", "AAAA"], {
    flags: ANSWERED,
    answers: [{ name: "mx.example.test", type: TYPE.AAAA, rdata: Buffer.alloc(16, 1) }],
    expected: { kind: "found" },
  }),
  honest("TLSA records", ["_25._tcp.mx.example.test", "TLSA"], {
    flags: ANSWERED | FLAGS.ad,
    answers: [3, 2].map((usage) => ({
      name: "_25._tcp.mx.example.test",
      type: TYPE.TLSA,
      rdata: Buffer.concat([Buffer.of(usage, 1, 1), DIGEST]),
    })),
    expected: { kind: "found", security: "secure" },
  }),
  honest("a TXT of two strings", ["_mta-sts.example.test", "TXT"], {
    flags: ANSWERED,
    answers: [{ name: "_mta-sts.example.test", type: TYPE.TXT, rdata: text("v=STSv1; ", "id=1;") }],
    expected: { kind: "found" },
  }),
  honest("a name that does not exist", ["example.test", "MX"], {
    flags: ANSWERED | FLAGS.ad | 3,
    answers: [],
    authority: [SOA],
    ede: 0,
    expected: { kind: "absent", security: "secure" },
  }),
  honest("an alias to a name that does not exist", ["example.test", "MX"], {
    flags: ANSWERED | 3,
    answers: [alias("example.test", "gone.test")],
    authority: [SOA],
    expected: { kind: "absent" },
  }),
  honest("a name without such records", ["_25._tcp.mx.example.test", "TLSA"], {
    flags: ANSWERED | FLAGS.ad,
    answers: [],
    authority: [SOA],
    expected: { kind: "absent", security: "secure" },
  }),
  honest("a failed validation", ["example.test", "MX"], {
    flags: ANSWERED | 2,
    answers: [],
    ede: 6,
    expected: { kind: "bogus" },
  }),
  honest("the SOA of a signed zone", ["example.test", "SOA"], {
    flags: ANSWERED | FLAGS.ad,
    answers: [SOA],
    expected: { kind: "found", security: "secure" },
  }),
  honest("a failure", ["example.test", "MX"], { flags: ANSWERED | 2, answers: [], expected: { kind: "unavailable" } }),
  honest("a refusal", ["example.test", "MX"], { flags: ANSWERED | 5, answers: [], expected: { kind: "unavailable" } }),
];
