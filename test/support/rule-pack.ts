/** A rule pack with one word for each thing a rule can do, so that a mail says by its words what is to become of it. */

const RULES: Readonly<Record<string, string>> = {
  password1: "action: pass",
  tagword: "action: { tag: PHI }, only: [{ recipients: [tagged@a.test] }]",
  wardword: "action: { tag: Ward 7 }",
  protectword: "action: protect",
  strictword: "action: { protect: strict }",
  contentword: "action: content",
  portalword: "action: portal",
  holdword: "action: hold",
  refuseword: "action: refuse, only: [{ recipients: [refused@a.test] }]",
  refuseall: "action: [refuse, hold, protect]",
  notifyword: "action: [{ notify: sender }, { notify: reviewers }]",
  copyword: "action: copy, only: [{ recipients: [a.test, raised.test] }]",
  highword: "action: protect, tier: high",
  shadowword: "status: shadow, action: [refuse, { tag: X }, copy, notify]",
  senderword: "action: hold, only: [{ senders: [intern@clinic.test, .lab.clinic.test], recipients: [a.test] }]",
  spareword: "action: refuse, except: [{ senders: [boss@clinic.test] }, { recipients: [b.test] }]",
};

export const RULE_PACK = [
  "version: 1",
  "pack: acts",
  "detectors:",
  ...Object.keys(RULES).map((word) => `  - { id: d.${word}, type: dictionary, terms: [${word}], plurals: false }`),
  "rules:",
  ...Object.entries(RULES).map(([word, rest]) => `  - { id: r.${word}, when: { any_of: [d.${word}] }, ${rest} }`),
  "",
].join("\n");
