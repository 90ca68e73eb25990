/**
 * Every way a step can fail, as a table. All of these run against the floor `standard`: a server without TLS that proves its name
 * never hears of the message, on no attempt.
 */
import type { Misbehaviour } from "../../src/cli/loopback/dns-server.ts";
import type { MxBehaviour, MxFault, MxPhase } from "../../src/cli/loopback/mx-behaviour.ts";
import type { ReasonCode } from "../../src/core/reason-codes.ts";
import { GOOD, good, HELD, host, LIFETIME_OVER, mxOf, NOBODY_DECIDED, PLAIN, replies } from "./never-clear-side.ts";
import type { HostileCase, Peer } from "./never-clear-side.ts";

type Row = readonly [name: string, peer: Peer, why: ReasonCode];

/** Servers that answer, and surely cannot meet the floor: held at once. */
const UNMET: readonly Row[] = [
  ["a server without TLS", PLAIN, "PST-DLV-007"],
  ["STARTTLS stripped from the answer to EHLO", good({ starttls: "strip" }), "PST-DLV-007"],
  [
    "STARTTLS only in the banner",
    { certificate: "none", behaviour: { banner: "220 mx STARTTLS ready" } },
    "PST-DLV-007",
  ],
  [
    "STARTTLS inside another EHLO keyword",
    { certificate: "none", behaviour: { extensions: ["XSTARTTLS", "SIZE"] } },
    "PST-DLV-007",
  ],
  [
    "EHLO answered in the clear with the name STARTTLS",
    { certificate: "none", behaviour: ehlo("250-STARTTLS.test\r\n250 SIZE") },
    "PST-DLV-007",
  ],
  ["STARTTLS offered and answered 502", good({ faults: { starttls: replies("502 5.5.1 no") } }), "PST-DLV-007"],
  ["STARTTLS offered and answered 500", good({ faults: { starttls: replies("500 what") } }), "PST-DLV-007"],
  ["EHLO refused, HELO taken", good({ faults: { ehlo: replies("502 5.5.1 no EHLO") } }), "PST-DLV-007"],
  [
    "garbage in place of the handshake",
    good({ faults: { handshake: replies("250 in the clear after all") } }),
    "PST-DLV-008",
  ],
  ["TLS 1.1 only", { certificate: "valid", tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } }, "PST-DLV-008"],
  ["suites without forward secrecy only", weak("AES256-GCM-SHA384:AES128-GCM-SHA256"), "PST-DLV-008"],
  ["CBC suites only", weak("ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA"), "PST-DLV-008"],
  ["a certificate nobody signed", { certificate: "self-signed" }, "PST-DLV-009"],
  ["a certificate that expired", { certificate: "expired" }, "PST-DLV-009"],
  ["a certificate of another name", { certificate: "wrong-name" }, "PST-DLV-009"],
  ["a certificate of a CA nobody trusts", { certificate: "stranger" }, "PST-DLV-009"],
];

function ehlo(text: string): MxBehaviour {
  return { faults: { ehlo: replies(text) } };
}

function weak(ciphers: string): Peer {
  return { certificate: "valid", tls: { maxVersion: "TLSv1.2", ciphers } };
}

/** Trouble that says nothing about the floor: tried again until the lifetime is over. */
const TROUBLE: readonly Row[] = [
  ["STARTTLS answered 454", good({ faults: { starttls: replies("454 4.7.0 not now") } }), "PST-DLV-011"],
  ["STARTTLS answered 554 by policy", good({ faults: { starttls: replies("554 5.7.0 no") } }), "PST-DLV-006"],
  [
    "a reply in the clear behind the 220 to STARTTLS",
    good({ injectAfterStarttls: "250 mx.test\r\n250 ok" }),
    "PST-DLV-010",
  ],
  [
    "a whole forged dialog behind the 220 to STARTTLS",
    good({ injectAfterStarttls: "250 a\r\n250 b\r\n250 c\r\n354 go" }),
    "PST-DLV-010",
  ],
  ["the greeting says 554", good({ faults: { connect: replies("554 5.7.1 go away") } }), "PST-DLV-006"],
  ["the second EHLO refused", good({ faults: { ehlo2: replies("500 no") } }), "PST-DLV-005"],
  ["MAIL answered 530", good({ faults: { mail: replies("530 5.7.0 STARTTLS first") } }), "PST-DLV-024"],
];

