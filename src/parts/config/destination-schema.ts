/** The shape of a row of `policy.destinations`, and of what may be asked of a connection. */
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

const destinationName = z
  .string()
  .regex(
    /^\.?[a-z0-9-]+(?:\.[a-z0-9-]+)*$/,
    "not a destination: write example.org, or .example.org for everything below it",
  );

/** An exception: why, and until when. */
const exception = { reason: z.string().min(10).max(500), expires: z.iso.date("not a date: write it as 2027-01-31") };

const shown = {
  ca_file: z.string().min(1).max(4096).optional(),
  spki_pins: z
    .array(
      z.string().regex(SPKI_PIN, `not a pin: the SHA-256 of a public key in base64, as this makes it: ${PIN_HINT}`),
    )
    .min(1)
    .max(100)
    .optional(),
  min_version: z.enum(TLS_VERSIONS).optional(),
  require_dane: z.boolean().optional(),
};

const EMPTY = { error: "asks for nothing; give mx_names, ca_file, spki_pins, min_version or require_dane" };
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
    raise_to: z.enum(PROFILES).optional(),
    lower_to: z.strictObject({ profile: z.enum(PROFILES), ...exception }).optional(),
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
