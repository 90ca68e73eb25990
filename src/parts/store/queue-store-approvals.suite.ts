/** Requests for a second person's approval in a QueueStore, in examples; part of queue-store.suite.ts. */
import { expect, test } from "vitest";
import type { RecipientId } from "../../core/ids.ts";
import type { ApprovalChange, ApprovalRequest } from "../../core/review.ts";
import type { Bench } from "./queue-store.suite.ts";
import { LEASE, recipientAt, sampleMessage, START, step, transition } from "./queue-store.samples.ts";

export function describeApprovals(bench: Bench): void {
  const request = (id: string, recipientId: RecipientId, expiresAt = START + 50): ApprovalRequest => ({
    id,
    recipientId,
    act: "release",
    requestedBy: { user: "rita", uid: 1001, sudoUser: null },
    reason: "agreed",
    requestedAt: START,
    expiresAt,
  });
  const opened = (asked: ApprovalRequest): ApprovalChange => ({ kind: "opened", request: asked });
  const closed = ({ id, recipientId }: ApprovalRequest): ApprovalChange => ({
    kind: "closed",
    id,
    recipientId,
    as: "approved",
    at: START,
  });
  const commit = (approvals: readonly ApprovalChange[]) =>
    bench.store.commit({ ...transition(), approvals }, "durable");
  const open = async () => (await bench.store.approvals({ limit: 10 })).map(({ id }) => id);

  test("a request is read back as it was opened, by id, by recipient and by expiry, until it is closed", async () => {
    await bench.store.accept(sampleMessage(1, { recipients: 2 }));
    const [first, second] = [request("A", recipientAt(1, 1)), request("B", recipientAt(1, 2), START + 10)];
    await commit([opened(first), opened(second)]);
    expect(await bench.store.approvals({ limit: 10 })).toEqual([second, first]);
    expect(await bench.store.approvals({ id: "A", limit: 10 })).toEqual([first]);
    expect(await bench.store.approvals({ recipientIds: [recipientAt(1, 2)], limit: 10 })).toEqual([second]);
    expect(await bench.store.approvals({ recipientIds: [], limit: 10 })).toEqual([]);
    expect(await bench.store.approvals({ expiredBy: START + 10, limit: 10 })).toEqual([second]);
    await commit([closed(second)]);
    expect(await open()).toEqual(["A"]);
  });

  test("a second request for a recipient, and a second end of one, undo all that came with them", async () => {
    await bench.store.accept(sampleMessage(1, { lease: LEASE }));
    const asked = request("A", recipientAt(1));
    await commit([opened(asked)]);
    const patch = step(recipientAt(1), 1, { attempts: 7 });
    const both = { ...transition(patch), approvals: [opened(request("B", recipientAt(1)))] };
    await expect(bench.store.commit(both, "durable")).rejects.toThrow("PST-SPL-062");
    await commit([closed(asked)]);
    await expect(bench.store.commit({ ...transition(patch), approvals: [closed(asked)] }, "durable")).rejects.toThrow(
      "PST-SPL-062",
    );
    const [stored] = await bench.store.recipients({ messageId: sampleMessage(1).submission.id, limit: 1 });
    expect(stored?.attempts).toBe(0);
    // Closed ones are in nobody's way.
    await commit([opened(request("C", recipientAt(1)))]);
    expect(await open()).toEqual(["C"]);
  });

  test("with a stale claim nothing is opened or closed", async () => {
    await bench.store.accept(sampleMessage(1, { lease: LEASE }));
    const asked = request("A", recipientAt(1));
    const stale = { ...transition(step(recipientAt(1), 9, {})), approvals: [opened(asked)] };
    expect((await bench.store.commit(stale, "durable")).stale).toEqual([recipientAt(1)]);
    expect(await open()).toEqual([]);
  });

  test("requests are forgotten with their message", async () => {
    await bench.store.accept(sampleMessage(1, { lease: LEASE }));
    await commit([opened(request("A", recipientAt(1)))]);
    await bench.store.commit(transition(step(recipientAt(1), 1, { state: "delivered" })), "durable");
    await bench.store.reap(START + 1_000_000, 10);
    expect(await bench.store.message(sampleMessage(1).submission.id)).toBeNull();
    expect(await open()).toEqual([]);
  });
}
