import type { CodeEntry } from "../code-entry.ts";

export const monitorCodes = {
  "PST-MON-001": {
    what: "The service has not finished starting.",
    next: "Wait; the log names what it recovers. Mail is taken once it says `started`.",
  },
  "PST-MON-002": {
    what: "The service is draining: it takes no more mail and stops soon.",
    next: "Nothing if you stopped it; otherwise look for who sent SIGTERM.",
  },
  "PST-MON-003": {
    what: "The writer of the database does not answer, or refuses to write.",
    next: "Look for `store_unhealthy` in the log and check the volume of data_dir; after a disk error the service ends and recovers at the next start.",
  },
  "PST-MON-004": {
    what: "The store of message bodies is out of use after a disk error.",
    next: "Look for `spool_unhealthy` in the log and check the volume of data_dir, then restart.",
  },
  "PST-MON-006": {
    what: "The listener's certificate is not valid at this time.",
    next: "Put a valid certificate in place of listen.tls.certificate and reload; check the clock of this machine.",
  },
  "PST-MON-007": {
    what: "The keys at rest do not work.",
    next: "Check keys.spool and keys.addresses, then restart; without them nothing stored can be read.",
  },
  "PST-MON-020": {
    what: "The queue stands still: mail is due and nothing is delivered, put off or held.",
    next: "Look at `postern queue list` and the errors in the log; if the service hangs, restart it: nothing is lost.",
  },
  "PST-MON-021": {
    what: "Held mail fails soon unless a person decides about it.",
    next: "Decide with `postern queue list --state held`, then `postern queue release` or `postern queue drop`.",
  },
  "PST-MON-022": {
    what: "A certificate in use ends soon or has ended.",
    next: "Renew it, put it in its place and reload (`systemctl reload postern`); the alert names which.",
  },
  "PST-MON-023": {
    what: "The volume of data_dir will be full within hours if it goes on filling as it does.",
    next: "Look at what grows (`du` on data_dir, `postern queue list`) and free or add space before mail is refused.",
  },
  "PST-MON-024": {
    what: "Somebody sends far more than they used to.",
    next: "Look at the messages with `postern trace`; if an account or system was taken over, stop it at its source.",
  },
  "PST-MON-025": {
    what: "Too many authentications failed in ten minutes.",
    next: "Look for PST-ACC-010 in the log: the peer with a wrong password, or somebody who guesses; block who guesses.",
  },
  "PST-MON-026": {
    what: "The writer of the database takes very long to answer.",
    next: "Look at the load of the disk that holds data_dir, and at what else uses it.",
  },
  "PST-MON-027": {
    what: "A mail server offers less protection than its domain proved before.",
    next: "`postern tls report` shows which domain and since when; protected mail to it waits meanwhile. Ask its operator by another way than mail to that domain: an attack looks just like an accident.",
  },
  "PST-MON-030": {
    what: "An alert could not be handed to the web hook and was given up.",
    next: "Check alerts.webhook and what answers there; the alert itself stands in the log and in the audit.",
  },
  "PST-MON-031": {
    what: "An alert could not be sent by mail.",
    next: "Look at the error logged with it; the alert itself stands in the log and, where it can be written, in the audit.",
  },
  "PST-MON-032": {
    what: "A chore beside the mail failed: watching, signing the audit, forgetting what ended, or changing keys.",
    next: "Look for `duty_failed` in the log: it names the chore and why. It comes again by itself.",
  },
  "PST-MON-033": {
    what: "The service ended without stopping before this start: it was killed, crashed, or the machine lost power.",
    next: "Look at the end of its log before, `journalctl -k` and the disk; nothing acknowledged is lost, and what an alert said of mail shortly before is told again.",
  },
} as const satisfies Record<`PST-MON-${string}`, CodeEntry>;
