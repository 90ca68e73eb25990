/**
 * What the operator fixed about the mail servers of a destination, or about a smarthost. It binds every mail that goes there, whatever
 * its floor. Learned from the configuration by discover, enforced by deliver on each connection.
 */

export const TLS_VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

export type TlsRule = {
  /** Where it stands, for the audit: `partner.example`, or `smarthost relay.example.net`. */
  readonly of: string;
  /** The only hosts that are dialled, each a name, or `*.` and a name for one label before it; null: those DNS names. */
  readonly mxNames: readonly string[] | null;
  /** The operator chose the host; DNS has no say in it. */
  readonly isHostGiven: boolean;
  /** For which the certificate must be valid in place of the host's own name. */
  readonly certificateName: string | null;
  /** PEM of the only authorities that count; null: those of every other destination. */
  readonly ca: string | null;
  /** SHA-256 of SubjectPublicKeyInfo, in base64; empty: any key. */
  readonly spkiPins: readonly string[];
  /** null: as anywhere else. */
  readonly minVersion: TlsVersion | null;
  readonly requireDane: boolean;
};
