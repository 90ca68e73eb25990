/** The shape of a row of `policy.destinations`, and of what may be asked of a connection. */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { z } from "zod";
import { FALLBACKS, PROFILES, REQUIRETLS_WISHES } from "../../core/policy.ts";
import { TLS_VERSIONS } from "../../core/tls-rule.ts";

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const MX_NAME = new RegExp(`^(?=.{1,253}$)(?:\\*\\.)?${LABEL}(?:\\.${LABEL})+$`);
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})+$`);
/** 32 octets in base64. */
const SPKI_PIN = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const PIN_HINT =
  "openssl x509 -in FILE -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";

const DESTINATION = /^\.?[a-z0-9-]+(?:\.[a-z0-9-]+)*$/;

const destinationName = z.string().regex(DESTINATION, {
  error: ({ input }) =>
    `not a destination: write ${destinationMeant(String(input)) ?? "example.org, or .example.org for everything below it"}`,
});

/** What somebody who wrote `*.example.org`, `Example.org` or a name in its own letters had in mind; null where that is not plain. */
function destinationMeant(text: string): string | null {
  const [, below = "", name = ""] = /^(\*?\.)?(.+)$/.exec(text) ?? [];
  const ascii = domainToASCII(name);
  if (ascii === "" || isIP(ascii) !== 0) return null;
  const meant = `${below === "" ? "" : "."}${ascii}`;
  return DESTINATION.test(meant) ? meant : null;
}

/** An exception: why, and until when. */
const exception = { reason: z.string().min(10).max(500), expires: z.iso.date("not a date: write it as 2027-01-31") };

/** Tools show the same digest in other ways: in hex, or with its name before it. */
function pinHint(text: string): string {
  const hex = text.replaceAll(":", "");
  const meant = /^[0-9a-f]{64}$/i.test(hex)
    ? Buffer.from(hex, "hex").toString("base64")
    : text.replace(/^sha256\/+/, "");
  return SPKI_PIN.test(meant)
    ? `where this is the SHA-256 of a public key, not of a certificate, write "${meant}"`
    : `it is the SHA-256 of a public key in base64: \`postern tls probe DOMAIN\` shows it, or ${PIN_HINT}`;
}

const shown = {
  ca_file: z.string().min(1).max(4096).optional(),
  spki_pins: z
    .array(z.string().regex(SPKI_PIN, { error: ({ input }) => `not a pin: ${pinHint(String(input))}` }))
    .min(1)
    .max(100)
    .optional(),
  min_version: z.enum(TLS_VERSIONS).optional(),
  require_dane: z.boolean().optional(),
};

const EMPTY = { error: "asks for nothing; give spki_pins, ca_file or another key of `tls`" };
const isSomething = (asked: object): boolean => Object.keys(asked).length > 0;

export const destinationTls = z
  .strictObject({
    mx_names: z
      .array(
        z.string().regex(MX_NAME, "not a mail server: write mx1.example.org, or *.example.org for one label before it"),
      )
      .min(1)
      .max(100)
      .optional(),
    ...shown,
    ignore_mta_sts: z.strictObject(exception).optional(),
  })
  .refine(isSomething, EMPTY);

export const smarthostTls = z
  .strictObject({
    certificate_name: z.string().regex(HOST_NAME, "not a host name: lower case, ASCII, at least one dot").optional(),
    ...shown,
  })
  .refine(isSomething, EMPTY);

export const destination = z
  .strictObject({
    match: destinationName,
    raise_to: z.enum(PROFILES).exclude(["portal"]).optional(),
    lower_to: z.strictObject({ profile: z.enum(PROFILES).exclude(["portal"]), ...exception }).optional(),
    require_content_protection: z.boolean().optional(),
    fallback: z.enum(FALLBACKS).optional(),
    requiretls: z.enum(REQUIRETLS_WISHES).optional(),
    tls: destinationTls.optional(),
  })
  .refine((rule) => rule.raise_to === undefined || rule.lower_to === undefined, {
    error: "give raise_to or lower_to, not both",
  })
  .refine((rule) => rule.lower_to === undefined || rule.require_content_protection !== true, {
    error: "give lower_to or require_content_protection, not both",
  })
  .refine((rule) => Object.keys(rule).length > 1, {
    error: "says nothing about the destination; give raise_to, tls or another key",
  });
