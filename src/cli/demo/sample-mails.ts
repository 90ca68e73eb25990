/**
 * The mails of the demo and what has to become of them. All people, numbers and results are invented. Each mail that must be
 * protected carries a number found nowhere else (`canary`), by which the demo looks for it in what the servers saw.
 */
import type { ProfileName } from "../../core/policy.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { TerminalState } from "../../core/recipient-state.ts";
import type { Rung } from "../../core/rung.ts";
import { OWN_DOMAIN } from "../loopback/gateway-folder.ts";

export type Expectation = {
  readonly address: string;
  readonly state: TerminalState | "held" | "deferred";
  readonly profile: ProfileName;
  /** The rung that was really there; null where no server was asked. */
  readonly rung: Rung | null;
  /** Why it is held, waits or failed. */
  readonly code: ReasonCode | null;
};

/** What inspection has to say, in the demo's words (found-words in demo-row.ts). */
export type Found = "no PHI" | "PHI" | "PHI high" | "[secure]" | "unreadable";

export type SampleMail = {
  readonly sender: string;
  readonly subject: string;
  readonly content: readonly string[];
  readonly found: Found;
  readonly canary: string | null;
  readonly recipients: readonly Expectation[];
};

type Demand = Pick<Expectation, "profile">;

function delivered(address: string, rung: Rung, { profile }: Demand): Expectation {
  return { address, state: "delivered", profile, rung, code: null };
}

/** Held: the best this server showed is not enough. */
function tooWeak(address: string, rung: Rung, { profile }: Demand): Expectation {
  return { address, state: "held", profile, rung, code: "PST-DEC-001" };
}

/** Waits: what its domain publishes is broken there, which binds every mail. */
function inBetween(address: string, { profile }: Demand): Expectation {
  return { address, state: "deferred", profile, rung: "tls-unauthenticated", code: "PST-DLV-039" };
}

function refused(address: string, { profile }: Demand): Expectation {
  return { address, state: "failed", profile, rung: "pkix", code: "PST-DLV-017" };
}

const ANY: Demand = { profile: "opportunistic" };
const PHI: Demand = { profile: "standard" };

