/** The section alerts: where the web hook is, and what signs its notices. */
import { readCaFile, readSecret } from "./config-files.ts";
import type { Files } from "./config-files.ts";
import type { ConfigText } from "./config-schema.ts";
import type { Secret } from "./secret.ts";

/** `ca`: PEM of authorities trusted beside the public ones. */
export type WebhookConfig = { readonly url: string; readonly secret: Secret; readonly ca: string | null };

export function readWebhook(text: ConfigText["alerts"]["webhook"], files: Files): WebhookConfig | null {
  if (text === undefined) return null;
  const place = ["alerts", "webhook"];
  const secret = readSecret(text.secret, [...place, "secret"], files);
  return { url: text.url, secret, ca: readCaFile(text.ca_file, [...place, "ca_file"], files) };
}
