/**
 * Audit rows as OCSF 1.7 events, one JSON object a line: Email Activity (4009) for what concerns a message, Application Lifecycle (6002)
 * for the service itself. Promises no address and no content: where the schema asks for addresses stand ids under `.invalid`
 * (RFC 2606). The mapping is documented in docs/audit.md.
 */
import type { AuditRow, EventKind } from "../../core/event.ts";

const OCSF_VERSION = "1.7.0";
const EMAIL = { class: 4009, className: "Email Activity", category: 4, categoryName: "Network Activity" } as const;
const SERVICE = {
  class: 6002,
  className: "Application Lifecycle",
  category: 6,
  categoryName: "Application Activity",
} as const;
const OUTBOUND = 2;

type Activity = { readonly id: number; readonly name: string };
const SEND: Activity = { id: 1, name: "Send" };
const RECEIVE: Activity = { id: 2, name: "Receive" };
const SCAN: Activity = { id: 3, name: "Scan" };
const TRACE: Activity = { id: 4, name: "Trace" };

/** What is not here is followed, not done: Trace. */
const ACTIVITIES: { readonly [K in EventKind]?: Activity } = {
  accepted: RECEIVE,
  inspected: SCAN,
  attempt: SEND,
  dot_sent: SEND,
  delivered: SEND,
  deferred: SEND,
  failed: SEND,
  unmet: SEND,
  possible_duplicate: SEND,
};

const SUCCESS = { status_id: 1, status: "Success" } as const;
const FAILURE = { status_id: 2, status: "Failure" } as const;
const STATUSES: { readonly [K in EventKind]?: typeof SUCCESS | typeof FAILURE } = {
  accepted: SUCCESS,
  inspected: SUCCESS,
  delivered: SUCCESS,
  deferred: FAILURE,
  failed: FAILURE,
  unmet: FAILURE,
};

/** OCSF: 1 informational, 2 low, 3 medium. */
const SEVERITIES: { readonly [K in EventKind]?: number } = {
  alert: 3,
  downgrade: 3,
  failed: 2,
  held: 2,
  unmet: 2,
  possible_duplicate: 2,
};
const SEVERITY_NAMES: Readonly<Record<number, string>> = { 1: "Informational", 2: "Low", 3: "Medium" };

type Facts = Readonly<Record<string, unknown>>;

export function ocsfLine(row: AuditRow, productVersion: string): string {
  const facts = factsOf(row.body);
  const product = { name: "Postern", vendor_name: "Postern", version: productVersion };
  const about = row.messageId === null ? serviceFacts(row.kind, facts, product) : emailFacts(row, row.messageId, facts);
  const severity = SEVERITIES[row.kind] ?? 1;
  return JSON.stringify({
    ...about,
    type_uid: about.class_uid * 100 + about.activity_id,
    time: row.at,
    severity_id: severity,
    severity: SEVERITY_NAMES[severity],
    metadata: {
      version: OCSF_VERSION,
      product,
      log_name: "audit",
      sequence: row.seq,
      uid: row.hash,
      event_code: row.kind,
    },
    ...STATUSES[row.kind],
    ...(typeof facts["code"] === "string" ? { status_detail: facts["code"] } : {}),
    ...(typeof facts["replyCode"] === "number" ? { status_code: String(facts["replyCode"]) } : {}),
    unmapped: facts,
  });
}

function emailFacts(row: AuditRow, messageId: string, facts: Facts) {
  const activity = ACTIVITIES[row.kind] ?? TRACE;
  return {
    category_uid: EMAIL.category,
    category_name: EMAIL.categoryName,
    class_uid: EMAIL.class,
    class_name: EMAIL.className,
    activity_id: activity.id,
    activity_name: activity.name,
    direction_id: OUTBOUND,
    direction: "Outbound",
    message_trace_uid: messageId,
    protocol_name: "SMTP",
    email: {
      uid: messageId,
      from: `${messageId}@sender.invalid`,
      to: [`${row.recipientId ?? messageId}@recipient.invalid`],
      ...(typeof facts["sizeBytes"] === "number" ? { size: facts["sizeBytes"] } : {}),
    },
    ...endpoints(row.kind, facts),
  };
}

function endpoints(kind: EventKind, facts: Facts): Facts {
  if (kind === "accepted" && typeof facts["peerAddress"] === "string" && facts["proof"] !== "self") {
    return { src_endpoint: { ip: facts["peerAddress"] } };
  }
  const at = kind === "attempt" ? (facts["attempt"] as Facts | undefined) : facts;
  if (typeof at?.["host"] !== "string") return {};
  const ip = typeof at["address"] === "string" ? { ip: at["address"] } : {};
  const port = typeof at["port"] === "number" ? { port: at["port"] } : {};
  return { dst_endpoint: { hostname: at["host"], ...ip, ...port } };
}

const LIFECYCLE: Readonly<Record<string, Activity>> = {
  created: { id: 1, name: "Install" },
  started: { id: 3, name: "Start" },
  stopped: { id: 4, name: "Stop" },
  reloaded: { id: 8, name: "Update" },
};

function serviceFacts(kind: EventKind, facts: Facts, product: object) {
  const what = kind === "service" && typeof facts["what"] === "string" ? facts["what"] : "";
  const activity = LIFECYCLE[what] ?? { id: 99, name: kind };
  return {
    category_uid: SERVICE.category,
    category_name: SERVICE.categoryName,
    class_uid: SERVICE.class,
    class_name: SERVICE.className,
    activity_id: activity.id,
    activity_name: activity.name,
    app: product,
  };
}

function factsOf(body: string): Facts {
  try {
    const facts: unknown = JSON.parse(body);
    return typeof facts === "object" && facts !== null ? (facts as Facts) : {};
  } catch {
    // An altered row; verification names it.
    return {};
  }
}