export const SAMPLE_MAILS: readonly SampleMail[] = [
  {
    sender: "desk",
    subject: "Parking during the street fair",
    found: "no PHI",
    canary: null,
    content: text(
      "Dear colleagues,",
      "on Saturday our car park is closed because of the street fair. Please use the one",
      "behind the library, and allow ten minutes more.",
    ),
    recipients: [
      delivered("kim@dane.test", "dane", ANY),
      delivered("ona@sts.test", "sts-enforce", ANY),
      delivered("lee@verified.test", "pkix", ANY),
      delivered("ward@greylist.test", "pkix", ANY),
      delivered("wu@selfsigned.test", "tls-unauthenticated", ANY),
      delivered("lab@no-tls.test", "plain", ANY),
      inBetween("ed@intruder.test", ANY),
    ],
  },
  {
    sender: "nurse",
    subject: "Lab results",
    found: "PHI",
    canary: "48210377",
    content: alternative(
      "Patient Jordan Sample, MRN: 48210377, DOB 03/14/1961: hemoglobin A1c 9.1, fasting glucose 182.",
      "Type 2 diabetes is not under control; please start metformin and see the patient in two weeks.",
    ),
    recipients: [
      delivered("kim@dane.test", "dane", PHI),
      delivered("ona@sts.test", "sts-enforce", PHI),
      delivered("lee@verified.test", "pkix", PHI),
      delivered("ward@greylist.test", "pkix", PHI),
      tooWeak("wu@selfsigned.test", "tls-unauthenticated", PHI),
      tooWeak("lab@no-tls.test", "plain", PHI),
      inBetween("ed@intruder.test", PHI),
    ],
  },
  {
    sender: "desk",
    subject: "[secure] Door codes",
    found: "[secure]",
    canary: "77120946",
    content: text("The code of the east door is 77120946 from Monday on. Please do not pass it on."),
    recipients: [delivered("lee@verified.test", "pkix", PHI), tooWeak("lab@no-tls.test", "plain", PHI)],
  },
  {
    sender: "billing",
    subject: "Claim for a hospital stay",
    found: "PHI",
    canary: "30558214",
    content: text(
      "Member ID: XQW30558214, DOB 07/02/1954, admitted with congestive heart failure and atrial fibrillation,",
      "treated with furosemide and apixaban. The itemised claim follows by post.",
    ),
    recipients: [
      delivered("claims@picky.test", "pkix", PHI),
      refused("former@picky.test", PHI),
      refused("pay@refusing.test", PHI),
    ],
  },
  {
    sender: "dr.adler",
    subject: "Our conversation",
    found: "PHI high",
    canary: "90417735",
    content: text(
      "MRN: 90417735. The patient is HIV positive and takes dolutegravir; we also spoke about the methadone",
      "programme and the psychotherapy sessions.",
    ),
    recipients: ["lee@verified.test", "ward@greylist.test"].map((address) => ({
      address,
      state: "held",
      profile: "content",
      rung: null,
      code: "PST-DEC-003",
    })),
  },
  {
    sender: "records",
    subject: "The form you asked for",
    found: "unreadable",
    canary: "6604-2718",
    content: withPdf("Please find the scanned form 6604-2718 attached."),
    recipients: [
      delivered("claims@picky.test", "pkix", PHI),
      tooWeak("wu@selfsigned.test", "tls-unauthenticated", PHI),
    ],
  },
  {
    sender: "billing",
    subject: "Invoice 2214 for office chairs",
    found: "no PHI",
    canary: null,
    content: text("Invoice 2214 over 1,180.00 for six chairs is settled. Thank you."),
    recipients: [
      delivered("shop@picky.test", "pkix", ANY),
      refused("shop@refusing.test", ANY),
      { address: "shop@nowhere.test", state: "failed", profile: "opportunistic", rung: null, code: "PST-DEC-004" },
    ],
  },
];

/** The bytes of a sample, as the organisation's own mail server would hand them over. */
export function bytesOf(mail: SampleMail, ordinal: number, now: number): Buffer {
  const date = new Date(now).toUTCString().replace("GMT", "+0000");
  const lines = [
    `From: ${addressOf(mail.sender)}`,
    `To: ${mail.recipients.map(({ address }) => address).join(",\r\n ")}`,
    `Subject: ${mail.subject}`,
    `Date: ${date}`,
    `Message-ID: <demo-${ordinal}-${now}@${OWN_DOMAIN}>`,
    "MIME-Version: 1.0",
    ...mail.content,
    "",
  ];
  return Buffer.from(lines.join("\r\n"), "utf8");
}

export function addressOf(sender: string): string {
  return `${sender}@${OWN_DOMAIN}`;
}

function text(...lines: readonly string[]): readonly string[] {
  return ["Content-Type: text/plain; charset=utf-8", "", ...lines];
}

function alternative(...lines: readonly string[]): readonly string[] {
  const html = `<html><body>${lines.map((line) => `<p>${line}</p>`).join("\r\n")}</body></html>`;
  return [
    'Content-Type: multipart/alternative; boundary="two-ways"',
    "",
    "--two-ways",
    ...text(...lines),
    "--two-ways",
    "Content-Type: text/html; charset=utf-8",
    "",
    html,
    "--two-ways--",
  ];
}

/** A PDF of one empty page: real enough to be one, and nothing this version can read. */
function withPdf(line: string): readonly string[] {
  const pdf = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 0>>endobj\n%%EOF\n";
  return [
    'Content-Type: multipart/mixed; boundary="with-form"',
    "",
    "--with-form",
    ...text(line),
    "--with-form",
    "Content-Type: application/pdf",
    'Content-Disposition: attachment; filename="form.pdf"',
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from(pdf).toString("base64").replace(/.{76}/g, "$&\r\n"),
    "--with-form--",
  ];
}
