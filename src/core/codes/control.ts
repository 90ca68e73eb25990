import type { CodeEntry } from "../code-entry.ts";

export const controlCodes = {
  "PST-CTL-001": {
    what: "The running service could not be reached over its control socket.",
    next: "Start it with `postern serve`, or give the --config it runs with. Reading commands work without it.",
  },
  "PST-CTL-002": {
    what: "The control API does not know this method.",
    next: "The command line and the service are of different versions; restart the service after an upgrade.",
  },
  "PST-CTL-003": {
    what: "A control request is malformed: a field is missing, has another type or is too long.",
    next: "Run the command with --help and give ids as `postern queue list` prints them.",
  },
  "PST-CTL-004": {
    what: "A control request is larger than the limit.",
    next: "Name fewer ids in one command.",
  },
  "PST-CTL-005": {
    what: "The service did not answer a control request in time.",
    next: "The act may still happen: look with `postern queue list`, then at the service's log.",
  },
  "PST-CTL-006": {
    what: "The service failed while it worked on a control request.",
    next: "Look at the service's log for the cause; nothing that was not reported as done was done.",
  },
  "PST-CTL-007": {
    what: "Another process answers on the control socket.",
    next: "Stop the other service, or give this one its own control.socket and data_dir.",
  },
  "PST-CTL-008": {
    what: "The control socket cannot be created safely: its folder is missing or open to other users, its path is too long, or another file lies there.",
    next: "Create the folder for the service's user alone (mode 0750 or less), move away what is not a socket, or set `control.socket`.",
  },
  "PST-CTL-009": {
    what: "This user may not use the control socket.",
    next: "Run the command as root or as the service's user, or become a member of the group named by `control.group`.",
  },
  "PST-CTL-010": {
    what: "The service answered with something that is not the control API.",
    next: "Check control.socket: it must belong to Postern of the same version.",
  },
  "PST-CTL-011": {
    what: "The role of this user does not allow the act; the attempt was recorded.",
    next: "Ask somebody who has the role, or give it to the user or a group of theirs under `roles` and reload.",
  },
  "PST-CTL-012": {
    what: "Who makes the request could not be proved.",
    next: "Run the command again on the machine itself, outside of containers; `postern` of the same version proves it.",
  },
  "PST-CTL-013": {
    what: "Four eyes: nobody approves or rejects a request of their own; the attempt was recorded.",
    next: "Ask another person with the role approver.",
  },
  "PST-CTL-014": {
    what: "Nothing of this message waits for a review.",
    next: "List what does with `postern quarantine list`.",
  },
  "PST-CTL-015": {
    what: "There is no such open request: it was decided, has expired, or never was.",
    next: "List what is open with `postern quarantine list`, and what happened with `postern trace ID`.",
  },
  "PST-CTL-016": {
    what: "Too many suspensions are in force.",
    next: "Resume what is not needed any more: `postern queue suspensions`.",
  },
  "PST-CTL-017": {
    what: "There is no such suspension: it has ended, was lifted, or never was.",
    next: "`postern queue suspensions` lists those in force; name the same address or domain.",
  },
} as const satisfies Record<`PST-CTL-${string}`, CodeEntry>;
