import type { CodeEntry } from "../code-entry.ts";

export const serviceCodes = {
  "PST-SVC-001": {
    what: "The service manager could not be told how the service is.",
    next: "Look whether systemd-notify is installed and NotifyAccess=all is set; without word of life the watchdog restarts the service.",
  },
  "PST-SVC-002": {
    what: "A socket handed over by the service manager cannot be listened on.",
    next: "In the socket unit keep ListenStream= lines with ports only, and no FileDescriptorName= but smtp.",
  },
} as const satisfies Record<`PST-SVC-${string}`, CodeEntry>;