const PHASES: readonly MxPhase[] = ["connect", "ehlo", "starttls", "handshake", "ehlo2", "mail", "rcpt", "data"];
const SILENT: MxFault = { kind: "silent" };
const DROP: MxFault = { kind: "drop-before" };

const DROPS: readonly HostileCase[] = PHASES.map((phase) => ({
  name: `the connection drops at ${phase}`,
  peers: [good({ faults: { [phase]: DROP } })],
  first: "deferred PST-DLV-002",
  why: "PST-DLV-002",
  last: LIFETIME_OVER,
}));

/** Silent, and listening to whatever may come. */
const STALLS: readonly HostileCase[] = PHASES.map((phase) => {
  // Within a pipelined group the answer to the next command stands where this one is missing: seen at once.
  const why = phase === "mail" || phase === "rcpt" ? "PST-DLV-004" : "PST-DLV-003";
  return {
    name: `the server falls silent at ${phase}`,
    peers: [good({ faults: { [phase]: SILENT } })],
    first: `deferred ${why}`,
    why,
    last: LIFETIME_OVER,
  };
});

/** The domain has an A record of a server in the clear: whoever takes a failed MX answer for none goes there. */
const DNS_FAILURES: readonly HostileCase[] = (
  [
    ["servfail", "PST-DSC-001"],
    ["refused", "PST-DSC-001"],
    ["bogus", "PST-DSC-002"],
    ["drop", "PST-DSC-001"],
    ["garbage", "PST-DSC-001"],
    ["wrong-id", "PST-DSC-001"],
    ["wrong-question", "PST-DSC-001"],
  ] as const satisfies readonly (readonly [Misbehaviour, ReasonCode])[]
).map(([behaviour, code]) => ({
  name: `the MX look-up ends in ${behaviour} and the domain's own address is a server in the clear`,
  peers: [PLAIN],
  zone: (side) => ({ [side.domain]: { A: [host(side, 1).address], behaviour: { MX: behaviour } } }),
  first: `deferred ${code}`,
  why: code,
  last: LIFETIME_OVER,
}));

const HOST_FAILURES: readonly HostileCase[] = (["servfail", "bogus", "garbage"] as const).map((behaviour) => ({
  name: `the MX host's address ends in ${behaviour} and the domain's own address is a server in the clear`,
  peers: [PLAIN],
  zone: (side) => ({
    [side.domain]: { MX: [[10, `mail.${side.domain}`]], A: [host(side, 1).address] },
    [`mail.${side.domain}`]: { behaviour },
  }),
  first: "deferred PST-DLV-032",
  why: "PST-DLV-032",
  last: LIFETIME_OVER,
}));

const SEVERAL_HOSTS: readonly HostileCase[] = [
  {
    name: "the good host is down and the backup speaks no TLS",
    peers: [good({ faults: { connect: DROP } }), PLAIN],
    first: "deferred PST-DLV-002",
    why: "PST-DLV-007",
    last: NOBODY_DECIDED,
  },
  {
    name: "the good host is down and the backup has a certificate of another name",
    peers: [good({ faults: { ehlo: DROP } }), { certificate: "wrong-name" }],
    first: "deferred PST-DLV-002",
    why: "PST-DLV-009",
    last: NOBODY_DECIDED,
  },
  {
    name: "the good host's address cannot be looked up and the backup speaks no TLS",
    peers: [PLAIN],
    zone: (side) => ({
      [side.domain]: mxOf([`gone.${side.domain}`, host(side, 1).name]),
      [`gone.${side.domain}`]: { behaviour: "servfail" },
    }),
    first: "deferred PST-DLV-032",
    why: "PST-DLV-007",
    last: NOBODY_DECIDED,
  },
  {
    name: "a host in the clear stands before one with a certificate nobody signed",
    peers: [PLAIN, { certificate: "self-signed" }],
    first: HELD,
    why: "PST-DLV-007",
    last: NOBODY_DECIDED,
  },
  {
    name: "a name that does not exist is the only MX and the domain's own address is a server in the clear",
    peers: [PLAIN],
    zone: (side) => ({ [side.domain]: { MX: [[10, "nowhere.invalid"]], A: [host(side, 1).address] } }),
    first: "failed PST-DSC-004",
    why: "PST-DSC-004",
    last: "failed PST-DSC-004",
  },
];

/** Hangs up after the refusal, so that the retry needs a connection of its own. */
const GREY: Peer = good({ greylist: true, faults: { rset: DROP } });

const CHANGES: readonly HostileCase[] = [
  {
    name: "verified and greylisting at first, in the clear at the retry",
    peers: [GREY],
    afterFirst: (side, world) => world.server(host(side, 1).name).setBehaviour({ starttls: "strip" }),
    first: "deferred PST-DLV-018",
    why: "PST-DLV-007",
    last: NOBODY_DECIDED,
  },
  {
    name: "verified at first, injecting at the retry",
    peers: [GREY],
    afterFirst: (side, world) => world.server(host(side, 1).name).setBehaviour({ injectAfterStarttls: "250 ok" }),
    first: "deferred PST-DLV-018",
    why: "PST-DLV-010",
    last: LIFETIME_OVER,
  },
  {
    name: "the MX moves to a server in the clear between attempts",
    peers: [GREY, PLAIN],
    zone: (side) => ({ [side.domain]: mxOf([host(side, 1).name]) }),
    afterFirst: (side, world) => world.internet.dns.setRecord(side.domain, mxOf([host(side, 2).name])),
    first: "deferred PST-DLV-018",
    why: "PST-DLV-007",
    last: NOBODY_DECIDED,
  },
  {
    name: "the MX host's address moves to a server of another name between attempts",
    peers: [GREY, GOOD],
    zone: (side) => ({ [side.domain]: mxOf([host(side, 1).name]) }),
    afterFirst: (side, world) => world.internet.dns.setRecord(host(side, 1).name, { A: [host(side, 2).address] }),
    first: "deferred PST-DLV-018",
    why: "PST-DLV-009",
    last: NOBODY_DECIDED,
  },
  {
    name: "the MX record vanishes between attempts and the domain's own address is a server in the clear",
    peers: [GREY, PLAIN],
    zone: (side) => ({ [side.domain]: mxOf([host(side, 1).name]) }),
    afterFirst: (side, world) => world.internet.dns.setRecord(side.domain, { A: [host(side, 2).address] }),
    first: "deferred PST-DLV-018",
    why: "PST-DLV-007",
    last: NOBODY_DECIDED,
  },
];

/** The last reply was lost: the same bytes by the same method, or not at all. */
const AMBIGUOUS: readonly HostileCase[] = [
  {
    name: "the connection drops with the first bytes of a body that is sent whole",
    peers: [good({ faults: { body: DROP } })],
    first: "deferred PST-DLV-025",
    why: "PST-DLV-025",
    last: LIFETIME_OVER,
  },
  {
    name: "verified and lost after the final dot, in the clear at the retry",
    peers: [good({ faults: { dot: DROP } })],
    afterFirst: (side, world) => world.server(host(side, 1).name).setBehaviour({ starttls: "strip" }),
    first: "deferred PST-DLV-025",
    why: "PST-DLV-007",
    last: LIFETIME_OVER,
  },
];

export const HOSTILE_CASES: readonly HostileCase[] = [
  ...UNMET.map(([name, peer, why]) => ({ name, peers: [peer], first: HELD, why, last: NOBODY_DECIDED })),
  ...TROUBLE.map(([name, peer, why]) => ({ name, peers: [peer], first: `deferred ${why}`, why, last: LIFETIME_OVER })),
  ...DROPS,
  ...DNS_FAILURES,
  ...HOST_FAILURES,
  ...SEVERAL_HOSTS,
  ...CHANGES,
  ...AMBIGUOUS,
];

/** Apart from the others: each attempt takes as long as the gateway's patience. */
export const SILENT_CASES: readonly HostileCase[] = [
  ...STALLS,
  {
    name: "verified and silent after the final dot",
    peers: [good({ faults: { dot: SILENT } })],
    first: "deferred PST-DLV-025",
    why: "PST-DLV-025",
    last: LIFETIME_OVER,
  },
];
